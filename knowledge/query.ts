/**
 * Turns what a person typed into what is searched for.
 *
 * Owns the FTS5 expression and the reading of intent. Does not run the search (`sqlite-search.ts`) nor order its hits
 * (`rank.ts`).
 *
 * Only letters, digits and marks of the user's text reach the expression, each word between double quotes, so no
 * operator of the query language can be written from outside.
 */
import { isAskingWord, isStopWord, wordParts } from './terms.ts';
import { foldedWord, isPaired, piecesOf, plainLetters } from './word-forms.ts';

/** Longer texts are pasted material; a request stands at the start, so the beginning is what is searched. */
export const QUERY_CHARS_MAX = 2_000;

/** Distinct words searched, the first ones: each costs one pass over its postings. */
export const TERMS_MAX = 32;

/** A shorter prefix matches half the dictionary. */
const PREFIX_CHARS_MIN = 2;

export type Intent = 'question' | 'code' | 'plain';

export interface Term {
  /** As it was typed, in lower case. */
  word: string;
  /** FTS5 expression that finds it. */
  match: string;
}

export interface Plan {
  /** The distinct words, by which is measured how much of the query a chunk covers. */
  terms: Term[];
  /** FTS5 expressions of words that stood beside each other. */
  phrases: string[];
  intent: Intent;
}

/** Null when the text holds no word to search for. */
export function planSearch(query: string): Plan | null {
  const text = plainLetters(cutQuery(query));
  const intent = intentOf(text);
  const typed = (text.match(/[\p{L}\p{N}_][\p{L}\p{N}\p{M}_]*/gu) ?? []).flatMap(piecesOf);
  const words = meaningfulWords(typed, intent);
  const terms = new Map<string, string>();
  const phrases = new Set<string>();
  words.forEach((word, position) => {
    const parts = wordParts(word);
    const isIdentifier = parts.length > 1;
    parts.forEach((part, index) => {
      const isLast = index === parts.length - 1;
      const isLong = [...part].length >= PREFIX_CHARS_MIN || isPaired(part);
      const asPrefix = isLast && (isIdentifier || words.length === 1) && isLong;
      if (!terms.has(part) || asPrefix) terms.set(part, matchOfWord(part, asPrefix));
    });
    if (isIdentifier) phrases.add(quote(parts.join(' '))).add(quote(word));
    const next = words[position + 1];
    if (next !== undefined) phrases.add(quote(`${parts.at(-1) ?? ''} ${wordParts(next)[0] ?? ''}`));
  });
  // Written together elsewhere: back-off is backoff, e-mail is email.
  for (const word of text.match(/\p{L}+(?:-\p{L}+)+/gu) ?? []) {
    const [together, apart] = [word.replaceAll('-', ''), word.replaceAll('-', ' ')].map((one) => one.toLowerCase());
    terms.set(together ?? '', `(${quote(together ?? '')} OR ${quote(apart ?? '')})`);
  }
  const searched = [...terms].slice(0, TERMS_MAX).map(([word, match]) => ({ word, match }));
  if (searched.length === 0) return null;
  return { terms: searched, phrases: [...phrases].slice(0, TERMS_MAX), intent };
}

/** A word, or another spelling of it: `straße` and `strasse`, `rfc7231` and `rfc 7231`. */
function matchOfWord(word: string, asPrefix: boolean): string {
  const numbered = /^(\p{L}{2,})(\p{N}{2,})$/u.exec(word);
  const others = [foldedWord(word), ...(numbered === null ? [] : [`${numbered[1]} ${numbered[2]}`])];
  const forms = [...new Set([word, ...others])].filter((one) => one !== '');
  const matches = forms.map((one) => `${quote(one)}${asPrefix ? '*' : ''}`);
  return matches.length === 1 ? (matches[0] ?? '') : `(${matches.join(' OR ')})`;
}

/** FTS5 expression that finds the candidates: whatever holds one of the words. */
export function matchOf({ terms, phrases }: Plan): string {
  return [...terms.map(({ match }) => match), ...phrases].join(' OR ');
}

/** FTS5 expression of any of some words, which must hold letters and digits only. */
export function anyOf(words: readonly string[]): string {
  return `(${words.map(quote).join(' OR ')})`;
}

/** The first QUERY_CHARS_MAX characters, without the word that the cut went through. */
export function cutQuery(query: string): string {
  if (query.length <= QUERY_CHARS_MAX) return query;
  const cut = query.slice(0, QUERY_CHARS_MAX);
  const whole = cut.replace(/[\p{L}\p{N}\p{M}_]+$/u, '');
  return whole.trim() === '' ? cut : whole;
}

function intentOf(text: string): Intent {
  const request = text.trim().toLowerCase();
  if (/^(?:how|what|why|when|where|who|which)\b/.test(request)) return 'question';
  const asksForCode =
    /^(?:please\s+|can you\s+|could you\s+)?(?:write|implement|code|create|generate|refactor|add)\b/.test(request) ||
    /\b(?:write|implement|generate)\b.*\b(?:function|class|method|module|script|test|type|component|code)\b/.test(
      request,
    );
  if (asksForCode) return 'code';
  const asks = /\?\s*$/.test(request) || /^(?:is|are|does|do|can|should|explain|describe|tell)\b/.test(request);
  return asks ? 'question' : 'plain';
}

/** Without stop words, and without the verb of a request; with all of them when nothing else remains. */
function meaningfulWords(words: readonly string[], intent: Intent): string[] {
  const withoutStops = words.filter((word) => !isStopWord(word));
  const withoutAsking =
    intent === 'plain' ? withoutStops : withoutStops.filter((word, index) => index > 0 || !isAskingWord(word));
  if (withoutAsking.length > 0) return withoutAsking;
  return withoutStops.length > 0 ? withoutStops : [...words];
}

function quote(words: string): string {
  return `"${words}"`;
}
