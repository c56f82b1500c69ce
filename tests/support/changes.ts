/**
 * Waiting for what changes. Owns: telling those who wait that something has changed, and the deadline of each wait.
 * Does not own: what changes. A wait ends by a change or at its deadline; nobody looks again after a pause.
 */

export class Changes {
  readonly #lookers = new Set<() => void>();

  /** To be called after every change. */
  tell(): void {
    for (const look of [...this.#lookers]) look();
  }

  /**
   * Resolves with the first value of `look` that is not undefined: now, or after a later change.
   * @param limitMs real time until the wait fails
   * @param what said when it fails; a function is asked then
   */
  until<T>(look: () => T | undefined, limitMs: number, what: string | (() => string)): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(deadline);
        this.#lookers.delete(check);
      };
      const check = (): void => {
        try {
          const value = look();
          if (value === undefined) return;
          settle();
          resolve(value);
        } catch (thrown) {
          settle();
          reject(thrown);
        }
      };
      const deadline = setTimeout(() => {
        settle();
        reject(new Error(`${typeof what === 'string' ? what : what()} (waited ${limitMs} ms)`));
      }, limitMs);
      this.#lookers.add(check);
      check();
    });
  }
}

/** The promise's outcome, or an error at the deadline. */
export async function within<T>(limitMs: number, promise: Promise<T>, what: string): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const deadline = setTimeout(() => reject(new Error(`${what} (waited ${limitMs} ms)`)), limitMs);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(deadline);
  }
}
