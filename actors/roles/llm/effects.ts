/**
 * Runs the engines. Owns: bounding them and passing text on as it appears. Does not own: what an engine does.
 */
import type { HopOutput, LlmRequestedData } from '../../../schemas/events/generated.ts';
import { attribute } from '../../../telemetry/spans.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';
import type { LlmEngine } from './engines/port.ts';

/** Two generations at once keep a local model busy; more only make each slower. */
const GENERATIONS_MAX = 2;
const EXTRACT_TIMEOUT_MS = 30_000;

/** Engines load at their first use: a compiler is among what they need, and a restart must be quick. */
function openEngines({ llm }: RolePorts): () => Promise<{ configured: LlmEngine; extractive: LlmEngine }> {
  let opened: Promise<{ configured: LlmEngine; extractive: LlmEngine }> | undefined;
  const open = async () => {
    const { createExtractiveEngine, createOpenAiEngine } = await import('./engines/index.ts');
    const extractive = createExtractiveEngine();
    return { extractive, configured: llm.openai === null ? extractive : createOpenAiEngine(llm.openai) };
  };
  return () => {
    opened ??= open();
    return opened;
  };
}

export function createEffects(ports: RolePorts): EffectHandlers {
  const engines = openEngines(ports);
  return {
    generate: effect<LlmRequestedData, HopOutput>(
      { fence: 'pure', timeoutMs: ports.llm.timeoutMs, attemptsMax: 2, concurrencyMax: GENERATIONS_MAX },
      async ({ purpose, input }, { correlationId, attempt, signal, heartbeat, span }) => {
        const { configured } = await engines();
        span.set({ [attribute.operation]: 'chat', [attribute.responseModel]: configured.name });
        const onText = ports.showText(correlationId, attempt);
        return configured.generate({ purpose, input }, { signal, heartbeat, onText });
      },
    ),
    extract: effect<LlmRequestedData, HopOutput>(
      { fence: 'pure', timeoutMs: EXTRACT_TIMEOUT_MS },
      async ({ purpose, input }, { signal, span }) => {
        const { extractive } = await engines();
        span.set({ [attribute.operation]: 'chat', [attribute.responseModel]: extractive.name });
        return extractive.generate({ purpose, input }, { signal });
      },
    ),
  };
}
