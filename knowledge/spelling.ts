/**
 * Which known words a mistyped one may have meant. A pure function of words.
 *
 * Owns how far apart two spellings may be. Does not own the vocabulary (`sqlite-search.ts` reads it from the index).
 */

/** A shorter word has too many neighbours: `form` is not a mistyped `from`. */
const WORD_CHARS_MIN = 4;
/** From this length on two mistakes are forgiven. */
const TWO_MISTAKES_CHARS_MIN = 7;
/** Neighbours taken in place of a word; each costs a pass over its postings. */
const NEIGHBOURS_MAX = 3;

/** How many mistakes a word may hold, 0 for one that is not corrected: a short one, or one with digits. */
export function mistakesAllowed(word: string): number {
  const length = [...word].length;
  if (length < WORD_CHARS_MIN || /\p{N}/u.test(word)) return 0;
  return length < TWO_MISTAKES_CHARS_MIN ? 1 : 2;
}

/** The nearest of the candidates, all equally near, in the order given; empty when none is near enough. */
export function nearestWords(word: string, candidates: Iterable<string>): string[] {
  let best = mistakesAllowed(word);
  if (best === 0) return [];
  let nearest: string[] = [];
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate, best);
    if (distance > best) continue;
    if (distance < best) nearest = [];
    best = distance;
    nearest.push(candidate);
  }
  return nearest.slice(0, NEIGHBOURS_MAX);
}

/**
 * Letters added, dropped, replaced or two neighbours swapped (optimal string alignment); what is over `max` is given as
 * `max + 1`.
 */
function editDistance(a: string, b: string, max: number): number {
  if (Math.abs(a.length - b.length) > max) return max + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(beforeLast, j - 2) + 1 : max + 1;
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, replaced, swapped));
    }
    if (Math.min(...row) > max) return max + 1;
    beforeLast = last;
    last = row;
  }
  return Math.min(at(last, b.length), max + 1);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
