/** The passages that a text cites by [n] markers. Owns: reading the markers. */
import type { Citation, Passage } from '../schemas/events/generated.ts';

/** Each passage once, in the order of their numbers; markers without a passage are left out. */
export function citationsIn(text: string, passages: readonly Passage[]): Citation[] {
  const markers = [...text.matchAll(/\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/g)].flatMap((match) =>
    (match[1] ?? '').split(',').map((number) => Number(number)),
  );
  const distinct = [...new Set(markers)].sort((a, b) => a - b);
  return distinct.flatMap((marker) => {
    const passage = passages[marker - 1];
    if (passage === undefined) return [];
    const { path, heading, startLine, endLine } = passage;
    return [{ marker, path, heading, startLine, endLine }];
  });
}
