/**
 * Passages that say nearly the same: copies of a paragraph in many pages, a file beside its older version. Owns: how alike
 * two texts are, and leaving the later of two out of an order. Does not own: the order (`rank.ts`, `vectors.ts`).
 */

/** Words in a row that are compared: fewer are shared by chance, more are broken by each small edit. */
const SHINGLE_WORDS = 3;
/** Shared shingles among all of both; a changed name or number leaves two copies of a paragraph above it. */
const ALIKE_MIN = 0.8;

type Shingles = ReadonlySet<string>;

export interface Folding<T> {
  readonly kept: T[];
  /** For a kept one what it stands for, by id; of the others nothing. */
  readonly folded: ReadonlyMap<string, readonly string[]>;
}

/** Of passages that are alike the first stays. @param limit no more are kept, and the rest is not looked at */
export function foldAlike<T extends { readonly id: string }>(
  ordered: readonly T[],
  textOf: (item: T) => string,
  limit: number,
): Folding<T> {
  const kept: { readonly item: T; readonly shingles: Shingles }[] = [];
  const folded = new Map<string, string[]>();
  for (const item of ordered) {
    const shingles = shinglesOf(textOf(item));
    const same = kept.find((one) => areAlike(one.shingles, shingles));
    if (same !== undefined) folded.set(same.item.id, [...(folded.get(same.item.id) ?? []), item.id]);
    else if (kept.length < limit) kept.push({ item, shingles });
    else break;
  }
  return { kept: kept.map(({ item }) => item), folded };
}

function shinglesOf(text: string): Shingles {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length < SHINGLE_WORDS) return new Set([words.join(' ')]);
  return new Set(words.slice(SHINGLE_WORDS - 1).map((_, at) => words.slice(at, at + SHINGLE_WORDS).join(' ')));
}

function areAlike(a: Shingles, b: Shingles): boolean {
  const [fewer, more] = a.size < b.size ? [a, b] : [b, a];
  if (fewer.size < ALIKE_MIN * more.size) return false;
  let shared = 0;
  for (const shingle of fewer) if (more.has(shingle)) shared += 1;
  return shared >= ALIKE_MIN * (a.size + b.size - shared);
}
