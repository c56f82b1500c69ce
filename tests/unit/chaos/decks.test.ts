/** What `mesh chaos` strikes with: nothing is left out of a long run, whatever its seed. */
import { expect, test } from 'vitest';
import { createDeck } from '../../chaos/deck.ts';
import { createRandom } from '../../chaos/random.ts';
import { createDecks, storeSets } from '../../chaos/strikes.ts';
import { slowdownIn } from '../../support/starvation.ts';

/** Of 300 kills a run makes about 170 strikes; a few less when many of them kill everything. */
const STRIKES = 150;

test('a deck deals each card as often as it is in it, in an order by seed', () => {
  const dealt = (seed: number): string => {
    const deck = createDeck(createRandom(seed), ['a', 'b', 'b', 'c']);
    return Array.from({ length: 8 }, () => deck.deal()).join('');
  };
  expect([...dealt(1)].sort().join('')).toBe('aabbbbcc');
  expect(dealt(1)).toBe(dealt(1));
  expect(new Set(Array.from({ length: 20 }, (_, seed) => dealt(seed))).size).toBeGreaterThan(10);
});

test('stores go back in every set that leaves one that knows of a deed', () => {
  expect(storeSets).toHaveLength(13);
  expect(new Set(storeSets.map((stores) => stores.join())).size).toBe(13);
  for (const knows of [['agents', 'tools', 'log'] as const])
    expect(storeSets.some((stores) => knows.every((one) => stores.includes(one)))).toBe(false);
});

test.each(Array.from({ length: 20 }, (_, seed) => seed))(
  'a run of 300 kills strikes in every way, and puts every set of stores back (seed %i)',
  (seed) => {
    const { strikes, stores } = createDecks(createRandom(seed));
    let rollbacks = 0;
    for (let count = 0; count < STRIKES; count += 1) if (strikes.deal() === 'roll stores back') rollbacks += 1;
    // The first one only copies.
    for (let count = 1; count < rollbacks; count += 1) stores.deal();
    expect([...strikes.left, ...stores.left]).toEqual([]);
  },
);

test('a process that waited nine times as long for a processor as it ran is ten times slower', () => {
  expect(slowdownIn('2000000 18000000 12\n')).toBe(10);
  expect(slowdownIn('2000000 0 12\n')).toBe(1);
  expect(slowdownIn('')).toBe(1);
});
