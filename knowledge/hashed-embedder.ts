/**
 * Vectors without a model: words, the parts of identifiers and pieces of words, each hashed to a place in the vector.
 *
 * Owns what is hashed. It knows spelling and no meaning, so it finds no more than the lexical index does; it is there so
 * that passages of other machines are found on a shared server by a mesh that has no embedding model. Does not own
 * comparing.
 *
 * The same text gives the same vector on every machine and in every release with the same SPACE.
 */
import { stemmer } from 'stemmer';
import { type Embedder, normalize } from './embedder.ts';
import { isStopWord, wordParts } from './terms.ts';

/** Raised whenever the same text would give another vector. */
const SPACE = 'hashed-words-1';
/** Collisions are rare at this size in a passage of a few hundred words; a multiple of it gained nothing. */
const DIMENSION = 512;
/** Pieces of three letters carry a mistyped word; a word has several, so each counts less. */
const PIECE_LETTERS = 3;
const PIECE_WEIGHT = 0.25;

export function hashedEmbedder(): Embedder {
  return {
    name: 'hashed-words',
    space: async () => SPACE,
    knowsMeaning: false,
    async embed(texts, _purpose, signal) {
      signal?.throwIfAborted();
      return texts.map(hashedVector);
    },
    async close() {
      // Nothing is held.
    },
  };
}

function hashedVector(text: string): Float32Array {
  const counts = new Map<string, number>();
  const count = (feature: string, by: number): void => {
    counts.set(feature, (counts.get(feature) ?? 0) + by);
  };
  for (const word of text.match(/[\p{L}\p{N}_]+/gu) ?? []) {
    for (const part of wordParts(word)) {
      if (isStopWord(part)) continue;
      const stem = stemmer(part);
      count(`w ${stem}`, 1);
      for (let at = 0; at + PIECE_LETTERS <= stem.length; at += 1) {
        count(`p ${stem.slice(at, at + PIECE_LETTERS)}`, PIECE_WEIGHT);
      }
    }
  }
  const vector = new Float32Array(DIMENSION);
  for (const [feature, number] of counts) {
    const hash = fnv1a(feature);
    // The sign comes from a bit that the place does not use: collisions then cancel out as often as they add up.
    const sign = hash & 0x8000_0000 ? -1 : 1;
    const place = hash % DIMENSION;
    vector[place] = (vector[place] ?? 0) + sign * Math.log1p(number);
  }
  return normalize(vector);
}

/** FNV-1a, 32 bits, unsigned. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x0100_0193);
  }
  return hash >>> 0;
}
