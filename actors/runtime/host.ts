/**
 * A process' share of the mesh: reads the log, applies each event, remembers, and sends what follows. Owns: the loop and
 * the order of start and stop. Does not own: the meaning of an event (step), storing (ledger), sending (publisher),
 * effects, timers, leases.
 *
 * Invariants:
 * 1. An event is applied in one turn of the event loop: cursor, state, inbox, outputs, effects and timers go into one
 *    batch (S3).
 * 2. What cannot be applied is quarantined in the batch that passes it (S9).
 * 3. After a start, and after partitions were gained, nothing is run that the log may already have the result of: effects
 *    and timers begin when the reader has caught up. Restart is reading on from the cursor; there is no other recovery (S4).
 * 4. Shutdown: stop reading, let unrepeatable effects end, stop the others, commit, drain the publishes, release the leases, close the ledger.
 */
import { type Bus, BusError, type StoredMessage } from '../../bus/port.ts';
import {
  type MeshEvent,
  messageId,
  nameOf,
  PAYLOAD_MAX_BYTES,
  type Parsed,
  parseEvent,
} from '../../schemas/events/envelope.ts';
import { parseSubject, partitionOf } from '../../schemas/events/subjects.ts';
import { type CommitQueue, createCommitQueue } from './commit-queue.ts';
import type { AtCrashPoint } from './crash-points.ts';
import type { EffectStats } from './effect-queues.ts';
import { createEffects, type Effects } from './effects.ts';
import { FatalError } from './errors.ts';
import { createInstances, type Instances, revive, type Slot } from './instances.ts';
import type { Ledger, OutboxRow } from './ledger/port.ts';
import { createOwnership, type Ownership } from './ownership.ts';
import { type Clock, type RuntimeLog, type Tracing, untraced } from './ports.ts';
import { preflight } from './preflight.ts';
import { createPublisher, type Publisher, UNACKED_MAX } from './publisher.ts';
import { quarantineRow } from './quarantine.ts';
import { createReading, type Reading } from './reading.ts';
import { reconcile } from './reconcile.ts';
import { createRewritten, type Rewritten } from './rewritten.ts';
import type { Role } from './role.ts';
import { effectFinished, effectStarted, progress, timerFired } from './settlement.ts';
import { type Applied, isSettlement, type LoggedEvent, step } from './step.ts';
import { createTimers, type Timers } from './timers.ts';

/** How long a stop waits for acknowledgements, milliseconds; what is missing then is sent again at the next start. */
const DRAIN_LIMIT_MS = 3000;
/** Room for the headers of an output: the log's limit counts them too. */
const HEADERS_MAX_BYTES = 1024;
/** How long a stop waits for effects that may not be repeated, milliseconds; cut off, they would need a person. */
const ONCE_LIMIT_MS = 5000;
/** A start that takes longer says how far it is, this often, while it gets further. */
const PROGRESS_EVERY_MS = 2000;

/** Turns messages from outside into events for an actor. */
export interface Ingress {
  /** The word it has in leases, cursors and quarantine. */
  readonly name: string;
  readonly filter: string;
  /** Where the event goes, or why there is none. The same message gives the same event at every reading. */
  translate(message: StoredMessage, streamIdentity: string): Parsed<{ subject: string; event: MeshEvent }>;
}

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
  const counts = { applied: 0, duplicates: 0, quarantined: 0 };
  const last = { outbox: ledger.highest().outbox };
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

  const record = (row: Omit<OutboxRow, 'n'>, traceparent: string, gated: boolean): number => {
    last.outbox += 1;
    const numbered = { ...row, n: last.outbox };
    commits.outbox(numbered);
    publisher.send(numbered, traceparent, gated || options.commitMode === 'hop');
    if (options.commitMode === 'hop') commits.hurry();
    return numbered.n;
  };
  const send = (
    instance: number,
    subject: string,
    event: MeshEvent,
    gated: boolean,
    body: string = JSON.stringify(event),
  ): number => {
    return record({ instance, eventId: event.id, subject, msgId: messageId(event), body }, event.traceparent, gated);
  };
  const outputMaxBytes = Math.min(PAYLOAD_MAX_BYTES, bus.maxPayloadBytes) - HEADERS_MAX_BYTES;
  /** An output that the log would refuse can never leave, so what it follows from cannot be applied (S8, S9). */
  const isTooLarge = (body: string): boolean => Buffer.byteLength(body) > outputMaxBytes;
  const settleSubject = (slot: Slot): string =>
    `mesh.in.${slot.role.name}.${slot.partition}.${slot.instance.correlationId}`;

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
      send(slot.id, settleSubject(slot), effectFinished(slot.instance, row, outcome, clock.now()), false);
    },
    async announce(slot, row, attempt) {
      const n = send(slot.id, settleSubject(slot), effectStarted(slot.instance, row, attempt, clock.now()), false);
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
    send(slot.id, settleSubject(slot), timerFired(slot.instance, row, clock.now()), false);
  });

  const quarantine = (name: string, message: StoredMessage, code: string, reason: string): void => {
    counts.quarantined += 1;
    log.warn({ role: name, seq: message.seq, subject: message.subject, code, reason }, 'quarantined');
    record(quarantineRow(name, message, code, reason), '', true);
  };
  const applied = (
    role: Role,
    slot: Slot | null,
    result: Applied,
    bodies: readonly string[],
    logged: LoggedEvent,
  ): void => {
    const home = slot ?? instances.create(role, result.instance);
    instances.update(home, result.instance, logged.atMs);
    for (const [index, { subject, event, leaves, awaited }] of result.outputs.entries()) {
      send(home.id, subject, event, leaves, bodies[index]);
      if (awaited) commits.hurry();
    }
    counts.applied += 1;
    at('event-applied');
    for (const row of result.endedEffects) effects.end(home, row);
    if (!reading.isLevel(role.name)) return;
    for (const row of result.startedEffects) effects.begin(home, row);
    timers.sync(home);
  };
  /**
   * What a host said of its effects and timers is in the log only, and is not derived again from it: a ledger that is
   * folded takes it into its outbox, so that the log can be published again from there too (S10).
   */
  const adopt = (role: Role, slot: Slot | null, message: StoredMessage, event: MeshEvent): void => {
    const name = nameOf(event.type);
    if (name === null || !isSettlement(name) || event.senderrole !== role.name) return;
    last.outbox += 1;
    const row = { n: last.outbox, instance: slot?.id ?? 0, eventId: event.id, subject: message.subject };
    commits.outbox({ ...row, msgId: messageId(event), body: Buffer.from(message.data).toString('utf8') });
    commits.acked(last.outbox, message.seq);
  };
  const receive = (role: Role, message: StoredMessage): void => {
    at('event-read');
    const address = parseSubject(message.subject);
    const parsed = parseEvent(message.data);
    if (!parsed.ok) {
      quarantine(role.name, message, parsed.rejection.code, parsed.rejection.reason);
      return;
    }
    const event = parsed.value;
    const relayed = event.type === 'dev.agentmesh.agent.message.v1';
    if (
      address.kind !== 'inbox' ||
      address.correlationId !== event.correlationid ||
      (event.recipientrole !== role.name && !relayed)
    ) {
      quarantine(
        role.name,
        message,
        'misaddressed',
        `${message.subject} is not for ${event.recipientrole} of ${event.correlationid}`,
      );
      return;
    }
    const slot = instances.find(role, event.correlationid);
    const logged = { event, atMs: message.atMs };
    if (reading.isFolding(role.name)) {
      rewritten.folded(event.correlationid, message);
      adopt(role, slot, message, event);
    }
    const result = step(role, slot?.instance ?? null, logged);
    if (result.kind === 'rejected') quarantine(role.name, message, result.code, result.reason);
    else if (result.kind === 'ignored') counts.duplicates += 1;
    else {
      const bodies = result.outputs.map((output) => JSON.stringify(output.event));
      const large = bodies.findIndex(isTooLarge);
      if (large === -1) applied(role, slot, result, bodies, logged);
      else {
        const what = `${result.outputs[large]?.event.type} would have more than ${outputMaxBytes} bytes`;
        quarantine(role.name, message, 'output_too_large', what);
      }
    }
  };
  const admit = (ingress: Ingress, message: StoredMessage, identity: string): void => {
    const translated = ingress.translate(message, identity);
    if (!translated.ok) {
      quarantine(ingress.name, message, translated.rejection.code, translated.rejection.reason);
      return;
    }
    const { subject, event } = translated.value;
    const body = JSON.stringify(event);
    if (isTooLarge(body)) {
      quarantine(ingress.name, message, 'too_large', `as an event it would have more than ${outputMaxBytes} bytes`);
    } else send(0, subject, event, false, body);
  };

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
    receive,
    admit,
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
