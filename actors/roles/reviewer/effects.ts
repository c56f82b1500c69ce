/**
 * Runs the static checks. Owns: finding the code to check, and saying whether a model is to be asked too. Does not own: the
 * checks.
 */
import { EffectError } from '../../runtime/errors.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';
import { extractCode, reviewCode } from './checks/index.ts';
import type { CheckInput, CheckOutput } from './machine.ts';

const CHECK_TIMEOUT_MS = 30_000;

export function createEffects({ llm }: RolePorts): EffectHandlers {
  return {
    check: effect<CheckInput, CheckOutput>(
      { fence: 'pure', timeoutMs: CHECK_TIMEOUT_MS, concurrencyMax: 2 },
      async (input, { signal }) => {
        const code = input.code ?? extractCode(input.prompt);
        if (!code) throw new EffectError('no_code', 'there is no code in the request: put it between ``` fences');
        const review = await reviewCode(code, { signal });
        if (llm.engine === null) return { review };
        const found = { language: code.language, text: code.text, attempt: 1, explanation: '', citations: [] };
        return { review, forModel: input.code ?? found };
      },
    ),
  };
}
