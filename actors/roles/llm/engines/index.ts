/** The language-model engines that need no native code, as the rest of the project uses them. */

export { parseCode } from './code-reply.ts';
export { createExtractiveEngine } from './extractive.ts';
export { replyIn, withoutThinking } from './model-text.ts';
export { createOpenAiEngine, type OpenAiOptions } from './openai.ts';
export {
  type EngineContext,
  EngineError,
  type EngineErrorCode,
  type EngineRequest,
  type LlmEngine,
  type Purpose,
} from './port.ts';
export { buildPrompt, type ChatMessage, characters, type Prompt, type PromptBudget } from './prompts.ts';
export { closeRepairs } from './repairs/repair-code.ts';
export { closeReplyReaders } from './reply-lane.ts';
export { createThinkingFilter, type ThinkingFilter } from './thinking-filter.ts';
export { parseAnswer } from './to-output.ts';
export { parseToolChoice } from './tool-choice.ts';
export { parseReview } from './verdict.ts';
