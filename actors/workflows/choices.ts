/** Choices of a question. Owns: when two texts are the same choice, for whoever checks a file and whoever reads an answer. */

/** Texts that differ in case, in blanks or in how Unicode composes their letters are the same choice. */
export function foldedChoice(text: string): string {
  return text.normalize('NFKC').trim().replace(/\s+/gu, ' ').toUpperCase().toLowerCase();
}
