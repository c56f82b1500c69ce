/**
 * The terms of a text: lower-case stems without stop words, identifiers taken apart.
 * Owns what counts as the same word for the extractive engine; the knowledge base has its own index and rules.
 */
import { stemmer } from 'stemmer';

const STOP_WORDS: ReadonlySet<string> = new Set(
  `a about all also am an and another any are as at be been both but by can could did do does each either for from get give had has have
  how i if in into is it its just let like make many may me might more most must my need no not of on one only or other others our own
  out over please shall should show so some such tell than that the their them then there these they this those to too
  up us use used using very want was we were whether what when where which who whom why will with without would you your
  der die das und ist ein eine wie was ich el la los las de que y en es un una le les des et est du une`.split(/\s+/),
);

/** Words of every request for code: they say nothing about which code. */
const CODE_WORDS: ReadonlySet<string> = new Set(
  `write implement create build code function method class helper utility util script program snippet module example
  simple small typed generic add new return take given language version typescript javascript python ts js py node
  nodejs go golang rust java ruby php kotlin swift cpp csharp tsx jsx`.split(/\s+/),
);

/** Words in order, lower-case: `getHTTPServer_v2` gives get, http, server, v2. */
function words(text: string): string[] {
  return (
    text
      .normalize('NFKC')
      // Names with a capital inside are one word.
      .replace(/\b(?:Type|Java)Script\b|\bGitHub\b|\bJetStream\b/g, (name) => name.toLowerCase())
      .replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
      .replace(/(\p{Lu}+)(\p{Lu}\p{Ll})/gu, '$1 $2')
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)
      .filter((word) => word !== '')
  );
}

/** The distinct terms of a text, without stop words. */
export function terms(text: string): Set<string> {
  return new Set(
    words(text)
      .filter((word) => !STOP_WORDS.has(word))
      .map(stemmer),
  );
}

/** The words of a request for code that say which code, in order and unstemmed. */
export function subjectWords(prompt: string): string[] {
  const kept = words(prompt).filter((word) => !STOP_WORDS.has(word) && !CODE_WORDS.has(word) && word.length > 1);
  return [...new Set(kept)];
}

/** subjectWords() as stems. */
export function subjectTerms(prompt: string): Set<string> {
  return new Set(subjectWords(prompt).map(stemmer));
}

/** subjectWords() of which the stem is not in `there`. */
export function subjectWordsBeyond(prompt: string, there: ReadonlySet<string>): string[] {
  return subjectWords(prompt).filter((word) => !there.has(stemmer(word)));
}

/** The share of `wanted` that is in `there`, 0 to 1; 0 when nothing is wanted. */
export function coverage(wanted: ReadonlySet<string>, there: ReadonlySet<string>): number {
  if (wanted.size === 0) return 0;
  let found = 0;
  for (const term of wanted) if (there.has(term)) found += 1;
  return found / wanted.size;
}
