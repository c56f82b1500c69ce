/**
 * One run: a mesh, its users and its faults, from a seed. Owns: building it, and the order of a run. Does not own: any of
 * the parts, what the seed decides beforehand (`setting.ts`), or the end (`rest.ts`).
 */

import type { LedgerBatch } from '../actors/runtime/ledger/port.ts';
import { createMemoryLog, type MemoryLog } from '../bus/memory-bus.ts';
import type { Catalog } from './catalog.ts';
import { requestOf } from './checks/effects.ts';
import { watchLeases } from './checks/leases.ts';
import { checkAnnouncements, checkClaim, checkLeaving, checkUnsent, mayBegin } from './checks/leaving.ts';
import { checkPending } from './checks/living.ts';
import { checkAhead, checkPaused } from './checks/reading.ts';
import { Shares } from './checks/shares.ts';
import { Clients } from './clients.ts';
import { drawFaults, type Losing } from './draw-faults.ts';
import { applyFault, loseEnd } from './fault-effects.ts';
import { FaultPlan } from './fault-plan.ts';
import { type Fault, isFurther, LEASE_TTL_MS } from './faults.ts';
import { Forgotten } from './forgotten.ts';
import { decoded, History } from './history.ts';
import { trail } from './host-ports.ts';
import { HostProcess } from './hosts.ts';
import { Random } from './random.ts';
import { Report, type Violation } from './report.ts';
import { LOOK_EVERY_MS, rest } from './rest.ts';
import { rollback } from './rollback.ts';
import { Scheduler } from './scheduler.ts';
import { drawHosts, drawLimits, drawLosing, lanesOf, network, placed } from './setting.ts';
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
      checkAhead({ report, history }, host, batch);
    },
    onRead: (host) => checkPaused({ report, history }, host),
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
