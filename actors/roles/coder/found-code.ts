/**
 * Code without a language model: the best that was found, and mended after a review. Owns: what is said about it. Does not
 * own: finding (`code-candidates.ts`) or mending it (`revise-code.ts`).
 */
import type { Made } from '../../../prompting/skill.ts';
import { degraded, type Lack, SET_UP_A_MODEL } from '../../../prompting/without-model.ts';
import type { Finding, HopInput } from '../../../schemas/events/generated.ts';
import { codeCandidates, unmentioned } from './code-candidates.ts';
import { isRevision, type Revision, reviseCode } from './revise-code.ts';

export async function findCode(input: HopInput, lack: Lack, signal: AbortSignal): Promise<Made> {
  const { code, summary } = await makeCode(input, lack, signal);
  return { summary: summary.slice(0, 1000), code, degraded: degraded(lack, 'found_code') };
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
