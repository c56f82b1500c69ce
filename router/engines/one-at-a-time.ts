/**
 * Work that may not overlap, in the order in which it was asked for. Owns: the queue and its bound. Does not own: the
 * work.
 */

export class QueueFull extends Error {
  override readonly name = 'QueueFull';
}

export class OneAtATime {
  readonly #waitingMax: number;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** Work that was aborted while it waited is not begun. @throws QueueFull at once, when too much waits */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#waiting >= this.#waitingMax) return Promise.reject(new QueueFull(`${this.#waiting} decisions wait`));
    this.#waiting += 1;
    const result = this.#last.then(() => {
      this.#waiting -= 1;
      signal.throwIfAborted();
      return work();
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all that was asked for so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
