/**
 * The prompt `route-token-v1` (`../format.md`): one evaluation of the query, and the probabilities of the route tokens.
 * Owns: tokens, the cut of a long query, the softmax. Does not own: loading models (`embedded.ts`).
 */
import type { ControlledEvaluateInputItem, LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp';
import type { Weighing } from '../port.ts';
import { RouteEngineError } from '../port.ts';
import { headAndTail } from './head-and-tail.ts';
import { type ModelFormat, ModelFormatError } from './model-format.ts';

export type RouteTokenFormat = Extract<ModelFormat, { kind: 'route-token' }>;

export interface RouteTokenPrompt {
  weigh(query: string, sequence: LlamaContextSequence): Promise<Weighing>;
}

/** @throws ModelFormatError when the vocabulary lacks what the metadata promises */
export function createRouteTokenPrompt(model: LlamaModel, format: RouteTokenFormat): RouteTokenPrompt {
  const { routes, temperature, maxTokens } = format;
  const ask = controlToken(model, 'route');
  const answers = routes.map((route) => [route, controlToken(model, route)] as const);
  const { bos } = model.tokens;
  if (bos === null) throw new ModelFormatError('the model has no BOS token, which its prompt begins with');
  return {
    async weigh(query, sequence) {
      const cut = headAndTail(model.tokenize(query.trim(), false), maxTokens);
      const filter = { tokens: answers.map(([, token]) => token) };
      const input: ControlledEvaluateInputItem[] = [bos, ...cut, [ask, { generateNext: { logits: { filter } } }]];
      await sequence.clearHistory();
      const outputs = await sequence.controlledEvaluate(input);
      const logits = outputs[input.length - 1]?.next.logits;
      if (logits === undefined) throw new RouteEngineError('invalid_answer', 'the model gave no weights');
      return weighed(answers, logits, temperature);
    },
  };
}

/** A token that text of a query can never become. */
function controlToken(model: LlamaModel, name: string): Token {
  const text = `<|${name}|>`;
  const [token, ...more] = model.tokenize(text, true);
  if (token === undefined || more.length > 0 || !model.isSpecialToken(token))
    throw new ModelFormatError(`the model's vocabulary has no control token ${text}`);
  return token;
}

function weighed(
  answers: readonly (readonly [route: string, token: Token])[],
  logits: ReadonlyMap<Token, number>,
  temperature: number,
): Weighing {
  const scores = answers.map(([, token]) => (logits.get(token) ?? Number.NaN) / temperature);
  const highest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  if (!Number.isFinite(sum)) throw new RouteEngineError('invalid_answer', 'the model gave weights that are no numbers');
  const probabilities = answers.map(([route], index) => [route, (powers[index] ?? 0) / sum] as const);
  return { probabilities: Object.fromEntries(probabilities), reason: 'the router model says so' };
}
