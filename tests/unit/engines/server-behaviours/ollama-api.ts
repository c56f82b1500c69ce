/** Ollama's own API. */
import { ADAPTED, type Behaviour, json, lines, OK, once } from './behaviour.ts';

export const ollamaApi: readonly Behaviour[] = [
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
];
