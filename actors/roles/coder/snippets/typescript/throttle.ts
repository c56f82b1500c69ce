/**
 * Calls `run` at most once every `intervalMs`: at once for the first call, then with the latest arguments when the
 * interval ends. `cancel` drops a waiting call.
 */
export function throttle<Args extends unknown[]>(
  run: (...args: Args) => void,
  intervalMs: number,
): ((...args: Args) => void) & { cancel(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting: Args | undefined;

  function onInterval(): void {
    if (waiting === undefined) {
      timer = undefined;
      return;
    }
    const args = waiting;
    waiting = undefined;
    timer = setTimeout(onInterval, intervalMs);
    run(...args);
  }

  function throttled(...args: Args): void {
    if (timer !== undefined) {
      waiting = args;
      return;
    }
    timer = setTimeout(onInterval, intervalMs);
    run(...args);
  }

  function cancel(): void {
    clearTimeout(timer);
    timer = undefined;
    waiting = undefined;
  }

  return Object.assign(throttled, { cancel });
}
