/**
 * Calls `run` at most once every `intervalMs`: at once for the first call, then with the latest arguments when the
 * interval ends. `cancel` drops a waiting call.
 */
export function throttle(run, intervalMs) {
  let timer;
  let waiting;
  function onInterval() {
    if (waiting === undefined) {
      timer = undefined;
      return;
    }
    const args = waiting;
    waiting = undefined;
    timer = setTimeout(onInterval, intervalMs);
    run(...args);
  }
  function throttled(...args) {
    if (timer !== undefined) {
      waiting = args;
      return;
    }
    timer = setTimeout(onInterval, intervalMs);
    run(...args);
  }
  function cancel() {
    clearTimeout(timer);
    timer = undefined;
    waiting = undefined;
  }
  return Object.assign(throttled, { cancel });
}
