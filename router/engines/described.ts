/**
 * Workflows that the router model was not trained on, by what their descriptions say. Owns: comparing a query with
 * descriptions, and when one is clear enough to be taken. Does not own: making vectors (`embedding-head.ts`), or the
 * decision (`../policy.ts`).
 *
 * The model's vectors tell its own routes apart, and little else: four directions have 93 % of their variance. What is left
 * when the leading directions of ordinary queries are taken out still says what a text is about, as the encoder did before it
 * was trained for routes.
 *
 * Invariant: where no description is clear, the model's own weights stand untouched.
 */
import type { RouteOption, Weighing } from '../port.ts';
import type { Background } from './background.ts';

/**
 * Cosine with the nearest description from which a query is taken for it. Chosen, as were the others, on
 * `samples/described/dev.tsv` and on ordinary queries beside 18 descriptions (docs/router.md).
 */
const CLEAR = 0.23;
/** The same where the model is sure of a route of its own. */
const CLEAR_AGAINST_SURE = 0.41;
const SURE = 0.94;
/** To the next description: two that are alike are nobody's. */
const APART = 0.05;
/** What is clear weighs so much: over the default threshold, and below the certainty of a trained route. */
const WEIGHT = 0.96;

interface Described {
  readonly name: string;
  readonly vector: readonly number[];
}

/** What a text says beside what all queries say; of length 1. */
export function residueOf(vector: readonly number[], { mean, directions }: Background): number[] {
  const length = Math.hypot(...vector);
  const left = vector.map((value, at) => value / length - (mean[at] ?? 0));
  for (const direction of directions) {
    const share = dot(left, direction);
    for (const [at, value] of direction.entries()) left[at] = (left[at] ?? 0) - share * value;
  }
  const rest = Math.hypot(...left);
  return left.map((value) => value / rest);
}

/**
 * Where a workflow is, by its description and examples: their middle, of length 1. The nearest one of them instead finds fewer, and
 * takes three times as many ordinary queries (docs/router.md).
 */
export function middleOf(residues: readonly (readonly number[])[]): readonly number[] {
  const [first = [], ...others] = residues.filter((residue) => residue.every(Number.isFinite));
  const sum = first.map((value, at) => others.reduce((total, other) => total + (other[at] ?? 0), value));
  const length = Math.hypot(...sum);
  return sum.map((value) => value / length);
}

function dot(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
}

/** Those that the model has no weights for. */
export function undescribedBy(routes: readonly string[], options: readonly RouteOption[]): readonly RouteOption[] {
  return options.filter(({ name, description }) => !routes.includes(name) && description.trim() !== '');
}

/** @param own what the model says of the same query */
export function withDescribed(
  own: Weighing,
  vector: readonly number[],
  described: readonly Described[],
  background: Background,
): Weighing {
  const query = residueOf(vector, background);
  const [first, second] = described
    .map(({ name, vector: of }) => ({ name, nearness: dot(query, of) }))
    .sort((one, other) => other.nearness - one.nearness);
  const needed = Math.max(...Object.values(own.probabilities)) >= SURE ? CLEAR_AGAINST_SURE : CLEAR;
  // Not a number, of a text that says nothing beside: never clear.
  if (first === undefined || !(first.nearness >= needed)) return own;
  if (second !== undefined && first.nearness - second.nearness < APART) return own;
  const probabilities = Object.fromEntries(
    Object.entries(own.probabilities).map(([route, weight]) => [route, weight * (1 - WEIGHT)]),
  );
  probabilities[first.name] = WEIGHT;
  return { probabilities, reason: `it is what the description of ${first.name} says` };
}
