/**
 * Runs the static checks. Owns: finding the code to check. Does not own: the checks.
 */
import { EffectError } from '../../runtime/errors.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';
import { extractCode, reviewCode } from './checks/index.ts';
import type { CheckInput, CheckOutput } from './machine.ts';

const CHECK_TIMEOUT_MS = 30_000;

export function createEffects(_ports: RolePorts): EffectHandlers {
  return {
    check: effect<CheckInput, CheckOutput>(
      { fence: 'pure', timeoutMs: CHECK_TIMEOUT_MS, concurrencyMax: 2 },
      async (input, { signal }) => {
        const code = input.code ?? extractCode(input.prompt);
        if (!code) throw new EffectError('no_code', 'there is no code in the request: put it between ``` fences');
        return { review: await reviewCode(code, { signal }) };
      },
    ),
  };
}
