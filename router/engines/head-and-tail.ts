/** The first and the last of what is too long; what is asked stands there, and pasted text between. */
export function headAndTail<T>(items: readonly T[], max: number): readonly T[] {
  if (items.length <= max) return items;
  const head = Math.floor(max / 2);
  return [...items.slice(0, head), ...items.slice(items.length - (max - head))];
}
