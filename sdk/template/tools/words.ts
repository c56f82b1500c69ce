/** The words that the translator and the glossary know. */
const words: Readonly<Record<string, string>> = {
  the: 'das',
  mesh: 'Netz',
  survives: 'überlebt',
  every: 'jeden',
  crash: 'Absturz',
  good: 'guten',
  morning: 'Morgen',
};

/** Null for a word that is not there. */
export function inGerman(word: string): string | null {
  return words[word.toLowerCase()] ?? null;
}
