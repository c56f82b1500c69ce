/**
 * So many pieces of work at a time; the others wait in order. Owns: who works, who waits, and the bound on the line. Does
 * not own: the work, or taking turns by weight (`actors/runtime/effects/fair-queue.ts`).
 *
 * 1. A place is given back however the work ends, and only when it has really ended.
 * 2. Whoever comes when the line is full is refused at once: waiting without end is worse than being told (S8).
 * 3. Who is aborted while it waits leaves the line at once, and its work is not begun.
 */

/** The line is full; nothing was begun. */
export class SemaphoreFull extends Error {
  override readonly name = 'SemaphoreFull';
  readonly running: number;
  readonly waiting: number;
  constructor(running: number, waiting: number) {
    super(`${running} at work and ${waiting} waiting, which is all there is room for`);
    this.running = running;
    this.waiting = waiting;
  }
}

export class Semaphore {
  readonly #waitingMax: number;
  #free: number;
  #running = 0;
  readonly #line: (() => void)[] = [];
  #idle: PromiseWithResolvers<void> | null = null;

  constructor(places: number, waitingMax: number = Number.POSITIVE_INFINITY) {
    this.#free = places;
    this.#waitingMax = waitingMax;
  }

  /** @throws SemaphoreFull; the signal's reason when it has aborted before the work begins; else what the work throws */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    await this.#enter(signal);
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      this.#leave();
    }
  }

  get free(): number {
    return this.#free;
  }

  get waiting(): number {
    return this.#line.length;
  }

  get running(): number {
    return this.#running;
  }

  /** Resolves when nothing runs or waits any more. */
  async idle(): Promise<void> {
    if (this.#running === 0) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  #enter(signal: AbortSignal | undefined): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free -= 1;
      this.#running += 1;
      return undefined;
    }
    if (this.#line.length >= this.#waitingMax) throw new SemaphoreFull(this.#running, this.#line.length);
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#line.splice(this.#line.indexOf(begin), 1);
        reject(signal?.reason);
      };
      const begin = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#line.push(begin);
    });
  }

  /** The place goes to the next one in the line at once, so nobody who comes now gets in before it. */
  #leave(): void {
    const next = this.#line.shift();
    if (next !== undefined) {
      next();
      return;
    }
    this.#free += 1;
    this.#running -= 1;
    if (this.#running > 0) return;
    this.#idle?.resolve();
    this.#idle = null;
  }
}
