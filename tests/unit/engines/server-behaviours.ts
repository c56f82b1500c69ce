/**
 * What servers do, as they do it on the wire: one entry a behaviour, played by a real HTTP server. Owns: the table, of
 * which docs/models.md shows the outcome. The names of servers say where a behaviour was seen, not that it is theirs alone.
 */
import type { ServerResponse } from 'node:http';
import type { SkillName } from './asking.ts';
import { event, streamText } from './chat-server.ts';

/** What a request came to: the answer, or the code of the error that the embedded engine is told. */
export interface Outcome {
  readonly answer?: string;
  readonly error?: string;
  /** Requests for a completion that were made. */
  readonly requests: number;
  /** Part of what the error or the summary says. */
  readonly says?: string;
}

export interface Behaviour {
  readonly server: string;
  readonly does: string;
  readonly skill?: SkillName;
  /** Answers a completion; the index counts from 0. */
  readonly play: (response: ServerResponse, index: number, body: Record<string, unknown>) => void;
  readonly models?: unknown;
  /** It is asked by Ollama's own API. */
  readonly api?: 'ollama';
  /** The engine has no model named. */
  readonly unnamed?: true;
  readonly gives: Outcome;
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function raw(response: ServerResponse, type: string | null, body: string): void {
  response.writeHead(200, type === null ? {} : { 'content-type': type });
  response.end(body);
}

/** Lines of JSON, as Ollama's own API streams. */
function lines(response: ServerResponse, ...objects: object[]): void {
  raw(response, 'application/x-ndjson', objects.map((one) => `${JSON.stringify(one)}\n`).join(''));
}

const SSE = 'text/event-stream';
const answer = (response: ServerResponse): void => streamText(response, ['The ', 'answer.']);
const said = (message: object, finish: string | null = 'stop') => ({
  choices: [{ index: 0, message, finish_reason: finish }],
});
const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const openAiError = (message: string, more: object = {}) => ({
  error: { message, type: 'invalid_request_error', ...more },
});
/** Refuses as long as the body has what it does not know. */
const refusing =
  (unknown: (body: Record<string, unknown>) => boolean, status: number, error: unknown): Behaviour['play'] =>
  (response, _index, body) =>
    unknown(body) ? json(response, status, error) : answer(response);
const OK: Outcome = { answer: 'The answer.', requests: 1 };
const ADAPTED: Outcome = { answer: 'The answer.', requests: 2 };
const once = (error: string, says: string): Outcome => ({ error, says, requests: 1 });

export const behaviours: readonly Behaviour[] = [
  // What is refused of the request.
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
  // The limit of the reply, told in words that sound like the context's.
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
  // What a model writes is no fault of its server.
  ...(
    [
      ['llama.cpp', 500, 'Value is not callable: null at row 12, column 34'],
      ['llama-server', 500, 'Failed to parse input at pos 12: <tool_call>{"name": clock'],
      ['Ollama', 500, 'error parsing tool call: raw=\'{"a":\', err=unexpected end of JSON input'],
      ['Groq', 400, "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details."],
    ] as const
  ).map(
    ([server, status, message]): Behaviour => ({
      ...{ server, does: `cannot read the tool call that its model wrote (${status})`, skill: 'tool' },
      gives: { answer: 'clock', requests: 2 },
      play: (r, _index, body) =>
        body.tools === undefined
          ? streamText(r, ['{"tool":"clock","arguments":{}}'])
          : json(r, status, openAiError(message)),
    }),
  ),
  {
    ...{ server: 'Gemini', does: 'ends with a call that it cannot read', skill: 'tool' },
    gives: { answer: 'clock', requests: 2 },
    play: (r, _index, body) =>
      body.tools === undefined
        ? streamText(r, ['{"tool":"clock","arguments":{}}'])
        : streamText(r, [''], 'MALFORMED_FUNCTION_CALL'),
  },
  {
    ...{ server: 'any', does: 'ends a repetition', gives: once('engine_no_answer', 'repetition_truncation') },
    play: (r) => streamText(r, ['The the the'], 'repetition_truncation'),
  },
  {
    ...{ server: 'llama-server', does: 'loses its own grammar (500)', skill: 'review' },
    gives: { answer: 'approved', requests: 3 },
    play: (r, _index, body) =>
      body.response_format === undefined
        ? streamText(r, ['{"verdict":"approved","findings":[],"summary":"Fine."}'])
        : json(r, 500, openAiError('Unexpected empty grammar stack after accepting piece: {')),
  },
  // The context.
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
  // The form of the answer.
  {
    ...{ server: 'any', does: 'says data: twice', gives: OK },
    play: (r) => raw(r, SSE, `data: ${event('The answer.', 'stop')}data: data: [DONE]\n\n`),
  },
  {
    ...{ server: 'any', does: 'says that it lives, in words', gives: OK },
    play: (r) => raw(r, SSE, `data: keep-alive\n\n${event('The answer.', 'stop')}data: [DONE]\n\n`),
  },
  {
    ...{ server: 'any', does: 'ends with "[DONE]" in quotes and no reason', gives: OK },
    play: (r) => raw(r, SSE, `${event('The answer.')}data: "[DONE]"\n\n`),
  },
  {
    ...{ server: 'Perplexity', does: 'says all of it again at the end', gives: OK },
    play: (r) =>
      raw(
        r,
        SSE,
        `${event('The ')}${event('answer.')}data: ${JSON.stringify(said({ content: 'The answer.' }))}\n\ndata: [DONE]\n\n`,
      ),
  },
  {
    ...{ server: 'a proxy', does: 'breaks the connection behind the last word', gives: OK },
    play: (r) => {
      r.writeHead(200, { 'content-type': SSE });
      r.write(event('The answer.', 'stop'), () => r.destroy());
    },
  },
  {
    ...{ server: 'any', does: 'counts tokens in place of a reason', gives: OK },
    play: (r) =>
      raw(
        r,
        SSE,
        `${event('The answer.')}data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } })}\n\n`,
      ),
  },
  {
    ...{ server: 'any', does: 'says packed and is not', gives: once('engine_bad_answer', 'cannot be unpacked') },
    play: (r) => {
      r.writeHead(200, { 'content-type': SSE, 'content-encoding': 'gzip' });
      r.end(event('The answer.', 'stop'));
    },
  },
  ...(['stop_token', 'FinishReason.STOP', 'end_of_sequence'] as const).map(
    (word): Behaviour => ({
      ...{ server: 'any', does: `ends with ${word}`, gives: OK },
      play: (r) => raw(r, SSE, `${event('The ', 'null')}${event('answer.', word)}data: [DONE]\n\n`),
    }),
  ),
  ...(['model_context_window_exceeded', 'max_new_tokens', 'FINISH_REASON_MAX_TOKENS'] as const).map(
    (word): Behaviour => ({
      ...{ server: 'any', does: `is cut by ${word}` },
      gives: { answer: 'The\n\n(The reply was cut at the token limit; LLM_MAX_TOKENS raises it.)', requests: 1 },
      play: (r) => streamText(r, ['The'], word),
    }),
  ),
  { ...{ server: 'any', does: 'streams', gives: OK }, play: answer },
  {
    ...{ server: 'any', does: 'sends whole JSON instead of a stream', gives: OK },
    play: (r) => json(r, 200, said({ role: 'assistant', content: 'The answer.' })),
  },
  {
    ...{ server: 'any', does: 'sends JSON as text/plain', gives: OK },
    play: (r) => raw(r, 'text/plain', JSON.stringify(said({ content: 'The answer.' }))),
  },
  {
    ...{ server: 'any', does: 'sends JSON over several lines without a type', gives: OK },
    play: (r) => raw(r, null, JSON.stringify(said({ content: 'The answer.' }), null, 2)),
  },
  {
    ...{ server: 'any', does: 'sends a stream as application/json', gives: OK },
    play: (r) => raw(r, 'application/json', `${event('The answer.', 'stop')}data: [DONE]\n\n`),
  },
  {
    ...{ server: 'any', does: 'parts events by one newline', gives: OK },
    play: (r) => raw(r, SSE, `${event('The ').trimEnd()}\n${event('answer.', 'stop').trimEnd()}\ndata: [DONE]\n`),
  },
  {
    ...{ server: 'Mistral', does: 'sends content as parts, with thoughts', gives: OK },
    play: (r) =>
      raw(
        r,
        SSE,
        `${chunk({
          content: [
            { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
            { type: 'text', text: 'The ' },
          ],
        })}${chunk({ content: [{ type: 'text', text: 'answer.' }] }, 'stop')}data: [DONE]\n\n`,
      ),
  },
  {
    ...{ server: 'any', does: 'sends whole content as parts', gives: OK },
    play: (r) => json(r, 200, said({ content: [{ type: 'text', text: 'The answer.' }] })),
  },
  {
    ...{ server: 'DeepSeek', does: 'thinks in reasoning_content', gives: OK },
    play: (r) =>
      raw(r, SSE, `${chunk({ reasoning_content: 'hm' })}${chunk({ content: 'The answer.' }, 'stop')}data: [DONE]\n\n`),
  },
  {
    ...{ server: 'any', does: 'ends with stop and leaves the connection open', gives: OK },
    play: (r) => {
      r.writeHead(200, { 'content-type': SSE });
      r.write(event('The answer.', 'stop'));
    },
  },
  // Thoughts and template tokens.
  {
    ...{ server: 'llama-server', does: 'ends thoughts that the template began', gives: OK },
    play: (r) => streamText(r, ['Let me see.\n', '</think>\n\nThe answer.']),
  },
  {
    ...{ server: 'any', does: 'thinks late', gives: OK },
    play: (r) => streamText(r, ['The ', '<think>hm</think>', 'answer.']),
  },
  {
    ...{ server: 'any', does: 'leaks the next turn', gives: OK },
    play: (r) => streamText(r, ['The answer.<|im_end|>\n<|im_start|>user\nAnd?']),
  },
  {
    ...{ server: 'gpt-oss', does: 'sends its channels as text', gives: OK },
    play: (r) =>
      streamText(r, [
        '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>The answer.<|return|>',
      ]),
  },
  {
    ...{ server: 'Magistral', does: 'thinks in [THINK]', gives: OK },
    play: (r) => streamText(r, ['[THINK]hm[/THINK]The answer.']),
  },
  {
    ...{ server: 'any', does: 'writes escapes and half characters', gives: OK },
    play: (r) => streamText(r, ['\u001b]0;owned\u0007The \u0000ans', 'wer.\u001b[31m']),
  },
  ...(
    [
      ['Gemma', 'thinks between words that its vocabulary has to spare', '<unused94>thought\nhm<unused95>The answer.'],
      ['Gemma', 'thinks in a channel', '<|channel>thought\nhm<channel|>The answer.'],
      ['Hunyuan', 'puts its answer into a frame', '<think>\nhm\n</think>\n<answer>\nThe answer.\n</answer>'],
      ['GLM', 'puts its answer into a box', '<think>hm</think><|begin_of_box|>The answer.<|end_of_box|>'],
      [
        'gpt-oss',
        'constrains its last channel',
        '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>The answer.',
      ],
      ['Reflection', 'thinks twice', '<thinking>hm</thinking><reflection>hm</reflection>The answer.'],
      ['any', 'says first who speaks', 'assistant\n\nThe answer.'],
      ['gpt-oss', 'loses the marks of its channels', 'analysisWe have to say why.assistantfinalThe answer.'],
      ['Granite', 'thinks in words', 'Here is my thought process:\nHm.\n\nHere is my response:\nThe answer.'],
      ['Llama 4', 'shows its template', '<|header_start|>assistant<|header_end|>\n\nThe answer.<|eot|>'],
      ['Command R', 'shows its template', 'The answer.<|END_OF_TURN_TOKEN|>'],
      ['Granite', 'shows its template', '<|start_of_role|>assistant<|end_of_role|>The answer.<|end_of_text|>'],
      ['Apertus', 'thinks in a prefix', '<|inner_prefix|>Hm.<|inner_suffix|>The answer.<|assistant_end|>'],
      ['DeepSeek', 'asks itself', 'The answer.<｜User｜>And?'],
      ['Gemma', 'fills up its turn', '<bos>The answer.<eos><pad><pad>'],
      ['Phi-4', 'shows its template', '<|im_start|>assistant<|im_sep|>The answer.<|im_end|>'],
      ['Mistral', 'says the question again', ' [INST] Why? [/INST] The answer.'],
      ['Open WebUI', 'folds up thoughts', '<details type="reasoning"><summary>3 s</summary>Hm.</details>\nThe answer.'],
    ] as const
  ).map(([server, does, text]): Behaviour => ({ ...{ server, does, gives: OK }, play: (r) => streamText(r, [text]) })),
  {
    ...{ server: 'OpenRouter', does: 'tells its thoughts as details', gives: OK },
    play: (r) =>
      raw(
        r,
        SSE,
        `${chunk({ reasoning_details: [{ type: 'reasoning.text', text: 'hm' }], content: '' })}${chunk({ content: 'The answer.' }, 'stop')}data: [DONE]\n\n`,
      ),
  },
  {
    ...{ server: 'any', does: 'thinks without an end', gives: once('engine_no_answer', 'thought for') },
    play: (r) => streamText(r, ['<think>I should say']),
  },
  // Ollama's own API.
  {
    ...{ server: 'Ollama', does: 'streams by its own API, with thoughts', api: 'ollama', gives: OK },
    play: (r) =>
      lines(
        r,
        { message: { role: 'assistant', content: '', thinking: 'hm' }, done: false },
        { message: { role: 'assistant', content: 'The ' }, done: false },
        { message: { role: 'assistant', content: 'answer.' }, done: true, done_reason: 'stop', eval_count: 2 },
      ),
  },
  {
    ...{ server: 'Ollama', does: 'fails in the middle, by its own API', api: 'ollama' },
    gives: { error: 'engine_unavailable', says: 'CUDA error', requests: 1 },
    play: (r) =>
      lines(
        r,
        { message: { role: 'assistant', content: 'The' }, done: false },
        { error: 'an error was encountered while running the model: CUDA error' },
      ),
  },
  {
    ...{ server: 'Ollama', does: 'breaks off, by its own API', api: 'ollama' },
    gives: { error: 'engine_stream_cut', says: 'before the answer was complete', requests: 1 },
    play: (r) => lines(r, { message: { role: 'assistant', content: 'The' }, done: false }),
  },
  {
    ...{ server: 'Ollama', does: 'has no such model, by its own API', api: 'ollama' },
    gives: once('engine_rejected', 'try pulling it first. Pull the model with `ollama pull`'),
    play: (r) => json(r, 404, { error: 'model "qwen9" not found, try pulling it first' }),
  },
  {
    ...{ server: 'Ollama', does: 'has a full queue (503)', api: 'ollama', gives: ADAPTED },
    play: (r, index) =>
      index === 0
        ? json(r, 503, { error: 'server busy, please try again. maximum pending requests exceeded' })
        : lines(r, { message: { role: 'assistant', content: 'The answer.' }, done: true, done_reason: 'stop' }),
  },
  // How it ends.
  {
    ...{
      server: 'vLLM',
      does: 'dies in the middle, older form',
      gives: { error: 'engine_unavailable', says: 'EngineCore encountered an issue', requests: 1 },
    },
    play: (r) =>
      raw(
        r,
        SSE,
        `${event('The ans')}data: {"object":"error","message":"EngineCore encountered an issue","code":500}\n\ndata: [DONE]\n\n`,
      ),
  },
  {
    ...{
      server: 'OpenRouter',
      does: 'ends with the reason error',
      gives: { error: 'engine_stream_cut', says: '“error”', requests: 1 },
    },
    play: (r) => streamText(r, ['The'], 'error'),
  },
  {
    ...{
      server: 'any',
      does: 'ends with a reason that nobody knows',
      gives: { error: 'engine_stream_cut', says: '“abort”', requests: 1 },
    },
    play: (r) => streamText(r, ['The'], 'abort'),
  },
  {
    ...{
      server: 'Azure',
      does: 'filters in the middle',
      gives: { answer: 'The answer is\n\n(A content filter of the server ended the reply here.)', requests: 1 },
    },
    play: (r) => streamText(r, ['The answer is'], 'content_filter'),
  },
  {
    ...{ server: 'Azure', does: 'filters all', gives: once('engine_refused', 'content filter') },
    play: (r) => streamText(r, [''], 'content_filter'),
  },
  {
    ...{
      server: 'any',
      does: 'stops at its token limit',
      gives: {
        answer: 'The answer is\n\n(The reply was cut at the token limit; LLM_MAX_TOKENS raises it.)',
        requests: 1,
      },
    },
    play: (r) => streamText(r, ['The answer is'], 'length'),
  },
  {
    ...{
      server: 'OpenAI',
      does: 'refuses in a field of its own',
      gives: once('engine_refused', 'I can’t help with that'),
    },
    play: (r) =>
      raw(r, SSE, `${chunk({ refusal: 'I can’t help ' })}${chunk({ refusal: 'with that.' }, 'stop')}data: [DONE]\n\n`),
  },
  {
    ...{ server: 'any', does: 'only thinks', gives: once('engine_no_answer', 'thought for 8 characters') },
    play: (r) => raw(r, SSE, `${chunk({ reasoning: 'hm, hm, ' })}${chunk({}, 'stop')}data: [DONE]\n\n`),
  },
  {
    ...{ server: 'any', does: 'says nothing', gives: once('engine_no_answer', 'empty answer') },
    play: (r) => streamText(r, ['']),
  },
  // Errors.
  {
    ...{
      server: 'Azure',
      does: 'filters the question (400)',
      gives: once('engine_refused', 'content management policy'),
    },
    play: (r) =>
      json(r, 400, {
        error: {
          code: 'content_filter',
          message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        },
      }),
  },
  {
    ...{
      server: 'Gemini',
      does: 'knows the key not, in a list (400)',
      gives: once('engine_unauthorised', 'API key not valid'),
    },
    play: (r) => json(r, 400, [{ error: { code: 400, message: 'API key not valid. Please pass a valid API key.' } }]),
  },
  {
    ...{ server: 'LM Studio', does: 'has put its model aside (400)', gives: ADAPTED },
    play: (r, index) => (index === 0 ? json(r, 400, { error: 'Model unloaded.' }) : answer(r)),
  },
  {
    ...{ server: 'LM Studio', does: 'has no model loaded', gives: once('engine_rejected', 'No models loaded') },
    play: (r) =>
      json(
        r,
        404,
        openAiError('No models loaded. Please load a model in the developer page.', { code: 'model_not_found' }),
      ),
  },
  {
    ...{ server: 'OpenAI', does: 'has the model behind another API', gives: once('engine_rejected', 'v1/responses') },
    play: (r) =>
      json(r, 404, openAiError('This model is only supported in v1/responses and not in v1/chat/completions.')),
  },
  {
    ...{ server: 'a proxy', does: 'waits too long for its server (524)', gives: ADAPTED },
    play: (r, index) => (index === 0 ? json(r, 524, '<html><title>524: A timeout occurred</title></html>') : answer(r)),
  },
  {
    ...{ server: 'OpenRouter', does: 'loses its provider in the middle' },
    gives: { error: 'engine_unavailable', says: 'Provider disconnected', requests: 1 },
    play: (r) =>
      raw(
        r,
        SSE,
        `${event('The')}data: ${JSON.stringify({ choices: [{ delta: { content: '' }, finish_reason: 'error', error: { code: 502, message: 'Provider disconnected' } }] })}\n\n`,
      ),
  },
  {
    ...{
      server: 'Ollama',
      does: 'has no such model',
      gives: once('engine_rejected', 'model "qwen9" not found, try pulling it first'),
    },
    play: (r) => json(r, 404, openAiError('model "qwen9" not found, try pulling it first')),
  },
  {
    ...{
      server: 'Ollama',
      does: 'has too little memory',
      gives: once('engine_unavailable', 'requires more system memory'),
    },
    play: (r) => json(r, 500, { error: 'model requires more system memory (9.1 GiB) than is available (4.2 GiB)' }),
  },
  {
    ...{
      server: 'Ollama',
      does: 'tells an error as a bare line',
      gives: { error: 'engine_unavailable', says: 'runner process has terminated', requests: 1 },
    },
    play: (r) => raw(r, SSE, `${event('The')}{"error":"llama runner process has terminated"}\n`),
  },
  {
    ...{
      server: 'LM Studio',
      does: 'has another path (200 with an error)',
      gives: { error: 'engine_rejected', says: 'Unexpected endpoint', requests: 1 },
    },
    play: (r) => json(r, 200, { error: 'Unexpected endpoint or method. (POST /chat/completions)' }),
  },
  {
    ...{
      server: 'LM Studio',
      does: 'tells an error by the event’s type',
      gives: { error: 'engine_unavailable', says: 'CUDA out of memory', requests: 2 },
    },
    play: (r) => raw(r, SSE, 'event: error\ndata: {"error":{"message":"CUDA out of memory"}}\n\n'),
  },
  {
    ...{
      server: 'OpenRouter',
      does: 'is limited (200 with an error)',
      gives: { error: 'engine_rate_limited', says: 'Rate limit exceeded', requests: 2 },
    },
    play: (r) => json(r, 200, { error: { code: 429, message: 'Rate limit exceeded' } }),
  },
  {
    ...{
      server: 'OpenRouter',
      does: 'hands a provider’s words on',
      gives: once('engine_rejected', 'image input is not taken'),
    },
    play: (r) =>
      json(r, 400, {
        error: {
          message: 'Provider returned error',
          code: 400,
          metadata: { raw: '{"error":{"message":"image input is not taken"}}' },
        },
      }),
  },
  {
    ...{
      server: 'OpenAI',
      does: 'has no quota left (429)',
      gives: once('engine_rate_limited', 'exceeded your current quota'),
    },
    play: (r) =>
      json(
        r,
        429,
        openAiError('You exceeded your current quota, please check your plan and billing details.', {
          code: 'insufficient_quota',
        }),
      ),
  },
  {
    ...{ server: 'OpenAI', does: 'is limited and says for how long', gives: ADAPTED },
    play: (r, index) =>
      index === 0 ? json(r, 429, openAiError('Rate limit reached. Please try again in 20ms.')) : answer(r),
  },
  {
    ...{
      server: 'any',
      does: 'has reached the limit of its month (429)',
      gives: once('engine_rate_limited', 'specified API usage limits'),
    },
    play: (r) => json(r, 429, openAiError('You have reached your specified API usage limits.')),
  },
  {
    ...{
      server: 'GLM',
      does: 'tells an error as msg (200)',
      gives: once('engine_unavailable', 'Insufficient balance'),
    },
    play: (r) => json(r, 200, { code: 1113, msg: 'Insufficient balance or no resource package.' }),
  },
  {
    ...{ server: 'MiniMax', does: 'tells an error in a frame of its own (200)' },
    gives: once('engine_unavailable', 'insufficient balance'),
    play: (r) => json(r, 200, { choices: null, base_resp: { status_code: 1008, status_msg: 'insufficient balance' } }),
  },
  {
    ...{
      server: 'Amazon',
      does: 'tells an error as Message (403)',
      gives: once('engine_unauthorised', '403: Not yours.'),
    },
    play: (r) => json(r, 403, { Message: 'Not yours' }),
  },
  {
    ...{ server: 'Apigee', does: 'tells a fault (401)', gives: once('engine_unauthorised', '401: Invalid ApiKey.') },
    play: (r) => json(r, 401, { fault: { faultstring: 'Invalid ApiKey' } }),
  },
  {
    ...{
      server: 'Laravel',
      does: 'tells errors by field (400)',
      gives: once('engine_rejected', 'messages: is too long'),
    },
    play: (r) => json(r, 400, { errors: { messages: ['is too long'] } }),
  },
  {
    ...{ server: 'OpenRouter', does: 'tells an error beside its choices' },
    gives: { error: 'engine_unavailable', says: 'Provider disconnected', requests: 1 },
    play: (r) =>
      raw(
        r,
        SSE,
        `${event('The')}data: ${JSON.stringify({ error: { code: 'server_error', message: 'Provider disconnected' }, choices: [{ delta: {}, finish_reason: 'error' }] })}\n\n`,
      ),
  },
  {
    ...{ server: 'Azure', does: 'is limited for some milliseconds', gives: ADAPTED },
    play: (r, index) => (index === 0 ? json(r, 429, openAiError('Please retry after 20 milliseconds.')) : answer(r)),
  },
  {
    ...{ server: 'OpenAI', does: 'is limited by tokens, and has requests left', gives: ADAPTED },
    play: (r, index) =>
      index === 0
        ? json(r, 429, openAiError('Slow down.'), {
            ...{ 'x-ratelimit-remaining-requests': '99', 'x-ratelimit-reset-requests': '1h0m0s' },
            ...{ 'x-ratelimit-remaining-tokens': '12', 'x-ratelimit-reset-tokens': '20ms' },
          })
        : answer(r),
  },
  {
    ...{ server: 'LM Studio', does: 'gave up loading' },
    gives: once('engine_unavailable', 'loading was stopped'),
    play: (r) => json(r, 500, { error: 'Model loading was stopped due to insufficient system resources.' }),
  },
  {
    ...{ server: 'Ollama', does: 'has no model of a name that speaks of loading' },
    gives: once('engine_rejected', 'not found'),
    play: (r) => json(r, 404, openAiError("model 'fast-loading-7b' not found")),
  },
  {
    ...{ server: 'any', does: 'calls a tool that nobody offered', gives: once('engine_no_answer', 'empty answer') },
    play: (r) =>
      raw(r, SSE, `${chunk({ tool_calls: [{ index: 0, function: { name: 'x', arguments: '{}' } }] }, 'tool_calls')}`),
  },
  {
    ...{
      server: 'Gemini',
      does: 'calls two tools without an index',
      skill: 'tool',
      gives: { answer: 'clock', requests: 1 },
    },
    play: (r) =>
      raw(
        r,
        SSE,
        `${['clock', 'other'].map((name) => chunk({ tool_calls: [{ id: name, function: { name, arguments: '{}' } }] })).join('')}${chunk({}, 'tool_call')}`,
      ),
  },
  {
    ...{ server: 'OpenAI', does: 'knows the key not', gives: once('engine_unauthorised', 'Incorrect API key') },
    play: (r) => json(r, 401, openAiError('Incorrect API key provided: sk-x.')),
  },
  {
    ...{
      server: 'llama-server',
      does: 'is loading its model (503, three times)',
      gives: { answer: 'The answer.', requests: 4 },
    },
    play: (r, index) =>
      index < 3
        ? json(
            r,
            503,
            { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } },
            { 'retry-after': '0.01' },
          )
        : answer(r),
  },
  {
    ...{ server: 'llama-swap', does: 'starts the model (503, three times)' },
    gives: { answer: 'The answer.', requests: 4 },
    play: (r, index) =>
      index < 3 ? json(r, 503, { error: 'model is starting, try again' }, { 'retry-after': '0.01' }) : answer(r),
  },
  {
    ...{
      server: 'a proxy',
      does: 'answers with a web page (502)',
      gives: { error: 'engine_unavailable', says: 'answered 502: 502 Bad Gateway.', requests: 2 },
    },
    play: (r) => {
      r.writeHead(502, { 'content-type': 'text/html' });
      r.end('<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1><hr>nginx</body></html>');
    },
  },
  // Models.
  {
    ...{ server: 'Ollama', does: 'lists an embedding model first', unnamed: true, gives: OK },
    models: { data: [{ id: 'nomic-embed-text:latest' }, { id: 'm1' }] },
    play: answer,
  },
  {
    ...{ server: 'any', does: 'lists models without a frame', unnamed: true, gives: OK },
    models: [{ id: 'm1' }],
    play: answer,
  },
  {
    ...{ server: 'Ollama', does: 'lists models by its own form', unnamed: true, gives: OK },
    models: { models: [{ name: 'm1', model: 'm1' }] },
    play: answer,
  },
  {
    ...{ server: 'any', does: 'lists an embedding model that cannot be told', unnamed: true, gives: ADAPTED },
    models: { data: [{ id: 'vectors' }, { id: 'm1' }] },
    play: refusing((b) => b.model === 'vectors', 400, openAiError('"vectors" does not support chat')),
  },
  {
    ...{ server: 'OpenAI', does: 'lists a model of another API first', unnamed: true, gives: ADAPTED },
    models: { data: [{ id: 'codex' }, { id: 'm1' }] },
    play: refusing((b) => b.model === 'codex', 404, openAiError('This model is only supported in v1/responses.')),
  },
  ...(
    [
      ['Together', 'a model of films', { id: 'kling', type: 'video' }],
      ['Mistral', 'a reader of pages', { id: 'ocr', capabilities: { completion_chat: false } }],
      ['OpenRouter', 'a model of pictures', { id: 'pix', architecture: { output_modalities: ['image'] } }],
    ] as const
  ).map(
    ([server, what, other]): Behaviour => ({
      ...{ server, does: `lists ${what} first`, unnamed: true, gives: OK, models: [other, { id: 'm1' }] },
      play: refusing((b) => b.model !== 'm1', 404, openAiError('Unable to access model')),
    }),
  ),
];

/** The table of docs/models.md; `node tests/unit/engines/server-behaviours.ts` prints it. */
export function tableOf(list: readonly Behaviour[]): string {
  const rows = list.map(({ server, does, gives: { answer, error, requests } }) => {
    const came =
      error === undefined
        ? answer?.includes('(')
          ? 'answered, and said to be incomplete'
          : 'answered'
        : `\`${error}\`, with the server’s words`;
    return `| ${server} | ${does} | ${came} | ${requests} |`;
  });
  return ['| server | what it does | what comes of it | requests |', '|---|---|---|---|', ...rows].join('\n');
}

if (import.meta.main) process.stdout.write(`${tableOf(behaviours)}\n`);
