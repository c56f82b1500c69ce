/** Lists of models, of which the first is none to chat with. */
import { ADAPTED, answer, type Behaviour, OK, openAiError, refusing } from './behaviour.ts';

export const modelLists: readonly Behaviour[] = [
  {
    ...{ server: 'Ollama', does: 'lists an embedding model first', unnamed: true, gives: OK },
    models: { data: [{ id: 'nomic-embed-text:latest' }, { id: 'm1' }] },
    play: answer,
  },
  {
    ...{ server: 'LM Studio', does: 'answers with an error in place of its list', unnamed: true },
    gives: { error: 'engine_no_model', says: 'Unexpected endpoint or method', requests: 0 },
    models: { error: 'Unexpected endpoint or method. (GET /models)' },
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
