/**
 * The language models from the settings. Owns: which engine is configured. Does not own: an engine.
 */
import type { Settings } from '../../config/settings.ts';
import type { RolePorts } from '../roles/ports.ts';
import type { Part } from './part.ts';

/** An engine ends by its own time limit; the effect's comes a little later, for one that does not. */
const ENGINE_GRACE_MS = 5000;

export function llmPart(settings: Settings): Part<RolePorts['llm']> {
  const openai = openAiOptions(settings);
  return {
    port: { openai, timeoutMs: settings.LLM_TIMEOUT_MS + ENGINE_GRACE_MS },
    status: () => ({ capabilities: [openai === null ? 'engine:extractive' : 'engine:openai'] }),
  };
}

function openAiOptions(settings: Settings): RolePorts['llm']['openai'] {
  const { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey, OPENAI_MODEL: model } = settings;
  if (baseUrl === undefined) return null;
  return {
    baseUrl,
    timeoutMs: settings.LLM_TIMEOUT_MS,
    maxTokens: settings.LLM_MAX_TOKENS,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(model === undefined ? {} : { model }),
  };
}
