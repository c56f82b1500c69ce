/**
 * Runs the engines. Owns: bounding them and passing text on as it appears. Does not own: what an engine does.
 */
import type { HopOutput, LlmRequestedData } from '../../../schemas/events/generated.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';

/** Two generations at once keep a local model busy; more only make each slower. */
const GENERATIONS_MAX = 2;
const EXTRACT_TIMEOUT_MS = 30_000;

export function createEffects(ports: RolePorts): EffectHandlers {
  const { engine, extractive, generationTimeoutMs: timeoutMs } = ports;
  return {
    generate: effect<LlmRequestedData, HopOutput>(
      { fence: 'pure', timeoutMs, attemptsMax: 2, concurrencyMax: GENERATIONS_MAX },
      ({ purpose, input }, { correlationId, attempt, signal, heartbeat }) =>
        engine.generate({ purpose, input }, { signal, heartbeat, onText: ports.showText(correlationId, attempt) }),
    ),
    extract: effect<LlmRequestedData, HopOutput>(
      { fence: 'pure', timeoutMs: EXTRACT_TIMEOUT_MS },
      ({ purpose, input }, { signal }) => extractive.generate({ purpose, input }, { signal }),
    ),
  };
}
