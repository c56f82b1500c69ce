/** Finds up to three passages that never were. */
import type { Passage } from '../../../schemas/events/generated.ts';
import { type SimulatedEffects, simulated } from '../simulated.ts';
import type { SearchInput, SearchOutput } from './machine.ts';

export const simulation: SimulatedEffects = {
  search: simulated<SearchInput, SearchOutput>((_input, dice) => ({
    engine: 'simulated',
    passages: Array.from({ length: dice.int(0, 3) }, (_, index): Passage => {
      const startLine = dice.int(1, 500);
      const place = { path: `docs/${dice.int(1, 9)}.md`, heading: 'Simulated', startLine, endLine: startLine + 4 };
      const text = `passage ${dice.int(0, 1_000_000)}`;
      return { id: `${index}`, ...place, text, kind: 'markdown', language: '', score: dice.int(1, 100) / 100 };
    }),
  })),
};
