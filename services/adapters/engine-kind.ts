/**
 * Which language-model engine the settings mean. Owns: the order in which they are looked at. Does not own: the engines.
 */

/** The settings that decide. */
export interface EngineSettings {
  readonly LLM_ENGINE: 'auto' | EngineKind;
  readonly LLM_MODEL_PATH?: string | undefined;
  readonly OPENAI_BASE_URL?: string | undefined;
}

export type EngineKind = 'llama' | 'openai' | 'ollama' | 'extractive';

/** A model on this machine comes first: nothing leaves it unasked. */
export function engineKind(settings: EngineSettings): EngineKind {
  if (settings.LLM_ENGINE !== 'auto') return settings.LLM_ENGINE;
  if (settings.LLM_MODEL_PATH !== undefined) return 'llama';
  return settings.OPENAI_BASE_URL === undefined ? 'extractive' : 'openai';
}
