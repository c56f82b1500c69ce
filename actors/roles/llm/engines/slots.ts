/**
 * Places at which an engine works, each given to one piece of work at a time. Owns: which place is free, and what a caller
 * is told when the line before them is full. Does not own: the line (`resilience/semaphore.ts`), or the work.
 */
import { EngineError } from '../../../../prompting/engine-error.ts';
import { Semaphore, SemaphoreFull } from '../../../../resilience/semaphore.ts';

export interface Slots<P> {
  /**
   * Does the work at a free place, waiting for one if need be.
   * @throws EngineError `engine_busy`, retryable, when the line is full; the signal's reason when it aborts in the line
   */
  use<T>(signal: AbortSignal, work: (place: P) => Promise<T>): Promise<T>;
  readonly free: number;
  readonly waiting: number;
}

export function createSlots<P>(places: readonly P[], waitingMax: number): Slots<P> {
  const unused = [...places];
  const semaphore = new Semaphore(places.length, waitingMax);
  const atPlace = async <T>(work: (place: P) => Promise<T>): Promise<T> => {
    const place = unused.pop();
    if (place === undefined) throw new Error('the semaphore let in more than there are places');
    try {
      return await work(place);
    } finally {
      unused.push(place);
    }
  };
  return {
    async use(signal, work) {
      try {
        return await semaphore.run(() => atPlace(work), signal);
      } catch (error) {
        if (!(error instanceof SemaphoreFull)) throw error;
        const message = `The model is busy: ${error.running} generations run and ${error.waiting} wait.`;
        throw new EngineError('engine_busy', message, { retryable: true, cause: error });
      }
    },
    get free() {
      return semaphore.free;
    },
    get waiting() {
      return semaphore.waiting;
    },
  };
}
