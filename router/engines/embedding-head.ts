/**
 * The prompt `embedding-head-v1` (`../format.md`): llama.cpp makes one vector of the query, and a linear head from the
 * metadata weighs the routes by it. Owns: tokens, the cut of a long query, the head, the softmax. Does not own: loading
 * models (`embedded.ts`).
 */
import type { LlamaEmbeddingContext, LlamaModel } from 'node-llama-cpp';
import type { Weighing } from '../port.ts';
import { RouteEngineError } from '../port.ts';
import { headAndTail, headAndTailOf } from './head-and-tail.ts';
import { type ModelFormat, ModelFormatError } from './model-format.ts';

export type EmbeddingHeadFormat = Extract<ModelFormat, { kind: 'embedding-head' }>;

export interface EmbeddingHeadPrompt {
  /** As the model makes it, of any length. */
  vectorOf(text: string, context: LlamaEmbeddingContext): Promise<readonly number[]>;
  weigh(vector: readonly number[]): Weighing;
}

/**
 * Few tokens are longer. What lies between is cut out before the tokenizer sees it: a megabyte of pasted text would keep
 * the process busy for a second.
 */
const TOKEN_CHARS = 32;

/** @throws ModelFormatError when the head does not fit the model */
export function createEmbeddingHeadPrompt(model: LlamaModel, format: EmbeddingHeadFormat): EmbeddingHeadPrompt {
  const { routes, maxTokens, weights } = format;
  const width = model.embeddingVectorSize;
  if (weights.length !== routes.length * width)
    throw new ModelFormatError(
      `the model's head has ${weights.length} weights; ${routes.length} routes by vectors of ${width} need ${routes.length * width}`,
    );
  const { bos, sep } = model.tokens;
  if (bos === null) throw new ModelFormatError('the model has no BOS token, which its prompt begins with');
  const end = sep === null ? [] : [sep];
  return {
    async vectorOf(query, context) {
      const text = headAndTailOf(query.trim(), maxTokens * TOKEN_CHARS);
      const cut = headAndTail(model.tokenize(text, false), maxTokens);
      const { vector } = await context.getEmbeddingFor([bos, ...cut, ...end]);
      return vector;
    },
    weigh: (vector) => weighed(vector, format),
  };
}

/** Logits of the vector at length 1, divided by the temperature, as probabilities. */
export function weighed(
  vector: readonly number[],
  { routes, temperature, weights, biases }: Omit<EmbeddingHeadFormat, 'kind' | 'maxTokens'>,
): Weighing {
  const length = Math.hypot(...vector);
  const scores = biases.map((bias, row) => {
    const product = vector.reduce((sum, value, at) => sum + value * (weights[row * vector.length + at] ?? 0), 0);
    return (product / length + bias) / temperature;
  });
  const highest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  if (!Number.isFinite(sum)) throw new RouteEngineError('invalid_answer', 'the model gave a vector without direction');
  const probabilities = routes.map((route, index) => [route, (powers[index] ?? 0) / sum] as const);
  return { probabilities: Object.fromEntries(probabilities), reason: 'the router model says so' };
}
