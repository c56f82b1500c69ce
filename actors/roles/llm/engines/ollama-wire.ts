/**
 * The body of a chat by Ollama's own API (docs/api.md, "Generate a chat completion"). Owns: that form. Does not own: what
 * is asked; openai-stream.ts reads the answer, whose lines it knows.
 *
 * It is used for `num_ctx`: by the OpenAI-compatible API a model runs with Ollama's default context, and what does not
 * fit is cut off the prompt's beginning without a word.
 */

import type { Prompt } from '../../../../prompting/prompt.ts';
import {
  callsTools,
  type Dialect,
  messagesFor,
  replyTokens,
  type Sampling,
  schemaFor,
  wireTool,
} from './openai-dialect.ts';
import type { EngineRequest } from './port.ts';

export function ollamaBody(
  dialect: Dialect,
  sampling: Sampling,
  { model, prompt, request }: { readonly model: string; readonly prompt: Prompt; readonly request: EngineRequest },
): Record<string, unknown> {
  const schema = schemaFor(request);
  const form =
    schema === null || dialect.form === null ? {} : { format: dialect.form === 'json_object' ? 'json' : schema.schema };
  return {
    ...{ model, messages: messagesFor(dialect, prompt), stream: dialect.stream },
    options: {
      num_predict: replyTokens(dialect, sampling.maxTokens),
      ...(dialect.contextTokens === null ? {} : { num_ctx: dialect.contextTokens }),
      ...(dialect.temperature ? { temperature: sampling.temperature } : {}),
    },
    ...(callsTools(dialect, request) ? { tools: (request.tools ?? []).map(wireTool) } : form),
  };
}
