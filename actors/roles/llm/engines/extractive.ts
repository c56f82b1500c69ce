/**
 * The engine without a language model: it quotes the knowledge base and offers existing code, and says so.
 * Owns the choice by purpose. Deterministic: the same input gives the same output, on every machine and every replay.
 */
import type { HopInput, HopOutput } from '../../../../schemas/events/generated.ts';
import { codeCandidates } from './code-candidates.ts';
import { extractiveAnswer, SET_UP_A_MODEL } from './extractive-answer.ts';
import type { LlmEngine } from './port.ts';
import { isRevision, type Revision, reviseCode } from './revise-code.ts';

const ENGINE = 'extractive';

export function createExtractiveEngine(): LlmEngine {
  return {
    name: ENGINE,
    async generate({ purpose, input }, { signal, onText }) {
      signal.throwIfAborted();
      switch (purpose) {
        case 'answer': {
          const { answer, summary } = extractiveAnswer(input);
          onText?.(answer.text);
          return { engine: ENGINE, summary, answer };
        }
        case 'code': {
          const { code, summary } = await makeCode(input, signal);
          onText?.(code.text);
          return { engine: ENGINE, summary: summary.slice(0, 1000), code };
        }
        case 'review':
          return noOpinion();
        case 'tool':
          return {
            engine: ENGINE,
            summary: 'Choosing a tool takes a language model; without one the request has to name it.',
          };
        default:
          throw new RangeError(`There is no purpose ${String(purpose satisfies never)}.`);
      }
    },
  };
}

async function makeCode(input: HopInput, signal: AbortSignal): Promise<Revision> {
  const attempt = (input.code?.attempt ?? 0) + 1;
  const candidates = codeCandidates(input, attempt);
  if (isRevision(input)) return reviseCode(input, candidates, signal);
  const best = candidates[0];
  if (best === undefined) throw new RangeError('There is always a candidate: the skeleton.');
  const why =
    best.source === 'skeleton'
      ? `Nothing indexed and no shipped snippet fits, so this is ${best.description}: it throws when called. To have code written, ${SET_UP_A_MODEL}; to have your own code found, index it with \`./mesh index PATH\`.`
      : `This is ${best.description}, unchanged. No language model is set up to adapt it to your request; for that, ${SET_UP_A_MODEL}.`;
  const { language, text, citations } = best;
  return { code: { language, text, attempt, explanation: why, citations }, summary: `Offers ${best.description}.` };
}

/** Here is no opinion; the static checks alone decide. */
function noOpinion(): HopOutput {
  const summary = 'No model gave an opinion: only the static checks apply.';
  return { engine: ENGINE, summary, review: { verdict: 'approved', findings: [], summary, checkedBy: [] } };
}
