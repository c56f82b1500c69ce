/**
 * An Ollama on this machine or where OLLAMA_HOST says. Owns: finding it and what it has. Does not own: using it; it is
 * used only when a setting says so.
 */
import { z } from 'zod';

export interface OllamaModel {
  readonly name: string;
  readonly bytes: number;
  /** Such as `Q4_K_M`; null when it does not say. */
  readonly quantisation: string | null;
}

export interface Ollama {
  /** For an OpenAI-compatible client: ends in /v1. */
  readonly baseUrl: string;
  readonly models: readonly OllamaModel[];
}

const PORT = 11_434;
/** One on this machine answers in milliseconds; one that does not is not there. */
const TIMEOUT_MS = 500;
const MODELS_MAX = 200;

const tags = z.object({
  models: z
    .array(
      z.object({
        name: z.string(),
        size: z.number().catch(0),
        details: z.object({ quantization_level: z.string().nullish() }).nullish().catch(null),
      }),
    )
    .nullable(),
});

/**
 * Address of Ollama from OLLAMA_HOST in the forms that Ollama itself takes: host, host:port, URL. What it listens on
 * everywhere (0.0.0.0) is reached on loopback. Null when the text is no address.
 */
export function ollamaOrigin(host: string | undefined): string | null {
  const text = (host ?? '').trim() === '' ? `127.0.0.1:${PORT}` : (host ?? '').trim();
  const url = URL.parse(/^https?:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || url.hostname === '') return null;
  const hasPort = /:\d+(?:\/|$)/.test(text.replace(/^https?:\/\//i, ''));
  const hostname = url.hostname === '0.0.0.0' || url.hostname === '[::]' ? '127.0.0.1' : url.hostname;
  const port = hasPort ? url.port : url.protocol === 'https:' || /^http:\/\//i.test(text) ? '' : String(PORT);
  return `${url.protocol}//${hostname}${port === '' ? '' : `:${port}`}`;
}

/** Null when none answers in time. */
export async function findOllama(host: string | undefined): Promise<Ollama | null> {
  const origin = ollamaOrigin(host);
  if (origin === null) return null;
  try {
    const response = await fetch(`${origin}/api/tags`, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
    if (!response.ok) return null;
    const { models } = tags.parse(await response.json());
    const known = (models ?? []).slice(0, MODELS_MAX).map(({ name, size, details }) => ({
      ...{ name, bytes: size, quantisation: details?.quantization_level ?? null },
    }));
    return { baseUrl: `${origin}/v1`, models: known };
  } catch {
    // Nobody there, or something else that listens on its port: both are no Ollama.
    return null;
  }
}
