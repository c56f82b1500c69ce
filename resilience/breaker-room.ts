/**
 * Those who wait for a breaker instead of being refused. Owns: what each waits for, for how long, and how many may. Does
 * not own: the breaker's states, or what is done when the wait is over.
 *
 * 1. A caller that has no fallback waits until one call may be tried, and for how that ends; a caller that has one waits
 *    for a call that is being tried alone, and not for one that hangs.
 * 2. Whoever waited for a call that was tried and failed has failed with it. One that was cancelled has shown nothing:
 *    they go on waiting.
 * 3. So many may wait and no more, for they keep places of work from others; the next are refused at once.
 */

/** How a caller takes it that its call is not made now. */
export interface BreakerWait {
  /** `trial`: for a call that is being tried; `turn`: also until one may be tried. */
  readonly until: 'trial' | 'turn';
  /** Told how many wait before it, and by null that it waits no more. */
  readonly waits: (ahead: number | null) => void;
}

/** A call that is tried for longer is no longer waited for by those who have a fallback, milliseconds. */
const TRIAL_MS_MAX = 30_000;
/** Of all breakers of a process: half of the calls of tools that run at once. */
const WAITING_MAX = 32;

/** What a breaker is like while it lets nobody through. */
export type Shut =
  | { readonly state: 'open'; readonly leftMs: number }
  | { readonly state: 'half_open'; readonly trialMs: number };

export interface BreakerRoom {
  /**
   * Resolves when it is worth looking at the breaker again.
   *
   * @throws what `refusal` makes, when there is nothing to wait for; or the signal's reason
   */
  wait(wait: BreakerWait | undefined, shut: Shut, refusal: () => Error, signal?: AbortSignal): Promise<void>;
  /** The breaker's state has changed. */
  wake(): void;
  /** The call that was tried has failed. */
  fail(refusal: () => Error): void;
}

/** Of the breakers of one process. */
export interface WaitingCount {
  now: number;
}

interface Waiter {
  readonly goOn: () => void;
  readonly fail: (error: unknown) => void;
}

/** How long the caller waits in this state at most, milliseconds; null when it does not. */
function patienceMs({ until }: BreakerWait, shut: Shut): number | null {
  if (shut.state === 'open') return until === 'turn' ? Math.max(1, shut.leftMs) : null;
  if (until === 'turn') return Number.POSITIVE_INFINITY;
  return shut.trialMs < TRIAL_MS_MAX ? TRIAL_MS_MAX - shut.trialMs : null;
}

export function createBreakerRoom(count: WaitingCount): BreakerRoom {
  const waiters = new Set<Waiter>();
  const everyone = (told: (waiter: Waiter) => void): void => {
    const all = [...waiters];
    waiters.clear();
    for (const waiter of all) told(waiter);
  };
  return {
    async wait(wait, shut, refusal, signal) {
      const limitMs = wait === undefined ? null : patienceMs(wait, shut);
      if (wait === undefined || limitMs === null || count.now >= WAITING_MAX) throw refusal();
      signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter: Waiter = { goOn: resolve, fail: reject };
      const abort = (): void => reject(signal?.reason);
      const timer = limitMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(resolve, limitMs);
      signal?.addEventListener('abort', abort, { once: true });
      wait.waits(waiters.size);
      waiters.add(waiter);
      count.now += 1;
      try {
        await promise;
      } finally {
        count.now -= 1;
        waiters.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        wait.waits(null);
      }
    },
    wake: () => everyone(({ goOn }) => goOn()),
    fail: (refusal) => everyone(({ fail }) => fail(refusal())),
  };
}
