/**
 * Which prompt a model wants, by the metadata in its GGUF (`../format.md`). Owns: reading and checking those keys. Does
 * not own: the prompts.
 */
import type { GgufInfo, MetadataValue } from '../../gguf-models/gguf.ts';

/** Tokens of the query that a model is shown when its metadata does not say. */
const MAX_TOKENS_DEFAULT = 384;
/** More than any router needs, and a bound for the context. */
const MAX_TOKENS_LIMIT = 8192;
const PREFIX = 'agentmesh.router.';

export type ModelFormat =
  | {
      readonly kind: 'embedding-head';
      readonly routes: readonly string[];
      readonly temperature: number;
      readonly maxTokens: number;
      /** A row of the vectors' width for each route, one after the other. */
      readonly weights: readonly number[];
      /** One for each route. */
      readonly biases: readonly number[];
    }
  | { readonly kind: 'instruct'; readonly maxTokens: number };

/** The metadata asks for something that this release does not have, or contradicts itself. */
export class ModelFormatError extends Error {
  override readonly name = 'ModelFormatError';
}

/** @throws ModelFormatError */
export function modelFormat({ path, metadata }: Pick<GgufInfo, 'path' | 'metadata'>): ModelFormat {
  const read = (key: string): MetadataValue | undefined => metadata.get(`${PREFIX}${key}`);
  const wrong = (key: string, what: string): never => {
    throw new ModelFormatError(`${path}: its ${PREFIX}${key} ${what}`);
  };
  const format = read('format');
  const maxTokens = read('max_tokens') ?? MAX_TOKENS_DEFAULT;
  if (typeof maxTokens !== 'number' || !Number.isInteger(maxTokens) || maxTokens < 2 || maxTokens > MAX_TOKENS_LIMIT)
    return wrong('max_tokens', `is no whole number from 2 to ${MAX_TOKENS_LIMIT}`);
  if (format === undefined) return { kind: 'instruct', maxTokens };
  if (format !== 'embedding-head-v1') return wrong('format', `is ${String(format)}; embedding-head-v1 is supported`);
  const routes = read('routes');
  if (!isTexts(routes) || routes.length < 2 || new Set(routes).size < routes.length)
    return wrong('routes', 'is no list of two or more different names');
  const temperature = read('temperature') ?? 1;
  if (typeof temperature !== 'number' || !(temperature > 0)) return wrong('temperature', 'is no number above 0');
  const weights = read('head.weights');
  if (!isNumbers(weights) || weights.length === 0) return wrong('head.weights', 'is no list of finite numbers');
  const biases = read('head.biases');
  if (!isNumbers(biases) || biases.length !== routes.length)
    return wrong('head.biases', `is no list of ${routes.length} finite numbers, one for each route`);
  return { kind: 'embedding-head', routes, temperature, maxTokens, weights, biases };
}

function isTexts(value: MetadataValue | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isNumbers(value: MetadataValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number' && Number.isFinite(item));
}
