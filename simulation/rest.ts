/**
 * The end of a run: trouble is over, everything comes to rest, the mesh is stopped in order and judged. Owns: that order,
 * and what it means that nothing is left to be done. Does not own: the checks.
 */
import { checkAtRest } from './checks/index.ts';
import { checkOwners, checkPending, unevenShares } from './checks/living.ts';
import { checkReaders } from './checks/reading.ts';
import { submissionsIn } from './checks/submissions.ts';
import { depart } from './departure.ts';
import { LEASE_TTL_MS } from './faults.ts';
import type { Stored } from './history.ts';
import type { Random } from './random.ts';
import type { Run } from './simulate.ts';

/** A healed mesh has to be done with everything by then: the longest deadline of a task and some patience. */
const REST_LIMIT_MS = 1_500_000;
export const LOOK_EVERY_MS = 400;
/** In this time every host has beaten, knows what others took from it while it was away, and has taken what is free. */
const LEASES_KNOWN_MS = LEASE_TTL_MS * 2;
const STOP_LIMIT_MS = 30_000;

/** Ends all trouble, waits until everything is done, stops the mesh cleanly and judges. */
export async function rest(run: Run, random: Random): Promise<void> {
  const { scheduler, report, plan, log, hosts } = run;
  plan.heal();
  run.shares.heal();
  report.note('mesh', 'healed');
  log.comeUp();
  endTwins(run);
  for (const host of hosts) {
    host.heal();
    host.start();
  }
  const healedAtMs = scheduler.nowMs;
  let looked = 0;
  let quiet = 0;
  const atRest = (): boolean => {
    if (report.failed) return true;
    if (scheduler.elapsedMs - looked < LOOK_EVERY_MS) return false;
    looked = scheduler.elapsedMs;
    checkPending(run);
    quiet = isQuiet(run) ? quiet + 1 : 0;
    return quiet > 2 && scheduler.nowMs - healedAtMs > LEASES_KNOWN_MS;
  };
  if (!(await scheduler.run(atRest, REST_LIMIT_MS))) {
    if (run.losing === 'retention') {
      checkAtRest(run);
      return;
    }
    report.violation('progress', `not at rest ${REST_LIMIT_MS} ms after the last fault: ${unrest(run).join('; ')}`);
  }
  if (report.failed) return;
  report.note('mesh', 'at rest');
  checkOwners(run);
  checkReaders(run);
  run.shares.end();
  await depart(run, random);
  if (report.failed) return;
  for (const host of hosts) {
    host.retire();
    host.stop(0);
  }
  const stopped = (): boolean => report.failed || hosts.every(({ down }) => down);
  if (!(await scheduler.run(stopped, STOP_LIMIT_MS))) report.violation('stop', 'the mesh does not stop');
  if (!report.failed) checkAtRest(run);
}

/** Somebody finds the mistake, ends what was too much, and starts again what may not have noticed. */
function endTwins({ twins, hosts }: Run): void {
  for (const twin of twins) twin.end();
  for (const host of hosts) if (twins.some(({ service }) => service === host.service)) host.kill('kill', 100);
}

function isQuiet(run: Run): boolean {
  return unrest(run).length === 0;
}

/** What still has to happen, in words. */
function unrest(run: Run): string[] {
  const { hosts, clients } = run;
  const reasons: string[] = [];
  if (!clients.idle) reasons.push('clients wait');
  // The cheapest first: while a task is open nobody has to be asked whether all is done.
  const open = openTasks(run);
  if (open.length > 0) return [...reasons, `open: ${open.join(', ')}`];
  for (const { name, readySinceMs, host, standsBy } of hosts) {
    if (readySinceMs === null || !host) {
      reasons.push(`${name} is not up`);
      continue;
    }
    if (standsBy) reasons.push(`${name} stands by`);
    const { unacknowledged, effectsQueued, effectsRunning } = host.stats();
    if (unacknowledged > 0) reasons.push(`${name} has ${unacknowledged} outputs to send`);
    if (effectsRunning + effectsQueued > 0) reasons.push(`${name} runs effects`);
  }
  reasons.push(...unevenShares({ hosts, services: run.catalog.services.keys() }));
  return reasons;
}

const ended = /\.task\.(completed|failed|cancelled)\.v1$/;

const lastOpen = new WeakMap<readonly Stored[], readonly string[]>();

/** Tasks whose submission is in the log, or that were ever accepted, and that have no end there. */
function openTasks(run: Run): readonly string[] {
  const now = run.history.now();
  const known = lastOpen.get(now);
  if (known) return known;
  const { expectedTasks } = submissionsIn(run);
  for (const { event } of now) if (event && ended.test(event.type)) expectedTasks.delete(event.correlationid);
  const open = [...expectedTasks];
  lastOpen.set(now, open);
  return open;
}
