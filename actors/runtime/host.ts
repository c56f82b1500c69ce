/**
 * A process' share of the mesh: it reads the log, applies what it reads and what its effects give, records that in both
 * stores, and sends what follows. Owns: putting the parts together, and the order of start and stop. Does not own: reading
 * (`reading.ts`), what is done with an input (`inputs.ts`), its meaning (`task.ts`), recording (`journal.ts`), sending (`sender.ts`), opening a
 * partition (`recovery.ts`), effects, timers, leases.
 *
 * Invariants:
 * 1. A start is: open the partitions that this host has, each by the one way there is; read on.
 * 2. Shutdown: stop reading, let unrepeatable effects end and take back those that were only announced, stop the others,
 *    record, send, say so in the journal, release the leases, close the ledger.
 */
import { randomUUID } from 'node:crypto';
import { BusError } from '../../bus/port.ts';
import { EVENT_CONTENT_TYPE, type MeshEvent } from '../../schemas/events/envelope.ts';
import { factSubject, partitionNumbers, partitionOf } from '../../schemas/events/subjects.ts';
import type { AtCrashPoint } from './crash-points.ts';
import type { EffectStats } from './effects/effect-queues.ts';
import { createEffects, type Effects } from './effects/effects.ts';
import { createRequests } from './effects/requests.ts';
import { progress, timerFired } from './effects/settlement.ts';
import { createTimers, type Timers } from './effects/timers.ts';
import { FatalError } from './errors.ts';
import type { HostContext, HostOptions } from './host-context.ts';
import { createJournal, type Journal } from './journal/journal.ts';
import { emptyBatch, type Ledger } from './ledger/port.ts';
import { defaultLimits, type RuntimeLimits } from './limits.ts';
import { createInputs, type Inputs } from './messages/inputs.ts';
import { createReading } from './messages/reading.ts';
import { createSender, type Sender } from './messages/sender.ts';
import { createHandOver } from './partitions/hand-over.ts';
import { createOwnership, type Ownership } from './partitions/ownership.ts';
import { createPartitions, type Partitions } from './partitions/partitions.ts';
import { createSharing } from './partitions/sharing.ts';
import { createSuccession } from './partitions/succession.ts';
import { type Clock, untraced } from './ports.ts';
import { createCheckpointLog } from './recovery/checkpoint-log.ts';
import { judge, storedBy } from './recovery/log-verdict.ts';
import { createWitness } from './recovery/witness.ts';
import { changedMachines, changeText } from './tasks/machine-form.ts';
import { preflight } from './tasks/preflight.ts';
import { recallEnded } from './tasks/recall.ts';
import { readTask } from './tasks/snapshot.ts';

export interface HostStats {
  /** Tasks in memory. */
  readonly instances: number;
  readonly effectsRunning: number;
  readonly effectsQueued: number;
  /** Of every effect that was wanted since the start. */
  readonly effects: readonly EffectStats[];
  /** Limits of time that are waited for. */
  readonly timers: number;
  /** Messages in the log that this host has not read yet, as far as it has heard. */
  readonly cursorLag: number;
  /** Records and messages that are not in the log yet. */
  readonly unacknowledged: number;
  readonly applied: number;
  readonly duplicates: number;
  readonly quarantined: number;
  /** How many partitions of its service the host has, by role. */
  readonly partitions: Readonly<Record<string, number>>;
}

export interface Host {
  /**
   * Resolves when everything stored before the start has been applied and pending work runs, or when a stop has cut the
   * start short. @throws FatalError
   */
  start(): Promise<void>;
  stop(): Promise<void>;
  stats(): HostStats;
  /**
   * What is remembered of an actor: null when nothing, `ended` when only that there was one, `elsewhere` when another
   * host has its partition.
   * @throws FatalError when no machine can read it
   */
  recall(role: string, correlationId: string): RecalledActor | 'ended' | 'elsewhere' | null;
}

export interface RecalledActor {
  /** Of its machine. */
  readonly snapshot: { readonly value: unknown; readonly context: unknown };
  /** When something happened to it for the last time, milliseconds since the epoch. */
  readonly updatedAtMs: number;
}

export function createHost(options: HostOptions): Host {
  const { bus, ledger, clock, log, service } = options;
  const roles = new Map(options.roles.map((role) => [role.name, role]));
  const limits: RuntimeLimits = { ...defaultLimits, ...options.limits };
  const at: AtCrashPoint = options.at ?? (() => undefined);
  const self = options.process ?? randomUUID();
  const tracing = options.tracing ?? untraced;
  let stopping = false;
  let ended = false;
  let logLost = false;
  let carefulUntilMs = 0;

  // While stopping, too: a stop that waits for a disk that refuses would wait for ever.
  const fatal = (error: unknown): void => {
    if (ended) return;
    ended = true;
    stopping = true;
    options.onFatal(asFatal(error));
  };
  const witness = createWitness({
    ...{ bus, clock, onFatal: fatal },
    stored: () => storedBy(sender, journal),
    record: () => journal.furthest(),
  });
  const { whenCertain } = witness;
  const recordSeq = (partition: number, n: number): number | null =>
    journal.seqOf(partition, n) ?? ledger.record(partition, n)?.seq ?? null;
  const sender: Sender = createSender({
    ...{ bus, clock, log, limits, at, tracing, recordSeq, whenCertain, onFatal: fatal },
    furthest: () => storedBy(sender, journal).log,
  });
  const journal: Journal = createJournal({
    ...{ service, ledger, bus, clock, limits, at, whenCertain },
    headOf: (record) => partitions.headOf(record),
    onSealed: (partition, n, id) => partitions.sealed(partition, n, id),
    onTold: (partition, n) => partitions.told(partition, n),
    onRefused: (partition, other) => partitions.refused(partition, other),
    onStrays: (partition, strays) => partitions.strays(partition, strays),
    beforeCommit: () => effects.markBegun(),
    checkpoints: () => partitions.checkpoints(),
    onFatal: fatal,
  });
  const timers: Timers = createTimers(clock, (owner, row) => {
    at('timer-due');
    const actor = partitions.get(owner.partition)?.tasks.actor(owner.task, owner.role);
    if (actor) inputs.settlement(owner, timerFired(actor, row, clock.now()));
  });
  const effects: Effects = createEffects({
    ...{ clock, log, limits, at },
    crashes: ledger.begun(),
    waitsForCommit: options.commitMode === 'hop',
    isCareful: () => clock.elapsed() < carefulUntilMs,
    tracing,
    admission: options.admission ?? (() => null),
    actorOf: ({ partition, task, role }) => partitions.get(partition)?.tasks.actor(task, role.name) ?? null,
    isDoubtful: ({ partition, task }) => partitions.get(partition)?.tasks.find(task)?.doubtful ?? false,
    async isOpen({ partition, task }, isWanted) {
      const known = partitions.get(partition)?.tasks.find(task);
      return known?.fresh || requests.isOpen(partition, task, isWanted);
    },
    enter: ({ partition, role }, event) => inputs.settlement({ partition, role: role.name }, event),
    whenTold: (partition, n, callback) => journal.whenTold(partition, n, callback),
    begun: (key, crashes) => journal.begun(key, crashes),
    remembered: () => journal.remembered(),
    hurry: () => journal.hurry(),
    progress({ partition, task, role }, row, note) {
      const part = partitions.get(partition);
      const known = part?.tasks.find(task);
      const actor = known?.actors.get(role.name);
      // Nobody is told of a task before both stores know it.
      if (!known || !actor || known.firstN > journal.told(partition)) return;
      (options.tellProgress ?? say)(progress(actor, row, note, clock.now()));
    },
  });
  const say = (event: MeshEvent): void => {
    const headers = { 'content-type': EVENT_CONTENT_TYPE, traceparent: event.traceparent };
    bus
      .publish({ subject: factSubject(event.correlationid), body: JSON.stringify(event), msgId: event.id, headers })
      .catch((error: unknown) => log.debug({ error: String(error) }, 'progress was not published'));
  };
  const succession = createSuccession({
    ...{ service, name: options.name, process: self, bus, ledger, clock, log, limits, witness },
    remember: (key, value) => journal.meta(key, value),
  });
  const ownership: Ownership = createOwnership({
    ...{ leases: bus.leases, clock, log, service, holder: options.name },
    onConnection: (listener) => bus.onConnection(listener),
    mayClaim: (partition) => succession.mayClaim(partition),
    mustClaim: (partition) => succession.mustClaim(partition),
    onGained: (gained) => opening.push(open(gained)),
    onLost(lost) {
      log.warn({ partitions: lost }, 'another host has taken these partitions');
      partitions.lost(lost);
    },
    share: () => sharing.share(),
    onBeat(has, waits) {
      partitions.look();
      succession.look();
      sharing.tell(has, waits);
      if (!stopping) handOver.give(sharing.surplus(has));
    },
  });
  const sharing = createSharing({
    ...{ service, name: options.name, roles: options.roles, bus, clock },
    ...{ ttlMs: bus.leases.ttlMs, holds: (host) => ownership.holds(host) },
    standsBy: () => options.standby || ownership.standsBy,
  });
  const context: HostContext = {
    ...{ ...options, limits, at, tracing, process: self, onFatal: fatal },
    ...{ journal, sender, timers, effects, ownership, witness },
  };
  const partitions: Partitions = createPartitions({
    ...context,
    recovery: { service, roles, limits, ledger, bus, clock, log, tracing },
    checkpointLog: createCheckpointLog({ service, bus, ledger, process: self, told: journal.told, recordSeq }),
    logLost: () => logLost,
    onOpened(part) {
      inputs.resume(part);
      reading.reopen();
    },
    onClosed: (partition) => effects.drop(partition),
    onStray: (part, message) => inputs.stray(part, message),
  });
  const handOver = createHandOver({ ...context, partitions, onFatal: fatal });
  const requests = createRequests({
    ...{ bus, ledger, clock, limits, roles, onFatal: fatal },
    partition: (number) => partitions.get(number),
  });
  let endAnswers = (): void => undefined;
  const inputs: Inputs = createInputs({ ...context, rolesByName: roles, partitions });
  /** What was gained is being opened. */
  const opening: Promise<void>[] = [];
  const open = async (gained: readonly number[]): Promise<void> => {
    try {
      await partitions.gained(gained);
    } catch (error) {
      fatal(error);
    }
  };
  const reading = createReading({ ...context, partitions, inputs });

  const start = async (): Promise<void> => {
    preflight(roles, storedTasks(ledger));
    if (ledger.meta(ALIVE) === 'yes') carefulUntilMs = clock.elapsed() + CAREFUL_MS;
    await ledger.commit({ ...emptyBatch, meta: [{ key: ALIVE, value: 'yes' }] });
    logLost = await judge({ ledger, witness, sender, log }, succession.memory);
    endAnswers = requests.answer();
    await succession.start(logLost);
    if (stopping) return;
    await ownership.start();
    await Promise.all(opening);
    if (stopping) return;
    tellChangedMachines();
    reading.open();
    await reading.caughtUp();
    log.info({ instances: instances(), partitions: partitions.size }, 'caught up with the log');
  };
  const tellChangedMachines = (): void => {
    const open = function* () {
      for (const { tasks } of partitions.all()) yield* tasks.atWork();
    };
    const notes = { read: (key: string) => ledger.meta(key), write: journal.meta };
    for (const changed of changedMachines(roles.values(), open, notes)) log.warn(changed, changeText(changed));
  };
  const instances = (): number => {
    let sum = 0;
    for (const { tasks } of partitions.all()) sum += tasks.size;
    return sum;
  };
  const stop = async (): Promise<void> => {
    sharing.stop();
    await reading.stop();
    await effects.close(limits.stopOnceMs);
    effects.stop();
    await within(journal.flushed(), limits.stopDrainMs, clock);
    await sender.drained(limits.stopDrainMs);
    for (const part of partitions.all()) {
      part.wantsCheckpoint = true;
      journal.say(part.number, 'stopped');
    }
    await within(journal.flushed(), limits.stopDrainMs, clock);
    await within(journal.allTold(), limits.stopDrainMs, clock);
    await within(journal.flushed(), limits.stopDrainMs, clock);
    endAnswers();
    ownership.end();
    succession.stop();
    partitions.stop();
    timers.stop();
    witness.stop();
    journal.stop();
    sender.stop();
    await within(ownership.release(), limits.stopDrainMs, clock);
    // A disk that refuses makes the next start careful, which does no harm.
    await ledger.commit({ ...emptyBatch, meta: [{ key: ALIVE, value: 'no' }] }).catch(() => undefined);
    await ledger.close();
  };

  return {
    async start() {
      try {
        await start();
      } catch (error) {
        // A stop ends the readers that the start waits for.
        if (stopping) return;
        ended = true;
        stopping = true;
        throw asFatal(error);
      }
    },
    async stop() {
      stopping = true;
      await stop();
    },
    recall(role, correlationId) {
      const part = partitions.get(partitionOf(correlationId));
      if (!roles.has(role) || !part) return 'elsewhere';
      const task = part.tasks.find(correlationId);
      const over = part.tasks.ended(correlationId);
      // What rests on a record that is not told yet is told to nobody (J2).
      if (over !== null && over.lastN > journal.told(part.number)) return null;
      const known =
        task ?? (over === null ? null : recallEnded({ ledger, roles, limits, partition: part.number }, over));
      const actor = known?.actors.get(role);
      if (known && actor) {
        const { value, context } = actor.snapshot;
        return { snapshot: { value, context }, updatedAtMs: known.updatedAtMs };
      }
      return over === null ? null : 'ended';
    },
    stats: () => ({
      instances: instances(),
      effectsRunning: effects.running,
      effectsQueued: effects.queued,
      effects: effects.stats(),
      timers: timers.size,
      cursorLag: reading.lag(),
      unacknowledged: sender.waiting + journal.untold,
      ...inputs.counts,
      partitions: Object.fromEntries([...roles.keys()].map((name) => [name, partitions.size])),
    }),
  };
}

/** Says whether a process has this ledger, or has ended without stopping. */
const ALIVE = 'alive';
/** What ended a process comes again soon after its next start: it is read again, or found pending. */
const CAREFUL_MS = 30_000;

function* storedTasks(ledger: Ledger) {
  for (const partition of partitionNumbers) for (const task of ledger.tasks(partition)) yield readTask(task);
}

function asFatal(error: unknown): FatalError {
  if (error instanceof FatalError) return error;
  const exitCode = error instanceof BusError ? 3 : 1;
  return new FatalError(error instanceof Error ? error.message : String(error), { exitCode, cause: error });
}

/** Resolves when the promise does, or after `limitMs`. */
async function within(promise: Promise<unknown>, limitMs: number, clock: Clock): Promise<void> {
  let cancel = (): void => undefined;
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(limitMs, resolve);
  });
  await Promise.race([promise, limit]);
  cancel();
}
