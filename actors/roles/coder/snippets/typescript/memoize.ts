/**
 * Remembers the results of `compute` by its argument, or by `keyOf` of all of them.
 * A promise that rejects is forgotten, so that the next call tries again.
 */
export function memoize<Args extends unknown[], Result>(
  compute: (...args: Args) => Result,
  keyOf: (...args: Args) => unknown = (...args) => args[0],
): (...args: Args) => Result {
  const results = new Map<unknown, Result>();
  return (...args) => {
    const key = keyOf(...args);
    const known = results.get(key);
    if (known !== undefined || results.has(key)) return known as Result;
    const result = compute(...args);
    results.set(key, result);
    if (result instanceof Promise) result.catch(() => results.delete(key));
    return result;
  };
}
