/** Errors in the shapes in which they come, and those that pass by themselves. */
import { event } from '../chat-server.ts';
import { ADAPTED, answer, type Behaviour, chunk, json, OK, once, openAiError, raw, SSE, said } from './behaviour.ts';

export const errors: readonly Behaviour[] = [
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
    ...{ server: 'Azure', does: 'filters the question, and says so inside (400)' },
    gives: once('engine_refused', 'The response was filtered'),
    play: (r) =>
      json(r, 400, {
        error: {
          code: null,
          message: 'The response was filtered',
          innererror: { code: 'ResponsibleAIPolicyViolation' },
        },
      }),
  },
  {
    ...{ server: 'OpenRouter', does: 'has the question moderated (403)' },
    gives: once('engine_refused', 'was flagged for "violence"'),
    play: (r) => json(r, 403, openAiError('This model requires moderation. Your input was flagged for "violence".')),
  },
  {
    ...{ server: 'any', does: 'has an empty error beside its choices', gives: OK },
    play: (r) => json(r, 200, { error: {}, ...said({ content: 'The answer.' }) }),
  },
  {
    ...{ server: 'any', does: 'tells an error as XML (400)', gives: once('engine_rejected', '400: Not yours.') },
    play: (r) => {
      r.writeHead(400, { 'content-type': 'application/xml' });
      r.end('<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Not yours</Message></Error>');
    },
  },
  {
    ...{ server: 'llama-server', does: 'tells an error in a field of its own' },
    gives: { error: 'engine_unavailable', says: 'failed to process the slot', requests: 1 },
    play: (r) => raw(r, SSE, `${event('The')}error: {"code":500,"message":"failed to process the slot"}\n\n`),
  },
  {
    ...{ server: 'any', does: 'tells an error by the event’s type, in words' },
    gives: { error: 'engine_unavailable', says: 'the upstream died', requests: 1 },
    play: (r) => raw(r, SSE, `${event('The')}event: error\ndata: the upstream died\n\n`),
  },
  {
    ...{ server: 'any', does: 'breaks off its JSON' },
    gives: { error: 'engine_stream_cut', says: 'breaks off', requests: 2 },
    play: (r) => json(r, 200, '{"choices":[{"message":{"content":"The ans'),
  },
  {
    ...{ server: 'a proxy', does: 'sends elsewhere and not where (301)' },
    gives: once('engine_rejected', 'not where else to ask'),
    play: (r) => r.writeHead(301).end(),
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
];
