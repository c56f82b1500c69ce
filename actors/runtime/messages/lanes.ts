/**
 * Reading the log. Owns: one lane for each role's inboxes and one for the ingress, and opening, pausing and ending their
 * readers. Does not own: what is done with a message, or how far a partition has read: that is in its journal.
 *
 * Invariants:
 * 1. Every message for a partition that this host has is delivered, in stream order, from the place on where the
 *    partition's journal says that it was; whoever is told drops what was before it.
 * 2. A reader that was replaced delivers nothing more.
 * 3. A lane is in one state, and after a stop in that one for good:
 *
 *        closed ──► opening ──► open ──► paused ──► opening …          any ──► stopped
 */
import { BusError, type Reader, type StoredMessage } from '../../../bus/port.ts';
import { FatalError } from '../errors.ts';
import type { HostContext } from '../host-context.ts';
import type { Witness } from '../recovery/witness.ts';

export interface Lanes {
  /** Opens all lanes, from where the owned partitions are. */
  open(): void;
  /** Resolves when all that was in the log at their opening has been delivered. @throws FatalError */
  caughtUp(): Promise<void>;
  /** The place of some partition has gone back: everything is read again from there. */
  reopen(): void;
  pause(): void;
  resume(): void;
  /** Stored messages that no lane has read yet, as far as the readers have heard. */
  lag(): number;
  /** For good; resolves when no reader delivers any more. */
  stop(): Promise<void>;
}

export interface LanesOptions extends Pick<HostContext, 'bus' | 'clock' | 'onFatal'> {
  readonly witness: Witness;
  readonly lanes: readonly {
    readonly name: string;
    readonly filter: string;
    deliver(message: StoredMessage): void;
    /** First sequence that some owned partition has not dealt with; null when none is owned. */
    readFrom(): number | null;
  }[];
}

/** Between two tries to open a reader, milliseconds: a cluster of servers that is choosing its leader opens none. */
const TRY_AGAIN_MS = 100;

type State = 'closed' | 'opening' | 'open' | 'paused' | 'stopped';

interface Lane {
  readonly name: string;
  state: State;
  /** Grows with every opening and every closing. */
  generation: number;
  reader: Reader | null;
  /** What the last reader left unread when it was closed. */
  leftUnread: number;
  waiting: { resolve: () => void; reject: (error: Error) => void }[];
  level: boolean;
}

export function createLanes(options: LanesOptions): Lanes {
  const { bus, witness } = options;
  const lanes = options.lanes.map((source) => {
    const lane: Lane = {
      ...{ name: source.name, state: 'closed', generation: 0, reader: null, leftUnread: 0, waiting: [], level: false },
    };
    return { lane, source };
  });
  type Pair = (typeof lanes)[number];

  const fatal = (lane: Lane, error: FatalError): void => {
    for (const { reject } of lane.waiting.splice(0)) reject(error);
    options.onFatal(error);
  };
  const failed = (lane: Lane, error: BusError): void => {
    const message = `the log can no longer be read for ${lane.name}: ${error.message}`;
    fatal(lane, new FatalError(message, { exitCode: 3, cause: error }));
  };
  const levelled = (lane: Lane): void => {
    lane.level = true;
    for (const { resolve } of lane.waiting.splice(0)) resolve();
  };
  const deliver = ({ lane, source }: Pair, generation: number, message: StoredMessage): void => {
    if (lane.generation !== generation) return;
    try {
      source.deliver(message);
    } catch (error) {
      // Not the event's fault, or it would be in quarantine: go no further than the last good one.
      lane.generation += 1;
      const text = `applying sequence ${message.seq} failed: ${String(error)}`;
      fatal(lane, error instanceof FatalError ? error : new FatalError(text, { cause: error }));
    }
  };
  /** Takes the reader out first: what is opened meanwhile is not closed with it. */
  const close = async (lane: Lane): Promise<void> => {
    const { reader } = lane;
    lane.reader = null;
    lane.generation += 1;
    if (!reader) return;
    lane.leftUnread = reader.pending;
    await reader.stop();
  };
  const openLane = async (pair: Pair): Promise<void> => {
    const { lane, source } = pair;
    if (lane.state === 'stopped') return;
    lane.state = 'opening';
    lane.level = false;
    const closed = close(lane);
    // Taken before the wait: whoever opens meanwhile opens another generation.
    const { generation } = lane;
    await closed;
    const isCurrent = (): boolean => lane.state === 'opening' && lane.generation === generation;
    if (!isCurrent()) return;
    const fromSeq = source.readFrom();
    if (fromSeq === null) {
      lane.state = 'closed';
      levelled(lane);
      return;
    }
    const reader = await witness.during(() =>
      bus.read({
        filter: source.filter,
        fromSeq,
        onMessage(message) {
          witness.arrived(message);
          witness.whenCertain(() => deliver(pair, generation, message));
        },
        onError: (error) => {
          if (lane.generation === generation) failed(lane, error);
        },
      }),
    );
    // A pause, a stop or another opening came first.
    if (!isCurrent()) {
      await reader.stop();
      return;
    }
    lane.reader = reader;
    lane.state = 'open';
    // A reader that fails tells `onError`; one that was replaced has a successor.
    reader.caughtUp.then(
      () =>
        witness.whenCertain(() => {
          if (lane.generation === generation) levelled(lane);
        }),
      () => undefined,
    );
  };
  const open = (wanted: readonly Pair[]): void => {
    for (const pair of wanted)
      openLane(pair).catch((error: unknown) => {
        if (pair.lane.state === 'stopped') return;
        if (error instanceof BusError && error.retryable) {
          const { generation } = pair.lane;
          // Opened or closed by somebody else meanwhile, it is not opened again for this.
          options.clock.after(TRY_AGAIN_MS, () => {
            if (pair.lane.state === 'opening' && pair.lane.generation === generation) open([pair]);
          });
          return;
        }
        fatal(
          pair.lane,
          error instanceof FatalError ? error : new FatalError(String(error), { exitCode: 3, cause: error }),
        );
      });
  };
  return {
    open: () => open(lanes),
    async caughtUp() {
      await Promise.all(
        lanes.map(({ lane }) =>
          lane.level || lane.state === 'stopped'
            ? Promise.resolve()
            : new Promise<void>((resolve, reject) => lane.waiting.push({ resolve, reject })),
        ),
      );
    },
    reopen: () => open(lanes.filter(({ lane }) => lane.state !== 'paused')),
    pause() {
      for (const { lane } of lanes) {
        if (lane.state === 'stopped' || lane.state === 'paused') continue;
        lane.state = 'paused';
        close(lane).catch((error: unknown) => fatal(lane, new FatalError(String(error), { cause: error })));
      }
    },
    resume: () => open(lanes.filter(({ lane }) => lane.state === 'paused')),
    lag: () => lanes.reduce((sum, { lane }) => sum + (lane.reader?.pending ?? lane.leftUnread), 0),
    async stop() {
      for (const { lane } of lanes) lane.state = 'stopped';
      await Promise.all(lanes.map(({ lane }) => close(lane)));
      for (const { lane } of lanes) for (const { resolve } of lane.waiting.splice(0)) resolve();
    },
  };
}
