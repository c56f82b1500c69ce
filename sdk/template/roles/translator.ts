/**
 * Says a sentence in German. It prompts the language model in its own way (prompts/translator.md); without one it says the
 * words of the glossary. Its machine is pure: what the model said is kept, so a crash never asks for it twice.
 */
import { readFileSync } from 'node:fs';
import { defineRole, modelMachine } from 'agent-mesh';
import { inGerman } from '../tools/words.ts';

const instructions = readFileSync(new URL('../prompts/translator.md', import.meta.url), 'utf8');

function wordByWord(prompt: string): string {
  const words = prompt.match(/\p{L}+|[^\p{L}]+/gu) ?? [];
  return words.map((word) => inGerman(word) ?? word).join('');
}

export const translator = defineRole({
  name: 'translator',
  asks: ['llm'],
  machine: modelMachine('translator', {
    messages: ({ input }) => [
      { role: 'system', content: instructions },
      { role: 'user', content: input.prompt },
    ],
    without: ({ input }) => ({
      ...{ engine: 'glossary', summary: 'word by word, without a language model' },
      answer: { text: wordByWord(input.prompt), citations: [] },
    }),
  }),
});
