/**
 * The readers of a host. Owns: one reader a role and one for the ingress, their cursors, and opening them again when
 * partitions come or go. Does not own: what happens with an event.
 *
 * Invariants:
 * 1. A reader that was replaced delivers nothing more; the cursor alone says where its successor begins.
 * 2. A lane is level when the reader that is open now, or one that replaces it, has caught up.
 * 3. Where the past is folded again, nothing is sent that the log already has.
 * 4. Nothing is applied from a log of which it is not certain that it is the one of the start and still holds what was
 *    read of it (`certainty.ts`): in another one, or in one that was cut, other messages stand at the same places.
 */
import type { BusError, Reader, StoredMessage, StreamInfo } from '../../bus/port.ts';
import { type MeshEvent, messageId } from '../../schemas/events/envelope.ts';
import { inboxFilter, PARTITIONS } from '../../schemas/events/subjects.ts';
import { createCertainty } from './certainty.ts';
import { createRoleCursor, type RoleCursor } from './cursor.ts';
import { FatalError } from './errors.ts';
import type { HostContext } from './host.ts';
import { quarantinedEventId } from './quarantine.ts';
import type { Ingress } from './receiver.ts';
import { TAIL, tailOf } from './reconcile.ts';
import type { Role } from './role.ts';

export interface Reading {
  /** Folds the whole log into an empty ledger, recognising what was already sent. */
  replay(stream: StreamInfo): Promise<void>;
  /** Begins again from the first event: the log has lost something. */
  rewind(): void;
  /** Tells the publisher which of its outputs the log already has. */
  findSent(fromSeq: number): Promise<void>;
  /** Opens the readers; resolves when they have caught up. */
  begin(stream: StreamInfo, afterEach: () => void): Promise<void>;
  /** True when everything that was stored before the lane's reader was opened has been applied. */
  isLevel(role: string): boolean;
  /** True while a past that this ledger has lost, or never had, is read from the log. */
  isFolding(role: string): boolean;
  /** Stored events that no lane has read yet, as far as the readers have heard. */
  lag(): number;
  gained(role: string, partitions: readonly number[]): void;
  lost(role: string, partitions: readonly number[]): void;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** For good. */
  stop(): Promise<void>;
}

export interface ReadingOptions extends HostContext {
  receive(role: Role, message: StoredMessage): void;
  admit(ingress: Ingress, message: StoredMessage, streamIdentity: string): void;
  /** A message of a log that is folded whole, whoever it is for. */
  onFolded(message: StoredMessage): void;
  /** A lane has caught up with the log: at a start, and after partitions were gained. */
  onLevel(role: string): void;
}

const ZERO = '0'.charCodeAt(0);

/** A source of messages with its place: a role's inboxes, or the ingress. */
interface Lane {
  readonly name: string;
  readonly filter: string;
  readonly cursor: RoleCursor;
  readonly handle: (message: StoredMessage) => void;
  partitionOf(message: StoredMessage): number;
  reader?: Reader;
  /** What the last reader left unread when it was closed. */
  leftUnread: number;
  generation: number;
  level: boolean;
  folding: boolean;
  /** Those who wait until the lane is level. */
  readonly waiting: { resolve: () => void; reject: (error: Error) => void }[];
}

export function createReading(options: ReadingOptions): Reading {
  const { bus, commits, ledger, roles, ingress } = options;
  const stored = ledger.cursors();
  const certainty = createCertainty({ bus, clock: options.clock, onFatal: options.onFatal });
  let identity = '';
  const know = (stream: StreamInfo): void => {
    identity = stream.identity;
    certainty.expect(stream.identity);
  };
  let open = false;
  let afterEach = (): void => undefined;

  const lanes: Lane[] = roles.map((role) => ({
    name: role.name,
    filter: inboxFilter(role.name),
    cursor: createRoleCursor(role.name, stored),
    handle: (message) => options.receive(role, message),
    partitionOf: ({ subject }) => {
      const partition = subject.charCodeAt(`mesh.in.${role.name}.`.length) - ZERO;
      // What is not properly addressed is nobody's: the owner of partition 0 quarantines it.
      return partition >= 0 && partition < PARTITIONS ? partition : 0;
    },
    leftUnread: 0,
    generation: 0,
    level: false,
    folding: false,
    waiting: [],
  }));
  if (ingress) {
    lanes.push({
      name: ingress.name,
      filter: ingress.filter,
      cursor: createRoleCursor(ingress.name, stored),
      handle: (message) => options.admit(ingress, message, identity),
      partitionOf: () => 0,
      leftUnread: 0,
      generation: 0,
      level: false,
      folding: false,
      waiting: [],
    });
  }
  const laneOf = (name: string): Lane => {
    const lane = lanes.find((candidate) => candidate.name === name);
    if (!lane) throw new Error(`no lane ${name}`);
    return lane;
  };
  const store = (rows: readonly { channel: string; seq: number }[]): void => {
    for (const { channel, seq } of rows) commits.cursor(channel, seq);
  };
  const deliver = (lane: Lane, message: StoredMessage): void => {
    const wanted = lane.cursor.wants(lane.partitionOf(message), message.seq);
    if (wanted) lane.handle(message);
    store(lane.cursor.passed(message.seq));
    commits.meta(TAIL, tailOf(message));
    if (wanted) afterEach();
  };
  const failed = (lane: Lane, error: BusError): void => {
    const message = `the log can no longer be read for ${lane.name}: ${error.message}`;
    const fatal = new FatalError(message, { exitCode: 3, cause: error });
    for (const { reject } of lane.waiting.splice(0)) reject(fatal);
    options.onFatal(fatal);
  };
  const levelled = (lane: Lane, generation: number): void => {
    if (lane.generation !== generation) return;
    lane.level = true;
    lane.folding = false;
    options.onLevel(lane.name);
    for (const { resolve } of lane.waiting.splice(0)) resolve();
  };
  const openLane = async (lane: Lane): Promise<void> => {
    lane.generation += 1;
    // What is found in the log from here on may already have its results further on.
    lane.level = false;
    const { generation } = lane;
    await lane.reader?.stop();
    if (lane.generation !== generation) return;
    const reader = await certainty.during(() =>
      bus.read({
        filter: lane.filter,
        fromSeq: lane.cursor.readFrom,
        onMessage(message) {
          certainty.arrived(message);
          certainty.whenCertain(() => guarded(lane, generation, message));
        },
        onError: (error) => failed(lane, error),
      }),
    );
    // A pause or another opening came first.
    if (lane.generation !== generation) {
      await reader.stop();
      return;
    }
    lane.reader = reader;
    // A reader that fails tells `onError`; one that was replaced has a successor.
    reader.caughtUp.then(
      () => certainty.whenCertain(() => levelled(lane, generation)),
      () => undefined,
    );
  };
  const openUntilLevel = async (lane: Lane): Promise<void> => {
    const level = new Promise<void>((resolve, reject) => lane.waiting.push({ resolve, reject }));
    await Promise.all([openLane(lane), level]);
  };
  /** Opens lanes and waits until they are level. What partitions that lag have sent in the past is not sent again. */
  const openAll = async (wanted: readonly Lane[]): Promise<void> => {
    const lagging = wanted.filter(({ cursor }) => cursor.lags);
    if (lagging.length === 0) {
      await Promise.all(wanted.map(openUntilLevel));
      return;
    }
    const fromSeq = Math.min(...lagging.map(({ cursor }) => cursor.readFrom));
    options.publisher.hold();
    for (const lane of lagging) lane.folding = true;
    await Promise.all(wanted.map(openUntilLevel));
    await findSent(fromSeq);
    options.publisher.release();
  };
  const guarded = (lane: Lane, generation: number, message: StoredMessage): void => {
    if (lane.generation !== generation) return;
    try {
      deliver(lane, message);
    } catch (error) {
      // Not the event's fault, or step() would have said so: go no further than the last good one.
      lane.generation += 1;
      options.onFatal(
        error instanceof FatalError
          ? error
          : new FatalError(`applying sequence ${message.seq} failed: ${String(error)}`, { cause: error }),
      );
    }
  };
  /** What this host does not own is not level with what it reads. */
  const disown = (): void => {
    for (const { name, cursor } of lanes) {
      const owned = options.ownership.partitionsOf(name);
      const others = Array.from({ length: PARTITIONS }, (_, partition) => partition).filter(
        (partition) => !owned.has(partition),
      );
      if (others.length > 0) store(cursor.lose(others));
    }
  };
  const closeAll = async (): Promise<void> => {
    for (const lane of lanes) lane.generation += 1;
    await Promise.all(lanes.map((lane) => lane.reader?.stop()));
    for (const lane of lanes) {
      lane.leftUnread = lane.reader?.pending ?? lane.leftUnread;
      delete lane.reader;
    }
  };

  const readOnce = async (
    stream: 'log' | 'quarantine',
    filter: string,
    fromSeq: number,
    onMessage: (message: StoredMessage) => void,
  ): Promise<void> => {
    const reader = await bus.read({ stream, filter, fromSeq, onMessage });
    await reader.caughtUp;
    await reader.stop();
  };
  const speakers = new Set(lanes.map(({ name }) => name));
  const recognise = (message: StoredMessage): void => {
    const sent = sentBy(message);
    if (sent && speakers.has(sent.role)) options.publisher.found(sent.messageId, message.seq);
  };
  const findQuarantined = (): Promise<void> =>
    readOnce('quarantine', 'mesh.quarantine.*', 1, (message) => {
      options.publisher.found(quarantinedEventId(message), message.seq);
    });
  const findSent = async (fromSeq: number): Promise<void> => {
    await readOnce('log', 'mesh.>', fromSeq, recognise);
    await findQuarantined();
  };

  return {
    async replay(stream) {
      know(stream);
      disown();
      for (const lane of lanes) lane.folding = true;
      await readOnce('log', 'mesh.>', 1, (message) => {
        certainty.arrived(message);
        recognise(message);
        options.onFolded(message);
        const lane = lanes.find(({ filter }) => covers(filter, message.subject));
        if (lane) deliver(lane, message);
      });
      await findQuarantined();
      await certainty.during(() => Promise.resolve());
    },
    findSent,
    rewind() {
      for (const { cursor } of lanes) store(cursor.reset());
    },
    async begin(stream, each) {
      disown();
      know(stream);
      afterEach = each;
      open = true;
      await openAll(lanes);
    },
    gained(role, partitions) {
      const lane = laneOf(role);
      store(lane.cursor.gain(partitions));
      if (open) openAll([lane]).catch(options.onFatal);
    },
    lost(role, partitions) {
      store(laneOf(role).cursor.lose(partitions));
    },
    isLevel: (role) => laneOf(role).level,
    isFolding: (role) => laneOf(role).folding,
    lag: () => lanes.reduce((sum, { reader, leftUnread }) => sum + (reader?.pending ?? leftUnread), 0),
    pause: closeAll,
    async resume() {
      await Promise.all(lanes.map(openLane));
    },
    stop() {
      certainty.stop();
      return closeAll();
    },
  };
}

/** As the server matches: what is not properly addressed is its lane's all the same, which quarantines it. */
function covers(filter: string, subject: string): boolean {
  return filter.endsWith('>') ? subject.startsWith(filter.slice(0, -1)) : subject === filter;
}

/** Who sent a stored event and what it was recognised by, read without validating it. */
function sentBy(message: StoredMessage): { role: string; messageId: string } | null {
  try {
    const event = JSON.parse(Buffer.from(message.data).toString('utf8')) as Partial<MeshEvent> | null;
    if (typeof event?.source !== 'string' || typeof event.id !== 'string') return null;
    return { role: event.source.replace('/mesh/', ''), messageId: messageId(event as MeshEvent) };
  } catch {
    return null;
  }
}
