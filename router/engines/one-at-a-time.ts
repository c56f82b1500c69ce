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
  #unfinished = 0;

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** Work that was aborted while it waited is not begun. @throws QueueFull at once, when too much waits */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#unfinished > this.#waitingMax) return Promise.reject(new QueueFull(`${this.#unfinished} decisions wait`));
    this.#unfinished += 1;
    const result = this.#last.then(() => {
      signal.throwIfAborted();
      return work();
    });
    const ended = (): void => {
      this.#unfinished -= 1;
    };
    this.#last = result.then(ended, ended);
    return result;
  }

  /** Work that runs or waits. */
  get unfinished(): number {
    return this.#unfinished;
  }

  /** Resolves when all that was asked for so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
