/** The language-model engines that need no native code, as the rest of the project uses them. */

export { createExtractiveEngine } from './extractive.ts';
export { createOpenAiEngine, type OpenAiOptions } from './openai.ts';
export type { EngineContext, EngineRequest, LlmEngine } from './port.ts';
export { closeReplyReaders } from './reply-lane.ts';
export { createThinkingFilter, type ThinkingFilter } from './thinking-filter.ts';
