/** Splits an array into chunks of `size`; the last one may be shorter. */
export function chunk(items, size) {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`The size must be a positive integer, not ${size}.`);
  const chunks = [];
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
  return chunks;
}
