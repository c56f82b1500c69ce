/**
 * Delays calls of `run` until none has come for `waitMs`; only the last call's arguments are used.
 * `cancel` drops a waiting call, `flush` makes it at once.
 */
export function debounce(run, waitMs) {
  let timer;
  let waiting;
  function flush() {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === undefined) return;
    const args = waiting;
    waiting = undefined;
    run(...args);
  }
  function debounced(...args) {
    waiting = args;
    clearTimeout(timer);
    timer = setTimeout(flush, waitMs);
  }
  function cancel() {
    clearTimeout(timer);
    timer = undefined;
    waiting = undefined;
  }
  return Object.assign(debounced, { cancel, flush });
}
