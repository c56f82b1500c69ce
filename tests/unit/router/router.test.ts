/** An engine that fails, is late or answers in another form: the task is routed all the same, and the reason is kept. */
import { describe, expect, test } from 'vitest';
import { createBreakers } from '../../../resilience/breakers.ts';
import { type RouteEngine, RouteEngineError } from '../../../router/port.ts';
import { createRouter } from '../../../router/router.ts';
import { decided, decideWith, OPTIONS, saying } from './support/deciding.ts';

const CODE = 'Write a debounce function in TypeScript';
const failing = (error: unknown): RouteEngine => ({ name: 'embedded', weigh: () => Promise.reject(error) });
const answering = (answer: unknown): RouteEngine => ({
  name: 'embedded',
  // What an engine behind a wire may send in truth.
  weigh: () => Promise.resolve(answer as Awaited<ReturnType<RouteEngine['weigh']>>),
});

describe('rules decide instead', () => {
  test('when the engine crashes', async () => {
    const decision = await decideWith(failing(new TypeError('segment gone')))(CODE);
    expect(decision).toMatchObject({ decision: 'build', fallback: true, engine: 'rules' });
    expect(decision.reason).toBe('embedded: it failed (segment gone), so by rules; it asks for code');
  });

  test('when it is late, whether or not it minds', async () => {
    const hanging: RouteEngine = { name: 'embedded', weigh: () => new Promise(() => undefined) };
    const decision = await decideWith(hanging)(CODE, { timeoutMs: 30 });
    expect(decision).toMatchObject({ decision: 'build', fallback: true });
    expect(decision.reason).toBe('embedded: it gave no answer within 30 ms, so by rules; it asks for code');
    expect(decision.ms).toBeGreaterThanOrEqual(29);
  });

  test('when it is late because others were ahead, it says so', async () => {
    const hanging: RouteEngine = { name: 'embedded', waiting: 3, weigh: () => new Promise(() => undefined) };
    expect((await decideWith(hanging)(CODE, { timeoutMs: 20 })).reason).toContain('within 20 ms (3 were ahead)');
  });

  test('the engine is told to stop', async () => {
    let told = false;
    const minding: RouteEngine = {
      name: 'embedded',
      weigh: (_query, _roles, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            told = true;
            reject(signal.reason);
          });
        }),
    };
    await decideWith(minding)(CODE, { timeoutMs: 20 });
    expect(told).toBe(true);
  });

  test.each([
    ['nothing', undefined],
    ['text', 'build'],
    ['no probabilities', { reason: 'x' }],
    ['a probability above one', { probabilities: { build: 1.4 }, reason: 'x' }],
    ['one that is no number', { probabilities: { build: 'high' }, reason: 'x' }],
    ['NaN', { probabilities: { build: Number.NaN, answer: 0.5 }, reason: 'x' }],
    ['a sum that is not one', { probabilities: { build: 0.2, answer: 0.2 }, reason: 'x' }],
    ['something more', { probabilities: { build: 1 }, reason: 'x', workflow: 'rm -rf' }],
    ['a route with a strange name', { probabilities: { '../build': 1 }, reason: 'x' }],
  ])('when its answer is %s', async (_what, answer) => {
    const decision = await decideWith(answering(answer))(CODE);
    expect(decision).toMatchObject({ decision: 'build', fallback: true, engine: 'rules' });
    expect(decision.reason).toMatch(/^embedded: its (answer|probabilities).*, so by rules; it asks for code$/);
  });

  test('when its JSON is invalid', async () => {
    const decision = await decideWith(failing(new RouteEngineError('invalid_answer', 'its answer is not JSON: "{"')))(
      CODE,
    );
    expect(decision.reason).toContain('its answer is not JSON: "{", so by rules');
  });

  test('and when no rule is sure either, the fallback', async () => {
    const decision = await decideWith(failing(new Error('gone')))('lorem ipsum');
    expect(decision).toMatchObject({ decision: 'answer', fallback: true, engine: 'rules' });
    expect(decision.reason).toMatch(/^embedded: it failed \(gone\), so by rules; no route is sure enough/);
  });

  test('while a model is loading for long', async () => {
    const loading: RouteEngine = { ...saying({ build: 1 }), ready: () => Promise.reject(new Error('no memory')) };
    expect((await decideWith(loading)(CODE)).reason).toContain('it failed (no memory)');
  });
});

describe('a circuit breaker', () => {
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

  test('opens after failures in a row; then the engine is left alone, and the reason says so', async () => {
    const breakers = createBreakers(log, { failuresMax: 2 });
    let calls = 0;
    const engine: RouteEngine = {
      name: 'embedded',
      weigh: () => {
        calls += 1;
        return Promise.reject(new RouteEngineError('unavailable', 'the library is gone'));
      },
    };
    const guard = <T>(call: () => Promise<T>) => breakers.run('router:engine', call);
    for (let nth = 0; nth < 2; nth += 1) await decided(engine, CODE, { guard });
    const { decision } = await decided(engine, CODE, { guard });
    expect(calls).toBe(2);
    expect(decision).toMatchObject({ decision: 'build', fallback: true });
    expect(decision.reason).toContain('router:engine is left alone after 2 failures (the library is gone)');
  });
});

describe('an abort', () => {
  test('of the caller is the only thing that rejects', async () => {
    const gone = new AbortController();
    const hanging: RouteEngine = { name: 'embedded', weigh: () => new Promise(() => undefined) };
    const running = decided(hanging, CODE, { signal: gone.signal });
    gone.abort(new Error('cancelled'));
    await expect(running).rejects.toThrow('cancelled');
  });
});

describe('settings', () => {
  test('are read anew at every decision', async () => {
    let threshold = 0.5;
    const router = createRouter({
      ...{ engine: saying({ build: 0.6 }), options: OPTIONS, fallback: 'answer' },
      live: () => ({ threshold, timeoutMs: 1000 }),
      health: () => [],
    });
    const { atTheStart } = await import('../../../router/port.ts');
    const ask = async () => (await router.decide('x', atTheStart, new AbortController().signal)).decision.decision;
    expect(await ask()).toBe('build');
    threshold = 0.7;
    expect(await ask()).toBe('answer');
  });

  test('a fallback that is no workflow is refused', () => {
    const live = () => ({ threshold: 0.5, timeoutMs: 1000 });
    const options = { engine: saying({}), options: OPTIONS, fallback: 'poetry', live, health: () => [] };
    expect(() => createRouter(options)).toThrow('the fallback poetry is not a workflow');
  });
});
