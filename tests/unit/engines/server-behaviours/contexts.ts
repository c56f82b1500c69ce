/** Contexts that are too small for what is asked, and how servers say so. */
import { ADAPTED, type Behaviour, openAiError, refusing } from './behaviour.ts';

export const contexts: readonly Behaviour[] = [
  {
    ...{ server: 'TGI', does: 'counts inputs and new tokens together (422)', gives: ADAPTED },
    play: refusing((b) => Number(b.max_tokens) > 1024, 422, {
      error:
        'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 150 `inputs` tokens and 2048 `max_new_tokens`',
      error_type: 'validation',
    }),
  },
  {
    ...{ server: 'vLLM', does: 'has too small a context for the reply', gives: ADAPTED },
    play: refusing((b) => Number(b.max_tokens) > 1948, 400, {
      object: 'error',
      message:
        "This model's maximum context length is 2048 tokens. However, you requested 2148 tokens (100 in the messages, 2048 in the completion). Please reduce the length of the messages or completion.",
      type: 'BadRequestError',
      param: null,
      code: 400,
    }),
  },
  {
    ...{ server: 'llama-server', does: 'names its n_ctx', gives: ADAPTED },
    play: refusing((b) => Number(b.max_tokens) > 1024, 400, {
      error: {
        code: 400,
        message: 'the request exceeds the available context size, try increasing it',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 150,
        n_ctx: 2048,
      },
    }),
  },
  {
    ...{ server: 'LM Studio', does: 'was loaded with a small context', gives: ADAPTED },
    play: refusing((b) => Number(b.max_tokens) > 1024, 400, {
      error:
        'Trying to keep the first 150 tokens when context the overflows. However, the model is loaded with context length of only 2048 tokens, which is not enough.',
    }),
  },
  {
    ...{ server: 'Gemini', does: 'names the range of its reply', gives: ADAPTED },
    play: refusing((b) => Number(b.max_tokens) > 1024, 400, [
      {
        error: {
          code: 400,
          message:
            'Unable to submit request because it has a maxOutputTokens value of 2048 but the supported range is from 1 (inclusive) to 1025 (exclusive).',
          status: 'INVALID_ARGUMENT',
        },
      },
    ]),
  },
  {
    ...{ server: 'DeepSeek', does: 'names the range of its reply', gives: ADAPTED },
    play: refusing(
      (b) => Number(b.max_tokens) > 1024,
      400,
      openAiError('Invalid max_tokens value, the valid range of max_tokens is [1, 1024]'),
    ),
  },
  ...(
    [
      ['Anthropic', 'input length and `max_tokens` exceed context limit: 150 + 2048 > 2048, decrease input length'],
      ['xAI', "This model's maximum prompt length is 2048 but the request contains 600 tokens."],
      ['Qwen', 'InternalError.Algo.InvalidParameter: Range of input length should be [1, 2048]'],
      ['TensorRT-LLM', 'The sum of prompt length (600.0), query length (0) should not exceed max_num_tokens (2048)'],
      ['TabbyAPI', 'Prompt length 600 is greater than max_seq_len 2048'],
      ['Cohere', 'too many tokens: total number of tokens in the prompt cannot exceed 2048 - received 2198'],
      ['Groq', 'Please reduce the length of the messages or completion.'],
      ['GLM', 'Prompt exceeds max length'],
      // What is too much is not what there is.
      ['Ollama', 'prompt too long; exceeded max context length by 150 tokens'],
    ] as const
  ).map(
    ([server, message]): Behaviour => ({
      ...{ server, does: 'has too small a context, in its words', gives: ADAPTED },
      play: refusing((b) => Number(b.max_tokens) > 1200, 400, openAiError(message)),
    }),
  ),
];
