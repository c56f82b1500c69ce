/** Two orders become one, by rank alone. */
import { describe, expect, it } from 'vitest';
import { hashedEmbedder } from '../../../knowledge/hashed-embedder.ts';
import { fuse } from '../../../knowledge/vectors.ts';
import type { Passage } from '../../../schemas/events/generated.ts';

function passages(...ids: string[]): Passage[] {
  return ids.map((id) => ({
    id,
    path: id,
    heading: '',
    startLine: 1,
    endLine: 1,
    text: id,
    kind: 'text',
    language: '',
    score: 0,
  }));
}

const ids = (fused: Passage[]) => fused.map(({ id }) => id);

describe('fusion', () => {
  it('puts what both found before what one found, and gives 1 to the first of all', () => {
    const fused = fuse([passages('a', 'b', 'c'), passages('a', 'd', 'c')], 10);
    expect(ids(fused)).toEqual(['a', 'c', 'b', 'd']);
    expect(fused[0]?.score).toBe(1);
    expect(ids(fuse([passages('a', 'b', 'c'), passages('a', 'd', 'c')], 2))).toEqual(['a', 'c']);
  });

  it('keeps the rank of what does not count', () => {
    const fused = fuse([passages('a', 'b'), [null, null, ...passages('c')]], 10);
    expect(ids(fused)).toEqual(['a', 'b', 'c']);
    expect(ids(fuse([passages('a', 'b'), passages('c')], 10))).toEqual(['a', 'c', 'b']);
  });

  it('counts a passage that is twice in one order once', () => {
    const fused = fuse([passages('a', 'b', 'b', 'b')], 10);
    expect(ids(fused)).toEqual(['a', 'b']);
    expect(fused[1]?.score).toBeLessThan(1);
  });

  it('is empty for nothing', () => expect(fuse([[], []], 10)).toEqual([]));
});

describe('hashed words', () => {
  const cosine = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

  it('are near for texts of the same words, however they are written', async () => {
    const [query, same, mistyped, other] = await hashedEmbedder().embed(
      ['debounce function', 'function debounceFn() {}', 'debounce funktion', 'the zebra is striped'],
      'passage',
    );
    if (!query || !same || !mistyped || !other) throw new Error('four vectors were asked for');
    expect(cosine(query, query)).toBeCloseTo(1, 5);
    expect(cosine(query, same)).toBeGreaterThan(0.6);
    expect(cosine(query, mistyped)).toBeGreaterThan(cosine(query, other) + 0.1);
    expect(Math.abs(cosine(query, other))).toBeLessThan(0.15);
  });

  it('do not change: vectors on a server stay comparable', async () => {
    const [vector] = await hashedEmbedder().embed(['debounce'], 'query');
    const places = [...(vector ?? [])].flatMap((value, index) => (value === 0 ? [] : `${index}: ${value.toFixed(2)}`));
    expect(places.join(', ')).toMatchInlineSnapshot(
      `"67: 0.26, 233: 0.26, 309: -0.26, 314: 0.81, 328: -0.26, 467: 0.26"`,
    );
  });
});
