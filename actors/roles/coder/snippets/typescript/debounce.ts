/**
 * Delays calls of `run` until none has come for `waitMs`; only the last call's arguments are used.
 * `cancel` drops a waiting call, `flush` makes it at once.
 */
export function debounce<Args extends unknown[]>(
  run: (...args: Args) => void,
  waitMs: number,
): ((...args: Args) => void) & { cancel(): void; flush(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting: Args | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === undefined) return;
    const args = waiting;
    waiting = undefined;
    run(...args);
  }

  function debounced(...args: Args): void {
    waiting = args;
    clearTimeout(timer);
    timer = setTimeout(flush, waitMs);
  }

  function cancel(): void {
    clearTimeout(timer);
    timer = undefined;
    waiting = undefined;
  }

  return Object.assign(debounced, { cancel, flush });
}
