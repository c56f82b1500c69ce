/** What servers refuse of a request: parameters, roles, and how long a reply may be. */
import { streamText } from '../chat-server.ts';
import { ADAPTED, answer, type Behaviour, json, openAiError, refusing, said } from './behaviour.ts';

export const refusedParameters: readonly Behaviour[] = [
  {
    ...{ server: 'OpenAI', does: 'wants max_completion_tokens', gives: ADAPTED },
    play: refusing(
      (b) => b.max_tokens !== undefined,
      400,
      openAiError(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        { param: 'max_tokens', code: 'unsupported_parameter' },
      ),
    ),
  },
  {
    ...{ server: 'OpenAI', does: 'takes only the default temperature', gives: ADAPTED },
    play: refusing(
      (b) => b.temperature !== undefined,
      400,
      openAiError(
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
        { param: 'temperature', code: 'unsupported_value' },
      ),
    ),
  },
  {
    ...{ server: 'OpenAI', does: 'wants both of these', gives: { answer: 'The answer.', requests: 3 } },
    play: (response, index, body) => {
      if (body.max_tokens !== undefined)
        return json(
          response,
          400,
          openAiError("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", {
            param: 'max_tokens',
          }),
        );
      return body.temperature === undefined
        ? answer(response)
        : json(response, 400, openAiError(`Unsupported value: 'temperature' (${index})`, { param: 'temperature' }));
    },
  },
  {
    ...{ server: 'OpenAI', does: 'streams to verified organisations only', gives: ADAPTED },
    play: (response, _index, body) =>
      body.stream === true
        ? json(
            response,
            400,
            openAiError('Your organization must be verified to stream this model.', {
              param: 'stream',
              code: 'unsupported_value',
            }),
          )
        : json(response, 200, said({ role: 'assistant', content: 'The answer.' })),
  },
  {
    ...{ server: 'OpenAI', does: 'caps the tokens of a reply', gives: ADAPTED },
    play: refusing(
      (b) => Number(b.max_tokens) > 1024,
      400,
      openAiError(
        'max_tokens is too large: 2048. This model supports at most 1024 completion tokens, whereas you provided 2048.',
        { param: 'max_tokens' },
      ),
    ),
  },
  {
    ...{ server: 'vLLM', does: 'refuses an unknown field as FastAPI does (422)', gives: ADAPTED },
    play: refusing((b) => b.temperature !== undefined, 422, {
      detail: [{ loc: ['body', 'temperature'], msg: 'Extra inputs are not permitted', type: 'extra_forbidden' }],
    }),
  },
  {
    ...{ server: 'llama-server', does: 'has a template without a system role (500)', gives: ADAPTED },
    play: (response, _index, body) =>
      JSON.stringify(body.messages).includes('"role":"system"')
        ? json(response, 500, {
            error: { code: 500, message: 'Jinja Exception: System role not supported', type: 'server_error' },
          })
        : answer(response),
  },
  {
    ...{
      server: 'LM Studio',
      does: 'takes json_schema or text only',
      skill: 'review',
      gives: { answer: 'approved', requests: 2 },
    },
    play: (response, _index, body) =>
      body.response_format === undefined || JSON.stringify(body.response_format).includes('json_object')
        ? streamText(response, ['{"verdict":"approved","findings":[],"summary":"Fine."}'])
        : json(response, 400, { error: "'response_format.type' must be 'json_object' or 'text'" }),
  },
  {
    ...{ server: 'OpenAI', does: 'takes no role system (o1)', gives: ADAPTED },
    play: refusing(
      (b) => JSON.stringify(b.messages).includes('"role":"system"'),
      400,
      openAiError("Unsupported value: 'messages[0].role' does not support 'system' with this model.", {
        param: 'messages[0].role',
        code: 'unsupported_value',
      }),
    ),
  },
  {
    ...{ server: 'vLLM', does: 'has a template of alternating roles', gives: ADAPTED },
    play: refusing((b) => JSON.stringify(b.messages).includes('"role":"system"'), 400, {
      object: 'error',
      message: 'Conversation roles must alternate user/assistant/user/assistant/...',
    }),
  },
  {
    ...{ server: 'LiteLLM', does: 'refuses a parameter in a provider’s name', gives: ADAPTED },
    play: refusing(
      (b) => b.temperature !== undefined,
      400,
      openAiError(
        "litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0.2. Only temperature=1 is supported.",
        { param: 'None', code: '400' },
      ),
    ),
  },
  {
    ...{ server: 'Mistral', does: 'tells what it forbids inside of a message', gives: ADAPTED },
    play: refusing((b) => b.temperature !== undefined, 422, {
      object: 'error',
      message: {
        detail: [{ type: 'extra_forbidden', loc: ['body', 'temperature'], msg: 'Extra inputs are not permitted' }],
      },
    }),
  },
  {
    ...{ server: 'Gemma by Google', does: 'takes no instructions', gives: ADAPTED },
    play: refusing((b) => JSON.stringify(b.messages).includes('"role":"system"'), 400, [
      openAiError('Developer instruction is not enabled for models/gemma-3-27b-it'),
    ]),
  },
  {
    ...{ server: 'OpenRouter', does: 'finds nobody for all that is asked for (404)', skill: 'review' },
    gives: { answer: 'approved', requests: 2 },
    play: (r, _index, body) =>
      body.response_format === undefined
        ? streamText(r, ['{"verdict":"approved","findings":[],"summary":"Fine."}'])
        : json(r, 404, openAiError('No endpoints found that can handle the requested parameters.')),
  },
  ...(
    [
      ['vLLM', 'an unknown role', 422, "messages.0.role: Input should be 'user' or 'assistant'"],
      [
        'Anthropic',
        'instructions elsewhere',
        400,
        'messages: Unexpected role "system". There is a top-level `system`.',
      ],
      ['any', 'nobody called system', 400, "'system' role is not allowed for this model"],
    ] as const
  ).map(
    ([server, wants, status, message]): Behaviour => ({
      ...{ server, does: `wants ${wants} (${status})`, gives: ADAPTED },
      play: refusing((b) => JSON.stringify(b.messages).includes('"role":"system"'), status, openAiError(message)),
    }),
  ),
  {
    ...{ server: 'OpenAI', does: 'takes no sampling parameters', gives: ADAPTED },
    play: refusing((b) => b.temperature !== undefined, 400, openAiError('Sampling parameters are not supported.')),
  },
];

/** Told in words that sound like the context's. */
export const replyLimits: readonly Behaviour[] = [
  ...(
    [
      [
        'Groq',
        '`max_tokens` must be less than or equal to `1024`, the maximum value for `max_tokens` is less than the `context_window` for this model',
      ],
      [
        'Cohere',
        'too many tokens: max tokens must be less than or equal to 1024, the maximum output for this model - received 2048',
      ],
      [
        'Bedrock',
        'The maximum tokens you requested exceeds the model limit of 1024. Try again with a maximum tokens value that is lower than 1024.',
      ],
      ['Google', 'max_output_tokens cannot exceed 1024'],
      [
        'Anthropic',
        'max_tokens: 2048 > 1,024, which is the maximum allowed number of output tokens for claude-3-haiku-20240307',
      ],
    ] as const
  ).map(
    ([server, message]): Behaviour => ({
      ...{ server, does: 'caps the tokens of a reply, in its words', gives: ADAPTED },
      // The whole of what it allows is asked for, and no less.
      play: (r, _index, body) => (body.max_tokens === 1024 ? answer(r) : json(r, 400, openAiError(message))),
    }),
  ),
];
