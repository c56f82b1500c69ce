/**
 * The first two thirds (rounded up) and the last third of what fits: what is asked stands before or after what was
 * pasted, not inside it.
 */
export function headAndTail<T>(items: readonly T[], max: number): readonly T[] {
  if (items.length <= max) return items;
  const tail = Math.floor(max / 3);
  return [...items.slice(0, max - tail), ...items.slice(items.length - tail)];
}
