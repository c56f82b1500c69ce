/**
 * Finds `wanted` in a sorted array in O(log n). Returns its index, or -1.
 * Of equal items the first one is found.
 */
export function binarySearch(sorted, wanted, compare = (left, right) => (left < right ? -1 : left > right ? 1 : 0)) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(sorted[middle], wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low < sorted.length && compare(sorted[low], wanted) === 0 ? low : -1;
}
