/** The step of the race as an effect. Owns: nothing; the job is everyone's (job.ts). */
import { type EffectHandlers, effect } from '../../../../actors/runtime/role.ts';
import { createJob } from '../../job.ts';
import type { EchoInput } from './machine.ts';

export function createEffects(): EffectHandlers {
  const job = createJob();
  return {
    echo: effect<EchoInput, { text: string }>(
      { fence: 'pure', timeoutMs: 60_000, concurrencyMax: 1000 },
      async ({ hop, text }, { correlationId }) => ({ text: await job.step(correlationId, hop, text) }),
    ),
  };
}
