/**
 * Cards that are dealt in an order by seed, and shuffled again when all were dealt: whatever the seed, a long run deals
 * every card.
 */
import type { Random } from './random.ts';

export interface Deck<T> {
  deal(): T;
  /** What has not been dealt since the beginning. */
  readonly left: readonly T[];
}

/** @param cards each as often as it should be dealt against the others */
export function createDeck<T>(random: Random, cards: readonly T[]): Deck<T> {
  if (cards.length === 0) throw new RangeError('a deck needs cards');
  let pile: T[] = [];
  const left = new Set(cards);
  return {
    deal() {
      if (pile.length === 0) pile = shuffled(random, cards);
      const card = pile.pop() as T;
      left.delete(card);
      return card;
    },
    get left() {
      return [...left];
    },
  };
}

/** Fisher and Yates' order. */
function shuffled<T>(random: Random, cards: readonly T[]): T[] {
  const pile = [...cards];
  for (let at = pile.length - 1; at > 0; at -= 1) {
    const other = random.between(0, at);
    [pile[at], pile[other]] = [pile[other] as T, pile[at] as T];
  }
  return pile;
}
