/**
 * Says a sentence in German, word by word. It is the smallest whole role: a machine that asks for one effect, and that
 * effect. What the effect returned is kept, so a crash never asks for it twice; in the middle of it, it runs again.
 */
import { defineRole, effect, type HopInput, type HopOutput, workMachine } from 'agent-mesh';
import { inGerman } from '../tools/words.ts';

function translated(prompt: string): string {
  const words = prompt.match(/\p{L}+|[^\p{L}]+/gu) ?? [];
  return words.map((word) => inGerman(word) ?? word).join('');
}

export const translator = defineRole({
  name: 'translator',
  machine: workMachine('translator'),
  effects: {
    work: effect<HopInput, HopOutput>({ fence: 'pure', timeoutMs: 10_000 }, ({ prompt }) => {
      const text = translated(prompt.replace(/^translate:?\s*/i, ''));
      const summary = `translated ${prompt.length} characters`;
      return Promise.resolve({ engine: 'glossary', summary, answer: { text, citations: [] } });
    }),
  },
  simulation: {
    work: (_input, dice) => ({
      ...{ engine: 'simulated', summary: 'translated' },
      answer: { text: `text ${dice.int(1, 1000)}`, citations: [] },
    }),
  },
});
