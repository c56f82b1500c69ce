/**
 * Words: how identifiers fall apart, and which words carry no meaning in a question.
 *
 * Owns the vocabulary rules used when indexing and when searching, which must agree. Does not own the query language of
 * any database (`query.ts`).
 */

import { matcher } from './ascii-text.ts';

/** English function words, and the tails that apostrophes leave behind. */
const STOP_WORDS = new Set(
  (
    'a about after all also am an and any are as at be because been before being between both but by can cannot could did do ' +
    'does doing don doesn didn during each else ever few for from further get gets had happen happens has have having he her here ' +
    'hers him his how i if in into is isn it its itself just let ll m me more most my no nor not of off on once only ' +
    'or other our ours out over own please re s same she should so some such t than that the their them then there ' +
    'these they this those through to too under until up us ve very was way we were what when where which while who ' +
    'whom whose why will with would you your yours'
  ).split(' '),
);

/** Verbs that ask for something instead of naming it, when they open a request. */
const ASKING_WORDS = new Set(
  'add code create describe develop explain find generate give implement list make need please provide refactor show summarise summarize tell want write'.split(
    ' ',
  ),
);

export function isStopWord(word: string): boolean {
  return STOP_WORDS.has(word.toLowerCase());
}

export function isAskingWord(word: string): boolean {
  return ASKING_WORDS.has(word.toLowerCase());
}

/** `debounceFn`, `debounce_fn` and `DEBOUNCE_FN` all give debounce and fn; a plain word gives itself. Lower-case. */
export function wordParts(word: string): string[] {
  return word
    .split(/_+|(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u)
    .filter((part) => part !== '')
    .map((part) => part.toLowerCase());
}

const inCamelCase = matcher(
  String.raw`[\p{L}\p{N}_]*[\p{Ll}\p{N}][\p{Lu}][\p{L}\p{N}_]*|[\p{Lu}]{2,}[\p{Ll}][\p{L}\p{N}_]*`,
);

/** The parts of every identifier in camel case, each identifier once: words that a tokenizer would not see. */
export function hiddenParts(text: string): string {
  const identifiers = new Set(inCamelCase(text));
  return [...identifiers].map((identifier) => wordParts(identifier).join(' ')).join(' | ');
}
