/**
 * Remembers the results of `compute` by its argument, or by `keyOf` of all of them.
 * A promise that rejects is forgotten, so that the next call tries again.
 */
export function memoize(compute, keyOf = (...args) => args[0]) {
  const results = new Map();
  return (...args) => {
    const key = keyOf(...args);
    const known = results.get(key);
    if (known !== undefined || results.has(key)) return known;
    const result = compute(...args);
    results.set(key, result);
    if (result instanceof Promise) result.catch(() => results.delete(key));
    return result;
  };
}
