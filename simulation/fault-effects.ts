/**
 * Makes faults of a moment happen. Owns: that. Does not own: faults that wait for a passing (`hosts.ts`, `world.ts`,
 * `simulated-bus.ts`).
 */

import { decodeHead } from '../actors/runtime/journal/record.ts';
import { seqOf } from '../actors/runtime/recovery/witness.ts';
import { bucketStream, LEASE_BUCKET } from '../bus/layout.ts';
import { type MemoryStream, serverOf } from '../bus/memory-log.ts';
import { QUARANTINE_STREAM, STREAM } from '../schemas/events/subjects.ts';
import type { Fault } from './faults.ts';
import { filterOf, type HostProcess } from './hosts.ts';
import { rollback } from './rollback.ts';
import type { Run } from './simulate.ts';
import { startTwin } from './twins.ts';

export function applyFault(run: Run, fault: Fault): void {
  const { plan, scheduler, hosts, report } = run;
  if (plan.healed) return;
  const named = 'host' in fault ? hosts.find(({ name }) => name === fault.host) : undefined;
  report.note('fault', JSON.stringify(fault));
  switch (fault.kind) {
    case 'broker-restart':
    case 'broker-truncated':
    case 'broker-wiped':
      broker(run, fault);
      return;
    case 'broker-clock':
      run.brokerClock.aheadMs += fault.byMs;
      plan.fire(fault);
      return;
    case 'rollback':
      rollback(run, fault);
      return;
    case 'starved':
      for (const host of hosts) if (fault.hosts.includes(host.name)) host.starve(fault.stepMs);
      plan.fire(fault);
      return;
    case 'crash':
    case 'stall':
    case 'publish':
    case 'disk-refuses':
    case 'effect':
    case 'deed':
    case 'announcement':
    case 'rollback-before-word':
    case 'broker-cut':
      throw new Error(`${fault.kind} waits for a passing`);
    default:
  }
  if (!named || named.down) return;
  plan.fire(fault);
  switch (fault.kind) {
    case 'kill':
      named.kill(fault.how, fault.downMs);
      return;
    case 'pause':
      named.pause(fault.ms);
      return;
    case 'stop':
      named.stop(fault.downMs);
      return;
    case 'slow-lane':
      named.slowLane(fault.lane, fault.ms);
      return;
    case 'cut':
      named.cut(fault.ms);
      return;
    case 'hang':
      named.hang(fault.ms);
      return;
    case 'slow-disk':
      named.slowDisk(fault.extraMs);
      scheduler.after(fault.ms, () => named.slowDisk(0));
      return;
    case 'ledger-lost':
      named.kill('kill', fault.downMs);
      named.disk.lose(fault.how);
      return;
    case 'clock':
      named.moveClock(fault.byMs);
      return;
    case 'twin':
      startTwin(run, named, fault);
      return;
    case 'retention':
      retention(run, named, fault);
      return;
    default:
      throw new Error(`unknown fault ${JSON.stringify(fault satisfies never)}`);
  }
}

type BrokerFault = Extract<Fault, { kind: 'broker-restart' | 'broker-truncated' | 'broker-wiped' }>;

function broker(run: Run, fault: BrokerFault): void {
  const { log, plan, scheduler, hosts } = run;
  const server = serverOf(log);
  if (!log.up || !server.findStream(STREAM)) return;
  if (fault.kind !== 'broker-restart' && !haveMet(hosts)) return;
  plan.fire(fault);
  if (fault.kind === 'broker-truncated' && fault.everyone) for (const host of hosts) host.kill('power', fault.ms);
  log.goDown();
  if (fault.kind === 'broker-wiped') log.wipe();
  if (fault.kind === 'broker-truncated') {
    cutShort(run, STREAM, fault.messages);
    cutShort(run, QUARANTINE_STREAM, fault.quarantined);
    cutShort(run, bucketStream(LEASE_BUCKET), fault.leases);
  }
  scheduler.after(fault.ms, () => log.comeUp());
}

/** Hosts of a service that know nothing of each other cannot wait for each other: docs/reliability.md, known limits. */
function haveMet(hosts: readonly HostProcess[]): boolean {
  return hosts.every(({ name, service, disk }) => {
    const known = disk.tables.meta.get('hosts') ?? '{}';
    const { hosts: met = [] } = JSON.parse(known) as { readonly hosts?: readonly string[] };
    return hosts.every((other) => other.service !== service || other.name === name || met.includes(other.name));
  });
}

/** The broker goes down, and comes back without its newest messages. */
export function loseEnd(run: Run, fault: Extract<Fault, { kind: 'broker-cut' }>): void {
  if (!run.log.up) return;
  run.log.goDown();
  cutShort(run, STREAM, fault.messages);
  run.scheduler.after(fault.ms, () => run.log.comeUp());
}

function cutShort({ log }: Run, name: string, messages: number): void {
  const stream = serverOf(log).findStream(name);
  stream?.truncate(Math.max(stream.info().firstSeq - 1, stream.lastSeq - messages));
}

/** While a host is down the log goes on, and drops by age what that host has not read. */
function retention(run: Run, host: HostProcess, fault: Extract<Fault, { kind: 'retention' }>): void {
  host.kill('kill', fault.downMs);
  run.scheduler.after(fault.downMs / 2, () => {
    const stream = serverOf(run.log).findStream(STREAM);
    if (!stream || !run.log.up || !host.down || stream.lastSeq === 0) return;
    if (fault.ledgerToo) host.disk.lose('deleted');
    // Where another host stands by, that one has what this one lacks.
    const alone = run.hosts.filter(({ service }) => service === host.service).length === 1;
    if (alone && (fault.ledgerToo || hasUnread(host, stream))) run.owedLoss.add(host.name);
    run.log.expire('log', stream.lastSeq + 1);
    run.report.note('fault', `the log now begins at ${stream.info().firstSeq}`);
  });
}

/**
 * True when the stream holds something that the host reads, beyond the furthest place its ledger knows. What one of its
 * roles had left unread before that place is lost in silence: docs/reliability.md, known limits.
 */
function hasUnread({ disk, reads }: HostProcess, stream: MemoryStream): boolean {
  const { firstSeq, lastSeq } = stream.info();
  const ends = disk.tables.partitions.flatMap(({ last }) => (last === null ? [] : [last]));
  const known = ends.flatMap(({ seq, body }) => [seq ?? 0, seqOf(decodeHead(body).tail)]);
  const furthest = Math.max(0, ...known);
  return reads.some((lane) => {
    const next = stream.next(Math.max(firstSeq, furthest + 1), filterOf(lane));
    return next !== null && next.seq <= lastSeq;
  });
}
