/** The forms in which a whole answer comes: streams, JSON, parts, and what is put between them. */
import { event, streamText } from '../chat-server.ts';
import { answer, type Behaviour, chunk, json, OK, once, raw, SSE, said } from './behaviour.ts';

export const answerForms: readonly Behaviour[] = [
  {
    ...{ server: 'any', does: 'says data: twice', gives: OK },
    play: (r) => raw(r, SSE, `data: ${event('The answer.', 'stop')}data: data: [DONE]\n\n`),
  },
  {
    ...{ server: 'any', does: 'makes two choices at once', gives: OK },
    play: (r) =>
      raw(
        r,
        SSE,
        [0, 1, 0, 1]
          .map((index, at) => {
            const content = index === 1 ? 'Another.' : at === 0 ? 'The ' : 'answer.';
            return `data: ${JSON.stringify({ choices: [{ index, delta: { content }, finish_reason: at > 1 ? 'stop' : null }] })}\n\n`;
          })
          .join(''),
      ),
  },
  {
    ...{ server: 'any', does: 'has its choices in another order', gives: OK },
    play: (r) =>
      json(r, 200, {
        choices: ['Another.', 'The answer.'].map((content, at) => ({
          index: 1 - at,
          message: { content },
          finish_reason: 'stop',
        })),
      }),
  },
  {
    ...{ server: 'OpenAI', does: 'refuses in a part of its content', gives: once('engine_refused', 'I may not.') },
    play: (r) => json(r, 200, said({ content: [{ type: 'refusal', refusal: 'I may not.' }] })),
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
];
