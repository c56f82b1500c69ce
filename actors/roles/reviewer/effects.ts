/**
 * Runs the static checks. Owns: finding the code to check, and saying whether a model is to be asked too. Does not own: the
 * checks.
 */

import { extractCode, reviewCode } from '../../../code-checks/index.ts';
import { EffectError } from '../../runtime/errors.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';
import type { CheckInput, CheckOutput } from './machine.ts';

/**
 * For one that never ends by itself: each text has a limit of work of its own (checks/check-code.ts), and waits for a
 * worker besides.
 */
const CHECK_TIMEOUT_MS = 600_000;
/** Waiting for a worker costs nothing; there callers and tasks take turns. */
const CONCURRENCY_MAX = 64;

export function createEffects({ llm, runsExamples }: RolePorts): EffectHandlers {
  return {
    check: effect<CheckInput, CheckOutput>(
      { fence: 'pure', timeoutMs: CHECK_TIMEOUT_MS, concurrencyMax: CONCURRENCY_MAX },
      async (input, { correlationId, signal, share, waits }) => {
        const code = input.code ?? extractCode(input.prompt);
        if (!code) throw new EffectError('no_code', 'there is no code in the request: put it between ``` fences');
        // Of code that a person sends there is no telling which part of the request is an example of it.
        const request = input.code !== null && runsExamples ? { request: input.prompt } : {};
        const review = await reviewCode(code, { signal, waits, flow: share.flow, task: correlationId, ...request });
        if (llm.engine === null) return { review };
        const found = { language: code.language, text: code.text, attempt: 1, explanation: '', citations: [] };
        return { review, forModel: input.code ?? found };
      },
    ),
  };
}
