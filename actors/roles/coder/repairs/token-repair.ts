/**
 * Repairs a syntax error by putting in or taking out one token and keeping what leaves the fewest errors.
 * Owns the search; which tokens are worth a try and how errors are counted is the language's business.
 */

export interface TokenRepair {
  readonly text: string;
  readonly what: string;
}

export interface TokenRepairOptions {
  /** Offset of the first syntax error, in UTF-16 units. */
  readonly offset: number;
  /** Tokens to put in, the likeliest first: of equal results the first wins. */
  readonly tokens: readonly string[];
  /** Weighs the syntax errors of a text: fewer is better, of equally many a later first one is. */
  readonly weigh: (text: string) => number;
}

/** The edit of one token that lowers the weight the most, or null when none lowers it. */
export function repairByToken(text: string, options: TokenRepairOptions): TokenRepair | null {
  const { offset, tokens, weigh } = options;
  const places = placesAround(text, offset);
  let best: TokenRepair | null = null;
  let lightest = weigh(text);
  const consider = (candidate: string, what: string): void => {
    const weight = weigh(candidate);
    if (weight >= lightest) return;
    lightest = weight;
    best = { text: candidate, what };
  };
  const insert = (token: string): void => {
    for (const place of places) {
      const piece = token === '}' && place === text.length ? '\n}\n' : token;
      consider(text.slice(0, place) + piece + text.slice(place), `put in the missing ${token}`);
    }
  };
  const isOpening = (token: string): boolean => token === '(' || token === '{' || token === '[';
  for (const token of tokens.filter((candidate) => !isOpening(candidate))) insert(token);
  // A bracket too many is likelier than an opening one that was forgotten.
  const stray = /^[)\]},;:]/.exec(text.slice(offset))?.[0];
  if (stray !== undefined) consider(text.slice(0, offset) + text.slice(offset + 1), `took out a stray ${stray}`);
  for (const token of tokens.filter(isOpening)) insert(token);
  return best;
}

/** How much weight is left for the place of the first error: less than one error weighs. */
export function latenessWeight(text: string, firstErrorOffset: number): number {
  return -0.9 * (Math.min(firstErrorOffset, text.length) / (text.length + 1));
}

/** Before the error, after and before the last token that precedes it, at the end of its line and of the text. */
function placesAround(text: string, offset: number): number[] {
  const before = text.slice(0, offset).trimEnd().length;
  const lineEnd = text.indexOf('\n', offset);
  const end = text.trimEnd().length;
  const inside = Math.max(0, before - 1);
  return [...new Set([before, offset, inside, lineEnd === -1 ? end : lineEnd, end, text.length])];
}
