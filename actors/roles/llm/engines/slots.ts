/**
 * A fixed number of places to work at, and a bounded line before them. Owns: who works and who waits. Does not own: the
 * work.
 *
 * 1. A place is given back however the work ends, and only when it has really ended.
 * 2. Whoever comes when the line is full is refused at once: waiting without end is worse than being told (S8).
 */
import { EngineError } from '../../../../prompting/engine-error.ts';

export interface Slots<P> {
  /**
   * Does the work at a free place, waiting for one if need be.
   * @throws EngineError `engine_busy`, retryable, when the line is full; the signal's reason when it aborts in the line
   */
  use<T>(signal: AbortSignal, work: (place: P) => Promise<T>): Promise<T>;
  readonly free: number;
  readonly waiting: number;
}

interface Waiting<P> {
  readonly begin: (place: P) => void;
}

export function createSlots<P>(places: readonly P[], waitingMax: number): Slots<P> {
  const free = [...places];
  const line: Waiting<P>[] = [];

  const place = (signal: AbortSignal): Promise<P> => {
    const mine = free.pop();
    if (mine !== undefined) return Promise.resolve(mine);
    if (line.length >= waitingMax) {
      const message = `The model is busy: ${places.length} generations run and ${line.length} wait.`;
      throw new EngineError('engine_busy', message, { retryable: true });
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        line.splice(line.indexOf(entry), 1);
        reject(signal.reason);
      };
      const entry: Waiting<P> = {
        begin(given) {
          signal.removeEventListener('abort', leave);
          resolve(given);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      line.push(entry);
    });
  };
  const giveBack = (given: P): void => {
    const next = line.shift();
    if (next) next.begin(given);
    else free.push(given);
  };

  return {
    async use(signal, work) {
      signal.throwIfAborted();
      const given = await place(signal);
      try {
        return await work(given);
      } finally {
        giveBack(given);
      }
    },
    get free() {
      return free.length;
    },
    get waiting() {
      return line.length;
    },
  };
}
