/**
 * One run: a mesh, its users and its faults, from a seed. Owns: the order of a run: trouble, healing, coming to rest,
 * stopping, judging. Does not own: any of the parts.
 */

import type { LedgerBatch } from '../actors/runtime/ledger/port.ts';
import type { RuntimeLimits } from '../actors/runtime/limits.ts';
import { createMemoryLog, type MemoryLog } from '../bus/memory-bus.ts';
import { ingress } from '../ingress/ingress.ts';
import type { Catalog } from './catalog.ts';
import { requestOf } from './checks/effects.ts';
import { checkAtRest } from './checks/index.ts';
import { watchLeases } from './checks/leases.ts';
import { checkAnnouncements, checkClaim, checkLeaving, checkUnsent, mayBegin } from './checks/leaving.ts';
import { checkOwners, checkPending, unevenShares } from './checks/living.ts';
import { checkAhead, checkPaused, checkReaders } from './checks/reading.ts';
import { Shares } from './checks/shares.ts';
import { submissionsIn } from './checks/submissions.ts';
import { Clients } from './clients.ts';
import { depart } from './departure.ts';
import { applyFault, loseEnd } from './fault-effects.ts';
import { FaultPlan } from './fault-plan.ts';
import { drawFaults, type Fault, isFurther, LEASE_TTL_MS, type Losing } from './faults.ts';
import { Forgotten } from './forgotten.ts';
import { decoded, History, type Stored } from './history.ts';
import { trail } from './host-ports.ts';
import { HostProcess } from './hosts.ts';
import { Random } from './random.ts';
import { Report, type Violation } from './report.ts';
import { rollback } from './rollback.ts';
import { Scheduler } from './scheduler.ts';
import type { Surroundings } from './surroundings.ts';
import { type Disturbance, drawWorkload, type Workload } from './workload.ts';
import { World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  readonly catalog: Catalog;
  /** Indices of the faults and disturbances to keep; all when absent. */
  readonly only?: readonly number[];
  readonly trace?: boolean;
}

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly counts: ReadonlyMap<string, number>;
  /** As drawn, before `only` chose among them. */
  readonly faults: readonly Fault[];
  readonly disturbances: readonly Disturbance[];
  readonly trace: readonly string[];
  readonly tasksRun: number;
  readonly virtualMs: number;
}

/** What everything in a run can reach. */
export interface Run {
  readonly catalog: Catalog;
  readonly losing: Losing;
  readonly scheduler: Scheduler;
  readonly report: Report;
  readonly plan: FaultPlan;
  readonly log: MemoryLog;
  readonly history: History;
  readonly world: World;
  readonly clients: Clients;
  readonly hosts: readonly HostProcess[];
  /** Processes that nobody meant to run. */
  readonly twins: HostProcess[];
  readonly forgotten: Forgotten;
  readonly workload: Workload;
  readonly brokerClock: { aheadMs: number };
  readonly shares: Shares;
  /** Hosts that have to say that something is lost for good. */
  readonly owedLoss: Set<string>;
}

/** Time in which people ask and faults begin. */
const TROUBLE_MS = 2500;
/** Faults that last end at the latest between these moments: before and after leases would have been lost. */
const HEAL_FROM_MS = 3500;
const HEAL_TO_MS = 16_000;
/** Hosts that get little of their processor do so for long enough to see whether they settle. */
const STARVED_MS = 200_000;
/** A healed mesh has to be done with everything by then: the longest deadline of a task and some patience. */
const REST_LIMIT_MS = 1_500_000;
const LOOK_EVERY_MS = 400;
/** In this time every host has beaten, knows what others took from it while it was away, and has taken what is free. */
const LEASES_KNOWN_MS = LEASE_TTL_MS * 2;
const STOP_LIMIT_MS = 30_000;

export async function simulate(options: RunOptions): Promise<RunResult> {
  const random = new Random(`seed ${options.seed}`);
  const { run, faults, disturbances } = build(options, random);
  const { scheduler, report, plan, clients, hosts } = run;
  const rejected = (error: unknown): void => report.violation('host', `nobody handled: ${trail(error)}`);
  process.on('unhandledRejection', rejected);
  try {
    for (const host of hosts) {
      // A host that comes for the first time when the log was lost knows of nobody: docs/reliability.md, known limits.
      const late = isFurther(host.name) && run.losing !== 'log';
      scheduler.after(late ? random.int(0, 1500) : 0, () => host.start());
    }
    for (const fault of plan.timed) scheduler.after(fault.atMs, () => applyFault(run, fault));
    clients.start();
    let looked = 0;
    const over = (): boolean => {
      if (scheduler.elapsedMs - looked >= LOOK_EVERY_MS) {
        looked = scheduler.elapsedMs;
        checkPending(run);
      }
      return report.failed;
    };
    const isStarved = plan.timed.some(({ kind }) => kind === 'starved');
    await scheduler.run(over, isStarved ? STARVED_MS : random.fork('heal').int(HEAL_FROM_MS, HEAL_TO_MS));
    if (!report.failed) await rest(run, random.fork('departure'));
  } catch (error) {
    report.violation('host', `a check has thrown: ${trail(error)}`);
  } finally {
    process.off('unhandledRejection', rejected);
  }
  return {
    seed: options.seed,
    violations: report.violations,
    counts: report.counts,
    faults,
    disturbances,
    trace: report.trace ?? [],
    tasksRun: scheduler.tasksRun,
    virtualMs: scheduler.elapsedMs,
  };
}

interface Built {
  readonly run: Run;
  readonly faults: readonly Fault[];
  readonly disturbances: readonly Disturbance[];
}

/** Keeps the chosen ones of a list that continues another. */
function keep<T>(items: readonly T[], offset: number, only: readonly number[] | undefined): T[] {
  return items.filter((_, index) => !only || only.includes(offset + index));
}

function build(options: RunOptions, random: Random): Built {
  const { only } = options;
  const catalog = placed(options.catalog, random.fork('placement'));
  let report: Report | null = null;
  const scheduler = new Scheduler((error) => report?.violation('host', `uncaught: ${trail(error)}`));
  report = new Report(() => scheduler.elapsedMs, { trace: options.trace ?? false });
  const losing = drawLosing(random.fork('losing'));
  const names = drawHosts(catalog, random.fork('hosts'), losing);
  const lanes = lanesOf(catalog, names);
  const ground = { hosts: [...names.keys()], lanes, untilMs: TROUBLE_MS };
  const drawn = drawFaults(random.fork('faults'), ground, losing);
  const faults = keep(drawn, 0, only);
  const fullWorkload = drawWorkload(random.fork('workload'), catalog, TROUBLE_MS - 500, {
    forged: losing !== 'log' && losing !== 'back',
    delivers: drawn.some(({ kind }) => ABOUT_DEEDS.has(kind)) || drawn.some(isOnce),
  });
  const workload = { ...fullWorkload, disturbances: keep(fullWorkload.disturbances, drawn.length, only) };
  const plan = new FaultPlan(faults, report);
  const brokerClock = { aheadMs: 0 };
  const now = (): number => Math.floor(scheduler.nowMs + brokerClock.aheadMs);
  const duplicateBeforeConflict = random.fork('server').chance(0.5);
  const log = createMemoryLog({ now, defer: network(scheduler, random), duplicateBeforeConflict });
  const history = new History(log);
  const clients = new Clients({ scheduler, random: random.fork('clients'), report, log, history, catalog, workload });
  const hosts: HostProcess[] = [];
  const twins: HostProcess[] = [];
  const forgotten = new Forgotten();
  const world = new World({
    scheduler,
    random: random.fork('world'),
    plan,
    report,
    catalog,
    mayBegin: (effect) => mayBegin({ log, history, hosts: [...hosts, ...twins], catalog }, effect),
    requestOf: (effect) => requestOf({ history, hosts: [...hosts, ...twins] }, effect),
    mayRepeat: (key) => forgotten.mayRepeat(key),
    onDeed(gate) {
      const host = hosts.find((one) => one.gate === gate);
      const fault = host ? plan.atDeed() : null;
      if (fault) scheduler.after(fault.laterMs, () => host?.gate === gate && host.kill(fault.how, fault.downMs));
    },
  });
  let run: Run;
  const around: Surroundings = {
    ...{ scheduler, report, plan, catalog, log, world, history },
    afterwards: (request) => clients.afterwards(request),
    onCommit(host, batch) {
      const says = hosts.includes(host) && announces(batch);
      const back = says ? plan.beforeWord() : null;
      // The batch is in neither store yet.
      if (back) rollback(run, back);
      const fault = says ? plan.atAnnouncement() : null;
      const { gate } = host;
      if (fault) scheduler.after(0, () => host.gate === gate && host.stop(fault.downMs));
      checkUnsent({ report, history, plan }, host, batch);
      checkAhead({ report, history, plan, hosts }, host, batch);
    },
    onRead: (host) => checkPaused({ report, history, plan, hosts }, host),
    onStopped: (host) => checkAnnouncements({ report, history, world }, host),
    onBrokerCut: (fault) => loseEnd(run, fault),
    onSend(host, request, connection) {
      checkClaim({ report, log }, host, request, connection);
      checkLeaving({ report, history }, host, request, connection);
    },
  };
  const traits = random.fork('traits');
  const commitMode = traits.chance(0.25) ? 'hop' : 'group';
  const limits = drawLimits(random.fork('limits'), losing);
  for (const [name, service] of names) {
    const own = random.fork(`host ${name}`);
    const grows = own.chance(0.2);
    const narrow = random.fork(`narrow ${name}`).chance(0.2);
    const isStandby = name.endsWith('-2') && random.fork(`standby ${name}`).chance(0.3);
    const ofAll = { leaseTtlMs: LEASE_TTL_MS, commitMode, limits } as const;
    hosts.push(new HostProcess({ name, service, random: own, grows, narrow, isStandby, ...ofAll }, around));
  }
  run = {
    ...{ catalog, losing, scheduler, report, plan, log, history, world, clients, hosts, twins, forgotten },
    ...{ workload, brokerClock, shares: new Shares({ hosts, report, scheduler, plan, history, world }) },
    owedLoss: new Set(),
  };
  watchLeases(run);
  history.listen(({ message, event }) =>
    report.note('log', `${message.seq} ${message.subject} ${event?.type ?? ''} ${event?.id ?? ''}`),
  );
  return { run, faults: drawn, disturbances: fullWorkload.disturbances };
}

/** Faults that need a deed which may not be repeated. */
const ABOUT_DEEDS: ReadonlySet<Fault['kind']> = new Set(['deed', 'announcement', 'rollback-before-word']);

function isOnce(fault: Fault): boolean {
  return fault.kind === 'effect' && fault.once === true;
}

/** A record says that a deed begins which may not be repeated. */
function announces({ records }: LedgerBatch): boolean {
  const began = 'dev.agentmesh.effect.started.v1';
  return records.some(({ body }) =>
    decoded(body).inputs.some((input) => input.kind === 'event' && input.event.type === began),
  );
}

/** Roles lie in processes as shipped, or all in one, or each in one of its own. */
function placed(catalog: Catalog, random: Random): Catalog {
  const throwOf = random.unit();
  if (throwOf < 0.4) return catalog;
  if (throwOf < 0.7) return { ...catalog, services: new Map([['agents', catalog.roles]]) };
  return { ...catalog, services: new Map(catalog.roles.map((role) => [role.name, [role]])) };
}

/** Half of the runs have limits that are reached at every turn. */
function drawLimits(random: Random, losing: Losing): Partial<RuntimeLimits> {
  if (random.chance(0.5)) return {};
  // Who begins at a checkpoint cannot give the log what was before it: docs/reliability.md, known limits.
  const mayLoseLog = losing !== 'nothing' && losing !== 'ledgers';
  const copied = mayLoseLog ? {} : { copiedRecordsMax: random.fork('copied').skewed(1, 200) };
  return {
    ...copied,
    recordBytesMax: random.skewed(200, 20_000),
    recordInputsMax: random.int(1, 12),
    recordsAheadMax: random.skewed(1, 50),
    logPatienceMs: random.skewed(5, 500),
    sendingMax: random.skewed(1, 50),
    idleTasksMax: random.int(0, 5),
    checkpointRecords: random.int(5, 50),
    checkpointTasks: random.int(5, 50),
    checkpointIdleMs: random.skewed(500, 30_000),
    timeMarkMs: random.skewed(500, 20_000),
  };
}

function drawLosing(random: Random): Losing {
  const throwOf = random.unit();
  if (throwOf < 0.42) return 'nothing';
  if (throwOf < 0.6) return 'ledgers';
  if (throwOf < 0.78) return 'log';
  return throwOf < 0.97 ? 'back' : 'retention';
}

/**
 * One host a service, and sometimes a second and a third one of some service. Not when all goes back to an older state:
 * what another host has folded is neither the log nor a ledger of it.
 */
function drawHosts(catalog: Catalog, random: Random, losing: Losing): Map<string, string> {
  const names = new Map([...catalog.services.keys()].map((service) => [service, service]));
  const own = losing === 'log' ? random.fork('standby of a lost log') : random;
  if (losing !== 'back' && own.chance(0.35)) {
    const service = own.pick([...catalog.services.keys()]);
    names.set(`${service}-2`, service);
    if (random.fork('a third').chance(0.25)) names.set(`${service}-3`, service);
  }
  return names;
}

function lanesOf(catalog: Catalog, names: ReadonlyMap<string, string>): (host: string) => readonly string[] {
  return (host) => {
    const service = names.get(host) ?? '';
    const roles = catalog.services.get(service)?.map(({ name }) => name) ?? [];
    return roles.includes(ingress.role) ? [...roles, ingress.name] : roles;
  };
}

/** How long things travel: mostly a fraction of a millisecond; how often longer, the seed decides. */
function network(scheduler: Scheduler, random: Random): (task: () => void) => void {
  const way = random.fork('network');
  const slowShare = way.pick([0, 0.02, 0.1]);
  const slowMs = way.skewed(2, 60);
  return (task) => {
    const delay = way.chance(slowShare) ? way.unit() * slowMs : way.unit() * 0.6;
    scheduler.after(delay, task);
  };
}

/** Ends all trouble, waits until everything is done, stops the mesh cleanly and judges. */
async function rest(run: Run, random: Random): Promise<void> {
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
