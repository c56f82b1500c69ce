/**
 * A process' share of the mesh: reads the log, applies each event, remembers, and sends what follows. Owns: putting the
 * parts together, and the order of start and stop. Does not own: what is done with an event (receiver), its meaning
 * (step), storing (ledger), sending (outputs, publisher), effects, timers, leases.
 *
 * Invariants:
 * 1. After a start, and after partitions were gained, nothing is run that the log may already have the result of: effects
 *    and timers begin when the reader has caught up. Restart is reading on from the cursor; there is no other recovery (S4).
 * 2. Shutdown: stop reading, let unrepeatable effects end, stop the others, commit, drain the publishes, release the leases, close the ledger.
 */
import { type Bus, BusError } from '../../bus/port.ts';
import { type MeshEvent, messageId } from '../../schemas/events/envelope.ts';
import { partitionOf } from '../../schemas/events/subjects.ts';
import { type CommitQueue, createCommitQueue } from './commit-queue.ts';
import type { AtCrashPoint } from './crash-points.ts';
import type { EffectStats } from './effect-queues.ts';
import { createEffects, type Effects } from './effects.ts';
import { FatalError } from './errors.ts';
import { createInstances, type Instances, revive, type Slot } from './instances.ts';
import type { Ledger, OutboxRow } from './ledger/port.ts';
import { createOutputs, type Outputs } from './outputs.ts';
import { createOwnership, type Ownership } from './ownership.ts';
import { type Clock, type RuntimeLog, type Tracing, untraced } from './ports.ts';
import { preflight } from './preflight.ts';
import { createPublisher, type Publisher, UNACKED_MAX } from './publisher.ts';
import { createReading, type Reading } from './reading.ts';
import { createReceiver, type Ingress, type Receiver } from './receiver.ts';
import { reconcile } from './reconcile.ts';
import { createRewritten, type Rewritten } from './rewritten.ts';
import type { Role } from './role.ts';
import { effectFinished, effectStarted, progress, timerFired } from './settlement.ts';
import { createTimers, type Timers } from './timers.ts';

/** How long a stop waits for acknowledgements, milliseconds; what is missing then is sent again at the next start. */
const DRAIN_LIMIT_MS = 3000;
/** How long a stop waits for effects that may not be repeated, milliseconds; cut off, they would need a person. */
const ONCE_LIMIT_MS = 5000;
/** A start that takes longer says how far it is, this often, while it gets further. */
const PROGRESS_EVERY_MS = 2000;

export interface HostOptions {
  /** Name of this host in leases; the same for every start on this ledger. */
  readonly name: string;
  readonly roles: readonly Role[];
  readonly ingress?: Ingress;
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  /** `hop`: internal events wait for their commit as facts do. */
  readonly commitMode?: 'group' | 'hop';
  /** Shows attempts of effects in a trace; absent, nothing is traced. */
  readonly tracing?: Tracing;
  /** Why no new effect may begin now, or null: the process is near a cap of its own. */
  readonly admission?: () => string | null;
  /** Called at every named place where a crash is worth trying. */
  readonly at?: AtCrashPoint;
  /** The host cannot go on; it has stopped working and the process should end. */
  readonly onFatal: (error: FatalError) => void;
}

export interface HostStats {
  readonly instances: number;
  readonly effectsRunning: number;
  readonly effectsQueued: number;
  /** Of every effect that was wanted since the start. */
  readonly effects: readonly EffectStats[];
  /** Deadlines that are waited for. */
  readonly timers: number;
  /** Events in the log that this host has not read yet, as far as it has heard. */
  readonly cursorLag: number;
  readonly unacknowledged: number;
  readonly applied: number;
  readonly duplicates: number;
  readonly quarantined: number;
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
   * What the disk holds of an actor: null when nothing, `elsewhere` when another host has its partition.
   * @throws FatalError when no machine can read it
   */
  recall(role: string, correlationId: string): RecalledActor | 'elsewhere' | null;
}

export interface RecalledActor {
  /** Of its machine. */
  readonly snapshot: { readonly value: unknown; readonly context: unknown };
  /** When something happened to it for the last time, milliseconds since the epoch. */
  readonly updatedAtMs: number;
}

/** What the parts of a host share. */
export interface HostContext extends HostOptions {
  readonly commits: CommitQueue;
  readonly publisher: Publisher;
  readonly ownership: Ownership;
}

export function createHost(options: HostOptions): Host {
  const { bus, ledger, clock, log, roles } = options;
  const at: AtCrashPoint = options.at ?? (() => undefined);
  let stopping = false;
  let ended = false;
  let logWasCut = false;
  let stopAsked = false;

  // While stopping, too: a stop that waits for a disk that refuses would wait for ever.
  const fatal = (error: unknown): void => {
    if (ended) return;
    ended = true;
    stopping = true;
    const exitCode = error instanceof BusError ? 3 : 1;
    const cause = error instanceof FatalError ? error : new FatalError(String(error), { exitCode, cause: error });
    options.onFatal(cause);
  };
  const commits = createCommitQueue({
    clock,
    commit: (batch) => ledger.commit(batch),
    onDurable: (batch) => {
      publisher.onDurable(batch);
      instances.forget(batch);
    },
    onFailure: fatal,
    at,
  });
  const publisher = createPublisher({ bus, clock, log, commits: () => commits, onFatal: fatal, at });
  const instances: Instances = createInstances(ledger, () => commits);

  const rewritten: Rewritten = createRewritten(ledger, () => commits);

  const outputs: Outputs = createOutputs({ ...options, commits, publisher });
  const settle = (slot: Slot, event: MeshEvent): number => outputs.send(slot.id, settleSubject(slot), event, false);

  const effects: Effects = createEffects({
    clock,
    log,
    instances,
    tracing: options.tracing ?? untraced,
    admission: options.admission ?? (() => null),
    at,
    // A log that was cut may have lost the word that it had begun; the disk knows that it was about to.
    mayHaveBegun: (slot, row) => rewritten.doubts(slot.instance.correlationId) || (logWasCut && row.attempt > 0),
    settle(slot, row, outcome) {
      instances.updateEffect(slot, { ...row, state: 'settled' });
      settle(slot, effectFinished(slot.instance, row, outcome, clock.now()));
    },
    async announce(slot, row, attempt) {
      const n = settle(slot, effectStarted(slot.instance, row, attempt, clock.now()));
      await Promise.all([publisher.acknowledged(n), commits.flushed()]);
      return ownership.confirm(slot.role.name, slot.partition);
    },
    progress(slot, row, note) {
      const event = progress(slot.instance, row, note, clock.now());
      bus
        .publish({
          subject: `mesh.events.${event.correlationid}`,
          body: JSON.stringify(event),
          msgId: messageId(event),
        })
        .catch((error: unknown) => log.debug({ error: String(error) }, 'progress was not published'));
    },
  });
  const timers: Timers = createTimers(clock, (slot, row) => {
    at('timer-due');
    settle(slot, timerFired(slot.instance, row, clock.now()));
  });

  const receiver: Receiver = createReceiver({
    ...{ log, at, commits, instances, outputs, effects, timers, rewritten },
    isLevel: (role) => reading.isLevel(role),
    isFolding: (role) => reading.isFolding(role),
  });
  const { counts } = receiver;

  /** Pending work of a role begins when no result of it can still be unread in the log. */
  const onLevel = (role: string): void => {
    for (const slot of instances.all()) {
      if (slot.role.name !== role) continue;
      for (const row of slot.instance.effects.values()) effects.begin(slot, row);
      timers.sync(slot);
    }
  };

  const ownership = createOwnership({
    leases: bus.leases,
    clock,
    log,
    holder: options.name,
    roles: [
      ...roles.map(({ name }) => ({ name })),
      ...(options.ingress ? [{ name: options.ingress.name, partitions: 1 }] : []),
    ],
    onGained: (role, partitions) => reading.gained(role, partitions),
    onLost: (role, partitions) => {
      log.warn({ role, partitions }, 'another host has taken these partitions');
      reading.lost(role, partitions);
      for (const slot of partitions.flatMap((partition) => instances.drop(role, partition))) {
        for (const row of slot.instance.effects.values()) effects.end(slot, row);
        timers.forget(slot);
      }
    },
  });
  const context: HostContext = { ...options, commits, publisher, ownership };
  const reading: Reading = createReading({
    ...context,
    receive: receiver.receive,
    admit: receiver.admit,
    onFolded: rewritten.met,
    onLevel,
    onFatal: fatal,
  });

  /** More than this waits for the log: reading pauses until it has caught up. */
  const throttle = (): void => {
    if (publisher.waiting <= UNACKED_MAX || stopping) return;
    void reading.pause();
    publisher.onRoom(() => {
      reading.resume().catch(fatal);
    });
  };

  /** Returns the function that ends it. */
  const tellProgress = (): (() => void) => {
    let told = '';
    let cancel = (): void => undefined;
    const wait = (): void => {
      cancel = clock.after(PROGRESS_EVERY_MS, () => {
        const progress = { read: counts.applied + counts.duplicates + counts.quarantined, toSend: publisher.waiting };
        if (JSON.stringify(progress) !== told) log.info(progress, 'catching up with the log');
        told = JSON.stringify(progress);
        wait();
      });
    };
    wait();
    return () => cancel();
  };
  const start = async (): Promise<void> => {
    preflight(roles, ledger.open());
    await ownership.start();
    const plan = await reconcile(context);
    plan.begun(commits);
    logWasCut = plan.kind === 'republish';
    if (plan.kind === 'continue') publisher.marks.recall(ledger);
    if (plan.kind !== 'continue') publisher.hold();
    for (const row of plan.resend) publisher.send(row, traceparentOf(row), false, true);
    for (const row of ledger.unacked()) publisher.send(row, traceparentOf(row), false);
    for (const { stored } of ledger.open()) {
      const role = roles.find(({ name }) => name === stored.role);
      if (role) instances.find(role, stored.correlationId);
    }
    if (plan.kind === 'rebuild') {
      await reading.replay(plan.stream);
      rewritten.metAll();
    }
    if (plan.kind === 'republish') {
      await reading.findSent(1);
      reading.rewind();
    }
    if (plan.kind !== 'continue') publisher.release();
    await reading.begin(plan.stream, throttle);
    void Promise.all(plan.resend.map(({ n }) => publisher.acknowledged(n))).then(() => plan.settled(commits));
    log.info({ instances: instances.size, partitions: partitions() }, 'caught up with the log');
  };
  const partitions = (): Record<string, number> =>
    Object.fromEntries(roles.map(({ name }) => [name, ownership.partitionsOf(name).size]));

  return {
    async start() {
      const endProgress = tellProgress();
      try {
        await start();
      } catch (error) {
        // A stop ends the readers that the start waits for.
        if (stopAsked) return;
        stopping = true;
        ended = true;
        if (error instanceof BusError) throw new FatalError(error.message, { exitCode: 3, cause: error });
        throw error;
      } finally {
        endProgress();
      }
    },
    async stop() {
      stopAsked = true;
      stopping = true;
      await reading.stop();
      timers.stop();
      await effects.onceEnded(ONCE_LIMIT_MS);
      effects.stop();
      await commits.flushed();
      await publisher.drained(DRAIN_LIMIT_MS);
      publisher.stop();
      await commits.flushed();
      await ownership.stop();
      await ledger.close();
    },
    recall(name, correlationId) {
      const role = roles.find((one) => one.name === name);
      const isOurs = ownership.partitionsOf(name).has(partitionOf(correlationId));
      if (role === undefined || !isOurs) return 'elsewhere';
      const loaded = ledger.load(name, correlationId);
      if (loaded === null) return null;
      const { value, context } = revive(role, loaded).snapshot;
      return { snapshot: { value, context }, updatedAtMs: loaded.stored.updatedAtMs };
    },
    stats: () => ({
      instances: instances.size,
      effectsRunning: effects.running,
      effectsQueued: effects.queued,
      effects: effects.stats(),
      timers: timers.size,
      cursorLag: reading.lag(),
      unacknowledged: publisher.waiting,
      ...counts,
      partitions: partitions(),
    }),
  };
}

function traceparentOf(row: OutboxRow): string {
  const { traceparent } = JSON.parse(row.body) as { traceparent?: string };
  return traceparent ?? '';
}

/** Where a host tells an actor what became of its effects and timers. */
function settleSubject({ role, partition, instance }: Slot): string {
  return `mesh.in.${role.name}.${partition}.${instance.correlationId}`;
}
