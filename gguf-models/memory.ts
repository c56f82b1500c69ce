/**
 * How much memory a model needs. Owns: the estimate, made from the file's header before anything is loaded. Does not
 * own: limits.
 *
 * Weights are counted as the file's size, since llama.cpp maps it. The cache holds a key and a value of two bytes for
 * each token of each context. Buffers for computing are measured, not derived: docs/models.md says how well this fits.
 */
import type { GgufInfo } from './gguf.ts';

export interface ModelMemory {
  /** All in bytes. */
  readonly weights: number;
  readonly cache: number;
  readonly buffers: number;
  readonly total: number;
}

export interface ContextShape {
  /** Tokens of one context. */
  readonly contextSize: number;
  readonly contexts: number;
  readonly batchSize: number;
}

const CACHE_BYTES_PER_NUMBER = 2;
/** The native library itself, its threads and tables. */
const LIBRARY_BYTES = 96 * 1_048_576;

export function memoryOf(info: GgufInfo, shape: ContextShape): ModelMemory {
  const cache = cacheBytesPerToken(info) * shape.contextSize * shape.contexts;
  const width = info.hyperparameter('embedding_length') ?? 0;
  const vocabulary = vocabularySize(info);
  // The widest intermediate results: logits, and some hidden states of each token of a batch, four bytes a number.
  const buffers = LIBRARY_BYTES + shape.batchSize * (vocabulary + 16 * width) * 4;
  return { weights: info.bytes, cache, buffers, total: info.bytes + cache + buffers };
}

/** The longest context that fits, tokens; 0 when even the weights do not. */
export function contextThatFits(info: GgufInfo, shape: ContextShape, limitBytes: number): number {
  const { weights, buffers } = memoryOf(info, shape);
  const perToken = cacheBytesPerToken(info) * shape.contexts;
  return perToken === 0 ? 0 : Math.max(0, Math.floor((limitBytes - weights - buffers) / perToken));
}

function cacheBytesPerToken(info: GgufInfo): number {
  const layers = info.hyperparameter('block_count') ?? 0;
  const width = info.hyperparameter('embedding_length') ?? 0;
  const heads = info.hyperparameter('attention.head_count') ?? 1;
  const cacheHeads = info.hyperparameter('attention.head_count_kv') ?? heads;
  const keyWidth = info.hyperparameter('attention.key_length') ?? width / heads;
  const valueWidth = info.hyperparameter('attention.value_length') ?? width / heads;
  return layers * cacheHeads * (keyWidth + valueWidth) * CACHE_BYTES_PER_NUMBER;
}

function vocabularySize(info: GgufInfo): number {
  const tokens = info.metadata.get('tokenizer.ggml.tokens');
  if (typeof tokens === 'object' && 'array' in tokens) return tokens.array;
  return Array.isArray(tokens) ? tokens.length : 0;
}
