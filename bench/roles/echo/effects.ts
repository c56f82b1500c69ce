/**
 * Answers with 2 KB of the project's own prose, another piece each time, at once. Owns: the payload. `BENCH_EFFECT_MS`
 * makes it slow, for the recovery measurement.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EffectHandlers, effect } from '../../../actors/runtime/role.ts';
import type { EchoInput } from './machine.ts';

/** The payload of a hop, bytes. */
export const PAYLOAD_BYTES = 2048;

export function createEffects(): EffectHandlers {
  const prose = readFileSync(join(import.meta.dirname, '../../../docs/architecture.md'), 'latin1');
  let offset = 0;
  const delayMs = Number(process.env.BENCH_EFFECT_MS ?? 0);
  return {
    echo: effect<EchoInput, { text: string }>(
      { fence: 'pure', timeoutMs: 60_000, concurrencyMax: 1000 },
      async (_input, { signal }) => {
        if (delayMs > 0) await sleep(delayMs, undefined, { signal });
        offset = (offset + 137) % (prose.length - PAYLOAD_BYTES);
        return { text: prose.slice(offset, offset + PAYLOAD_BYTES) };
      },
    ),
  };
}
