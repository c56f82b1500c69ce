/**
 * The engine without a language model: each skill says itself what it makes then, by quoting and by what was found. Owns:
 * the name of it. Deterministic: the same input gives the same output, on every machine and every replay.
 */
import { lackOf } from '../../../../prompting/without-model.ts';
import type { LlmEngine } from './port.ts';

const ENGINE = 'extractive';

export function createExtractiveEngine(): LlmEngine {
  return {
    name: ENGINE,
    async generate({ skill: { skill }, input, tools = [], failure }, { signal, onText }) {
      signal.throwIfAborted();
      const made = await skill.without({ input, tools }, lackOf(failure), { signal });
      const shown = made.answer?.text ?? made.code?.text;
      if (shown !== undefined) onText?.(shown);
      return { engine: ENGINE, ...made };
    },
  };
}
