/**
 * Which models an endpoint has. Owns: reading the lists of the servers in use, telling chat models from others, and how
 * long the context of a model is. Does not own: HTTP (openai-transport.ts).
 */
import { isRecord } from '../../../../prompting/json-reply.ts';
import { type Ask, endpointUrl } from './openai-transport.ts';

export interface Listed {
  readonly id: string;
  /** Tokens; null: the list does not say. */
  readonly contextTokens: number | null;
  /** Whose list it is, as `owned_by` tells. */
  readonly server: string;
  /** Loaded already: no wait for it. */
  readonly loaded: boolean;
}

/** Names and kinds of models that write no text. */
const NO_CHAT =
  /embed|\bbge\b|\bbge[-_]|\be5[-_]|\bgte[-_]|minilm|nomic-bert|mxbai|snowflake-arctic|paraphrase|sentence-|\bmpnet|jina-(?:clip|reranker|colbert)|rerank|whisper|\btts\b|tts-|\bstt\b|dall-e|stable-diffusion|\bsdxl|flux|moderation|\bclip\b|clip-vit|guard|speech|transcribe|realtime|image|sora|kokoro|parakeet|canary-|musicgen|vae\b/i;

/** What a list calls models that write no text, beside the words of names. */
const OTHER_KINDS: ReadonlySet<string> = new Set(['audio', 'video', 'ocr', 'classifier']);

/** Ollama gives each model this context unless it was started or asked otherwise (its FAQ, "context window"). */
const OLLAMA_CONTEXT_TOKENS = 4096;

/** `{data: […]}`, `{models: […]}` or `[…]`, in their order. */
function modelsIn(list: unknown): Listed[] {
  const entries = Array.isArray(list) ? list : isRecord(list) ? (list.data ?? list.models) : undefined;
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => {
    if (typeof entry === 'string') return [{ id: entry, contextTokens: null, server: '', loaded: false }];
    if (!isRecord(entry)) return [];
    const id = [entry.id, entry.name, entry.model].find((one) => typeof one === 'string' && one !== '');
    if (typeof id !== 'string' || isOther(entry, id)) return [];
    const server = typeof entry.owned_by === 'string' ? entry.owned_by : '';
    const loaded = entry.state === 'loaded' || (isRecord(entry.status) && entry.status.value === 'loaded');
    return [{ id, contextTokens: contextOf(entry), server, loaded }];
  });
}

function isOther(entry: Record<string, unknown>, id: string): boolean {
  const kinds = [entry.type, entry.task, entry.object === 'model' ? '' : entry.object, entry.architecture].filter(
    (one) => typeof one === 'string',
  );
  const capabilities = Array.isArray(entry.capabilities) ? entry.capabilities : null;
  if (capabilities !== null && capabilities.length > 0 && capabilities.includes('embedding')) return true;
  // Mistral tells it by a flag, OpenRouter by what comes out.
  if (isRecord(entry.capabilities) && entry.capabilities.completion_chat === false) return true;
  const out = isRecord(entry.architecture) ? entry.architecture.output_modalities : undefined;
  if (Array.isArray(out) && out.length > 0 && !out.includes('text')) return true;
  return NO_CHAT.test(id) || kinds.some((kind) => OTHER_KINDS.has(kind)) || kinds.some((kind) => NO_CHAT.test(kind));
}

const CONTEXTS = [
  'loaded_context_length',
  'max_model_len',
  'context_length',
  'context_window',
  'max_context_length',
  'n_ctx',
] as const;

function contextOf(entry: Record<string, unknown>): number | null {
  const meta = isRecord(entry.meta) ? entry.meta : {};
  const said = CONTEXTS.map((key) => entry[key] ?? meta[key]).find((one) => typeof one === 'number' && one > 0);
  return typeof said === 'number' ? said : null;
}

/** Loaded ones first, else in the order of the list. */
export function chatModels(list: unknown): Listed[] {
  return modelsIn(list).toSorted((a, b) => Number(b.loaded) - Number(a.loaded));
}

/**
 * Tokens of the model's context as its server runs it, asked of those that tell; null when nobody says. A list says what
 * a model could have; Ollama and llama-server run it with what they were told.
 */
export async function contextAt(
  baseUrl: string,
  { id, server, contextTokens }: Listed,
  ask: Ask,
): Promise<number | null> {
  const at = (path: string): Promise<unknown> => ask(endpointUrl(new URL('/', baseUrl).href, path));
  switch (server) {
    case 'library': {
      const running = modelsIn(await at('/api/ps')).find((one) => one.id === id);
      return running?.contextTokens ?? OLLAMA_CONTEXT_TOKENS;
    }
    case 'llamacpp': {
      const props = await at('/props');
      const settings =
        isRecord(props) && isRecord(props.default_generation_settings) ? props.default_generation_settings : {};
      return typeof settings.n_ctx === 'number' && settings.n_ctx > 0 ? settings.n_ctx : contextTokens;
    }
    case 'organization_owner': {
      const entry = modelsIn(await at('/api/v0/models')).find((one) => one.id === id);
      return entry?.contextTokens ?? contextTokens;
    }
    default:
      return contextTokens;
  }
}
