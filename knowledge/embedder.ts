/**
 * The port of what turns text into vectors.
 *
 * Owns the contract. Does not own a model (`gguf-embedder.ts`, `hashed-embedder.ts`) or what is done with vectors
 * (`vectors.ts`).
 */

/** Some models want to be told; a passage is what is stored, a query is what is looked for. */
export type Purpose = 'passage' | 'query';

export interface Embedder {
  /** For people: `hashed-words`, `all-minilm-l6-v2`. */
  readonly name: string;
  /**
   * Names the space of the vectors: only vectors of the same space may be compared. Another model, or another file of
   * the same name, is another space.
   * @throws KnowledgeError `embedder` when the model cannot be read
   */
  space(): Promise<string>;
  /** False: it knows spelling alone, which the lexical index knows better. */
  readonly knowsMeaning: boolean;
  /**
   * One vector of length 1 for each text, in the same order. A model is loaded at the first call.
   * @throws KnowledgeError `embedder`, or the signal's reason when aborted
   */
  embed(texts: readonly string[], purpose: Purpose, signal?: AbortSignal): Promise<Float32Array[]>;
  /** May be called twice. */
  close(): Promise<void>;
}

/** Scales a vector to length 1, in place; one of zeros stays as it is. */
export function normalize(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const length = Math.sqrt(sum);
  if (length > 0) for (let index = 0; index < vector.length; index += 1) vector[index] = (vector[index] ?? 0) / length;
  return vector;
}
