/** The first half (rounded up) and the last half of what fits: what is asked stands before or after what was pasted. */
export function headAndTail<T>(items: readonly T[], max: number): readonly T[] {
  if (items.length <= max) return items;
  const tail = Math.floor(max / 2);
  return [...items.slice(0, max - tail), ...items.slice(items.length - tail)];
}

/** The same cut of a text, by UTF-16 units. */
export function headAndTailOf(text: string, max: number): string {
  if (text.length <= max) return text;
  const tail = Math.floor(max / 2);
  return text.slice(0, max - tail) + text.slice(text.length - tail);
}
