/** The small parts that engines are made of, without any model. */
import { describe, expect, test } from 'vitest';
import { weighed } from '../../../router/engines/embedding-head.ts';
import { headAndTail, headAndTailOf } from '../../../router/engines/head-and-tail.ts';
import { createLazyEngine } from '../../../router/engines/lazy.ts';
import { ModelFormatError, modelFormat } from '../../../router/engines/model-format.ts';
import { RouteMass } from '../../../router/engines/route-mass.ts';
import { createRulesEngine } from '../../../router/engines/rules.ts';
import { RouteEngineError } from '../../../router/port.ts';
import { saying } from './support/deciding.ts';

const { signal } = new AbortController();

describe('the cut of a long query', () => {
  const tokens = Array.from({ length: 10 }, (_, index) => index);

  test('what fits is left alone', () => {
    expect(headAndTail(tokens, 10)).toEqual(tokens);
  });

  test.each([
    [9, [0, 1, 2, 3, 4, 6, 7, 8, 9]],
    [4, [0, 1, 8, 9]],
    [3, [0, 1, 9]],
    [2, [0, 9]],
  ])('of %i the last half is the tail', (max, kept) => {
    expect(headAndTail(tokens, max)).toEqual(kept);
    expect(headAndTailOf(tokens.join(''), max)).toBe(kept.join(''));
  });
});

describe('the format of a model', () => {
  const read = (entries: Record<string, string | number | readonly string[] | readonly number[]>) =>
    modelFormat({
      path: 'm.gguf',
      metadata: new Map(Object.entries(entries).map(([key, value]) => [`agentmesh.router.${key}`, value])),
    });
  const head = { 'head.weights': [1, 2, 3, 4], 'head.biases': [0, 1] };
  const whole = { format: 'embedding-head-v1', routes: ['a', 'b'], temperature: 1.5, max_tokens: 100, ...head };

  test('is in the metadata; a model without it is an instruct model', () => {
    expect(read(whole)).toEqual({
      ...{ kind: 'embedding-head', routes: ['a', 'b'], temperature: 1.5, maxTokens: 100 },
      ...{ weights: [1, 2, 3, 4], biases: [0, 1] },
    });
    expect(read({})).toEqual({ kind: 'instruct', maxTokens: 384 });
    const { temperature: _, max_tokens: __, ...bare } = whole;
    expect(read(bare)).toMatchObject({ temperature: 1, maxTokens: 384 });
  });

  test.each([
    ['format', 'embedding-head-v9'],
    ['format', 'route-token-v1'],
    ['routes', ['a']],
    ['routes', ['a', 'a']],
    ['routes', 'a,b'],
    ['temperature', 0],
    ['temperature', Number.NaN],
    ['head.weights', []],
    ['head.weights', 'none'],
    ['head.weights', [1, Number.NaN]],
    ['head.biases', [0]],
    ['head.biases', [0, Number.POSITIVE_INFINITY]],
    ['max_tokens', 1],
    ['max_tokens', 2.5],
    ['max_tokens', 1_000_000],
  ])('that is wrong in %s (%s) is named', (key, value) => {
    const asked = () => read({ ...whole, [key]: value });
    expect(asked).toThrow(ModelFormatError);
    expect(asked).toThrow(`m.gguf: its agentmesh.router.${key}`);
  });
});

describe('the head over a vector', () => {
  const head = { routes: ['a', 'b'], temperature: 1, weights: [1, 0, 0, 1], biases: [0, 0] };

  test('is linear in the direction, not in the length', () => {
    const { probabilities } = weighed([3, 4], head);
    expect(probabilities.b).toBeCloseTo(1 / (1 + Math.exp(0.6 - 0.8)), 10);
    expect(weighed([30, 40], head).probabilities.a).toBeCloseTo(probabilities.a ?? 0, 10);
  });

  test('adds its biases, and the temperature divides all', () => {
    const { probabilities } = weighed([3, 4], { ...head, biases: [1, 0], temperature: 2 });
    expect(probabilities.a).toBeCloseTo(1 / (1 + Math.exp((0.8 - 1.6) / 2)), 10);
  });

  test.each([
    ['is zero', [0, 0]],
    ['has a number that is none', [1, Number.NaN]],
    ['is too short', []],
  ])('of a vector that %s says nothing', (_what, vector) => {
    expect(() => weighed(vector, head)).toThrow(RouteEngineError);
  });
});

describe('the probability of a route while it is written', () => {
  const routes = ['answer', 'build', 'direct', 'review', 'reply'];

  test('the token that decides divides it', () => {
    const mass = new RouteMass(routes);
    mass.step([['{"decision": "', 1]], '{"decision": "');
    expect(mass.decided).toBe(false);
    const next = [
      ['answer', 0.6],
      ['build', 0.3],
      ['xyz', 0.1],
    ] as const;
    mass.step(next, 'answer');
    expect(mass.decided).toBe(true);
    mass.step([['"}', 1]], '"}');
    const probabilities = mass.probabilities();
    expect(probabilities?.answer).toBeCloseTo(2 / 3);
    expect(probabilities?.build).toBeCloseTo(1 / 3);
    expect(probabilities?.direct).toBe(0);
  });

  test('a beginning that two names share is divided by the next token', () => {
    const mass = new RouteMass(routes);
    mass.step([['{"decision":"', 1]], '{"decision":"');
    mass.step(
      [
        ['re', 0.8],
        ['b', 0.2],
      ],
      're',
    );
    mass.step(
      [
        ['view', 0.75],
        ['ply', 0.25],
      ],
      'view',
    );
    const probabilities = mass.probabilities();
    expect(probabilities?.review).toBeCloseTo(0.6);
    expect(probabilities?.reply).toBeCloseTo(0.2);
    expect(probabilities?.build).toBeCloseTo(0.2);
  });

  test('white space and quotes in one token with the name are no matter', () => {
    const mass = new RouteMass(routes);
    for (const text of ['{', '\n', '"decision"', ' :']) mass.step([[text, 1]], text);
    mass.step(
      [
        [' "bu', 0.5],
        [' "', 0.5],
      ],
      ' "bu',
    );
    expect(mass.probabilities()?.build).toBe(1);
  });

  test('nothing written, nothing known', () => {
    expect(new RouteMass(routes).probabilities()).toBeNull();
  });

  test('a name that is the beginning of another is told by its end', () => {
    const mass = new RouteMass(['build', 'builder']);
    mass.step([['{"decision": "build', 1]], '{"decision": "build');
    expect(mass.decided).toBe(false);
    mass.step(
      [
        ['"', 0.9],
        ['er', 0.1],
      ],
      '"',
    );
    expect(mass.probabilities()).toEqual({ build: 0.9, builder: 0.1 });
  });
});

describe('an engine that is opened when it is needed', () => {
  const rules = createRulesEngine(['answer', 'build']);

  test('is opened once', async () => {
    let opened = 0;
    const engine = createLazyEngine(
      'embedded',
      () => {
        opened += 1;
        return Promise.resolve(saying({ build: 1 }));
      },
      rules,
      () => undefined,
    );
    expect(engine.name).toBe('embedded');
    expect(opened).toBe(0);
    await Promise.all([engine.ready(), engine.weigh('x', [], signal), engine.weigh('y', [], signal)]);
    expect(opened).toBe(1);
    expect(engine.problem).toBeNull();
    await engine.close();
  });

  test('gives way to the rules when it cannot be, and says why, once', async () => {
    const said: string[] = [];
    const open = () => Promise.reject(new Error('there is no file router.gguf'));
    const engine = createLazyEngine('embedded', open, rules, (problem) => said.push(problem));
    expect((await engine.weigh('Write a function', [], signal)).reason).toBe('it asks for code');
    expect((await engine.weigh('Write a function', [], signal)).reason).toBe('it asks for code');
    expect(engine.name).toBe('rules');
    expect(engine.problem).toBe('there is no file router.gguf');
    expect(said).toEqual(['there is no file router.gguf']);
  });

  test('that was never needed is not opened to be closed', async () => {
    const open = () => Promise.reject(new Error('not to be opened'));
    await createLazyEngine('embedded', open, rules, () => undefined).close();
  });
});
