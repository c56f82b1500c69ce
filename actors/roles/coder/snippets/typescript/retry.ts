export interface RetryOptions {
  /** How often the work is tried in all, at least once. */
  attempts?: number;
  /** Wait before the second attempt; it doubles with every further one. */
  firstWaitMs?: number;
  waitMsMax?: number;
  /** Says whether an error is worth another attempt; by default every error is. */
  isRetryable?: (error: unknown) => boolean;
  signal?: AbortSignal;
}

/** Runs `work` until it succeeds, with exponential backoff and full jitter; rejects with the last error. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { attempts = 5, firstWaitMs = 100, waitMsMax = 10_000, isRetryable = () => true, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= attempts || !isRetryable(error)) throw error;
      const waitMs = Math.random() * Math.min(waitMsMax, firstWaitMs * 2 ** (attempt - 1));
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}
