/**
 * The engine without a language model: it quotes the knowledge base and offers existing code, and says so.
 * Owns the choice by purpose. Deterministic: the same input gives the same output, on every machine and every replay.
 */
import type { Finding, HopInput, HopOutput } from '../../../../schemas/events/generated.ts';
import { codeCandidates, unmentioned } from './code-candidates.ts';
import { extractiveAnswer } from './extractive-answer.ts';
import type { LlmEngine } from './port.ts';
import { isRevision, type Revision, reviseCode } from './revise-code.ts';
import { degraded, type Lack, lackOf, SET_UP_A_MODEL } from './without-model.ts';

const ENGINE = 'extractive';

export function createExtractiveEngine(): LlmEngine {
  return {
    name: ENGINE,
    async generate({ purpose, input, failure }, { signal, onText }) {
      signal.throwIfAborted();
      const lack = lackOf(failure);
      switch (purpose) {
        case 'answer': {
          const made = extractiveAnswer(input, lack);
          onText?.(made.answer.text);
          return { engine: ENGINE, ...made };
        }
        case 'code': {
          const { code, summary } = await makeCode(input, lack, signal);
          onText?.(code.text);
          return {
            ...{ engine: ENGINE, summary: summary.slice(0, 1000), code },
            degraded: degraded(lack, 'found_code'),
          };
        }
        case 'review':
          return noOpinion(lack);
        case 'tool':
          return {
            engine: ENGINE,
            summary:
              `Choosing a tool takes a language model; without one the request has to name it. ${lack.reason === 'no_model' ? '' : lack.message}`
                .trim()
                .slice(0, 1000),
            degraded: degraded(lack, 'nothing'),
          };
        case 'text':
          throw new RangeError('The asker of this has named no skill that does it without a model.');
        default:
          throw new RangeError(`There is no purpose ${String(purpose satisfies never)}.`);
      }
    },
  };
}

async function makeCode(input: HopInput, lack: Lack, signal: AbortSignal): Promise<Revision> {
  const attempt = (input.code?.attempt ?? 0) + 1;
  const candidates = codeCandidates(input, attempt, lack);
  if (isRevision(input)) return reviseCode(input, candidates, { lack, signal });
  const best = candidates[0];
  if (best === undefined) throw new RangeError('There is always a candidate: the skeleton.');
  const why =
    best.source === 'skeleton'
      ? `Nothing indexed and no shipped snippet fits, so this is ${best.description}: it throws when called. ${toBeWritten(lack)} To have your own code found, index it with \`./mesh index PATH\`.`
      : `This is ${best.description}, unchanged. ${toBeAdapted(lack)}`;
  const { language, text, citations } = best;
  const faults = best.source === 'skeleton' ? [] : lacking(input.prompt, text);
  const code = { language, text, attempt, explanation: why, citations, ...(faults.length === 0 ? {} : { faults }) };
  return { code, summary: `Offers ${best.description}.` };
}

/** Found code was made for another request: what of this one it does not speak of is said where it is accepted. */
function lacking(prompt: string, text: string): Finding[] {
  const words = unmentioned(prompt, text);
  if (words.length === 0) return [];
  const message = `The request speaks of ${words.map((word) => `“${word}”`).join(', ')}, and this code does not: it may lack that.`;
  return [{ severity: 'warning', line: 0, rule: 'asked-for', message }];
}

function toBeWritten(lack: Lack): string {
  return lack.reason === 'no_model' ? `To have code written, ${SET_UP_A_MODEL}.` : lack.message;
}

function toBeAdapted(lack: Lack): string {
  return lack.reason === 'no_model'
    ? `No language model is set up to adapt it to your request; for that, ${SET_UP_A_MODEL}.`
    : `Nothing adapted it to your request. ${lack.message}`;
}

/** Here is no opinion; the static checks alone decide. */
function noOpinion(lack: Lack): HopOutput {
  const summary = 'No model gave an opinion: only the static checks apply.';
  return {
    ...{ engine: ENGINE, summary, degraded: degraded(lack, 'static_checks') },
    review: { verdict: 'approved', findings: [], summary, checkedBy: [] },
  };
}
