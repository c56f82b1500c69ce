/** How an answer ends, well or not. */
import { event, streamText } from '../chat-server.ts';
import { type Behaviour, chunk, once, raw, SSE } from './behaviour.ts';

export const endings: readonly Behaviour[] = [
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
];
