/**
 * Whether the log that is being read is still the one that was read before (S10). Owns: asking when a reader is opened
 * and whenever the connection was lost, and keeping back what arrives until there is an answer. Does not own: reading, or
 * what is done about a log that has lost something; the process ends, and its next start compares ledger and log.
 *
 * Without it a host that was connected, or suspended in the middle of its start, would read on in a new log, or in one
 * whose end was lost and written again, at the place where it was in the old one.
 */
import { type Bus, BusError, type StoredMessage } from '../../bus/port.ts';
import { FatalError } from './errors.ts';
import type { Clock } from './ports.ts';
import { tailOf } from './reconcile.ts';

/** Between two questions while the log does not answer, milliseconds. */
const ASK_AGAIN_MS = 100;

export interface Certainty {
  /** The log that is to be read. */
  expect(identity: string): void;
  /** Opens a reader; what it delivers is kept back until the log was asked. @throws FatalError, BusError */
  during<T>(open: () => Promise<T>): Promise<T>;
  /** To be called for each message when it arrives, before it is applied. */
  arrived(message: StoredMessage): void;
  /** Runs the task now, or when it is certain, in the order of the calls; never when the log is not the same. */
  whenCertain(task: () => void): void;
  stop(): void;
}

export interface CertaintyOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly onFatal: (error: FatalError) => void;
}

export function createCertainty({ bus, clock, onFatal }: CertaintyOptions): Certainty {
  let identity: string | null = null;
  /** The furthest message that arrived. */
  let tail: Pick<StoredMessage, 'seq' | 'atMs'> | null = null;
  /** Reasons not to be certain that have no answer yet. */
  let doubts = 0;
  let kept: (() => void)[] = [];
  /** Losses of the connection, counted; null while it is there and was asked about. */
  let lost: number | null = null;
  let losses = 0;
  let cancel: (() => void) | undefined;
  let stopped = false;

  const settle = (): void => {
    doubts -= 1;
    while (doubts === 0 && kept.length > 0) kept.shift()?.();
  };
  const ask = async (): Promise<void> => {
    const last = tail;
    const stream = await bus.streamInfo();
    if (stream.identity !== identity) throw new FatalError('the log was made anew', { exitCode: 3 });
    if (last === null || last.seq < stream.firstSeq) return;
    if (last.seq > stream.lastSeq) throw new FatalError('the log has lost its end', { exitCode: 3 });
    const found = await bus.get(last.seq);
    if (found !== null && tailOf(found) !== tailOf(last))
      throw new FatalError('the log has lost its end and was written on', { exitCode: 3 });
  };
  const askAgain = (): void => {
    const about = lost;
    ask().then(
      () => {
        // Lost again meanwhile: the answer may be older than that.
        if (stopped || about !== lost) return;
        lost = null;
        settle();
      },
      (error: unknown) => {
        if (stopped || about !== lost) return;
        if (error instanceof BusError && error.retryable) cancel = clock.after(ASK_AGAIN_MS, askAgain);
        else
          onFatal(error instanceof FatalError ? error : new FatalError(String(error), { exitCode: 3, cause: error }));
      },
    );
  };
  const forget = bus.onConnection((connected) => {
    if (connected) {
      if (lost !== null) askAgain();
      return;
    }
    cancel?.();
    if (lost === null) doubts += 1;
    losses += 1;
    lost = losses;
  });

  return {
    expect(found) {
      identity = found;
    },
    async during(open) {
      doubts += 1;
      const opened = await open();
      await ask();
      settle();
      return opened;
    },
    arrived({ seq, atMs }) {
      if (seq > (tail?.seq ?? 0)) tail = { seq, atMs };
    },
    whenCertain(task) {
      if (doubts === 0) task();
      else kept.push(task);
    },
    stop() {
      stopped = true;
      kept = [];
      cancel?.();
      forget();
    },
  };
}
