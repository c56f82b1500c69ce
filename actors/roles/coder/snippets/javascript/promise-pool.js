/**
 * Runs `work` for every item, at most `concurrency` at a time, and returns the results in the order of the items.
 * After the first error no further item is started, and the pool rejects with it.
 */
export async function promisePool(items, concurrency, work) {
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new RangeError('At least one worker is needed.');
  const results = [];
  const queue = items.entries();
  let failed = false;
  async function worker() {
    for (const [index, item] of queue) {
      if (failed) return;
      try {
        results[index] = await work(item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  return results;
}
