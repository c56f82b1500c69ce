/** The time limits of one exchange: the caller's signal, the whole, and the next byte. Owns: nothing but the clock. */

export class TimeoutFailure extends Error {
  /** The limit of the whole was reached, not that of the next byte. */
  readonly whole: boolean;

  constructor(message: string, whole: boolean) {
    super(message);
    this.whole = whole;
  }
}

export class Deadline {
  readonly #controller = new AbortController();
  readonly #whole: NodeJS.Timeout;
  readonly #endsAt: number;
  readonly #caller: AbortSignal;
  #round = new AbortController();
  #next: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number, caller: AbortSignal) {
    this.#caller = caller;
    this.#endsAt = performance.now() + timeoutMs;
    const expire = (): void =>
      this.#controller.abort(new TimeoutFailure(`took longer than ${timeoutMs / 1000} s`, true));
    this.#whole = setTimeout(expire, timeoutMs);
    caller.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => this.#controller.abort(this.#caller.reason);

  get signal(): AbortSignal {
    return AbortSignal.any([this.#controller.signal, this.#round.signal]);
  }

  /** Gives the next byte this long. */
  expect(ms: number, what: string): void {
    clearTimeout(this.#next);
    const round = this.#round;
    this.#next = setTimeout(() => round.abort(new TimeoutFailure(what, false)), ms);
  }

  /** Runs one try; what it fails with is the limit that ended it, if one did. Its connection ends with it. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    const round = new AbortController();
    this.#round = round;
    try {
      return await work();
    } catch (error) {
      if (this.#controller.signal.aborted) throw this.#controller.signal.reason;
      if (round.signal.aborted) throw round.signal.reason;
      throw error;
    } finally {
      clearTimeout(this.#next);
      round.abort(new Error('the exchange is over'));
    }
  }

  isOver(): boolean {
    return this.#controller.signal.aborted;
  }

  leftMs(): number {
    return this.#endsAt - performance.now();
  }

  close(): void {
    clearTimeout(this.#whole);
    clearTimeout(this.#next);
    this.#caller.removeEventListener('abort', this.#onAbort);
  }
}
