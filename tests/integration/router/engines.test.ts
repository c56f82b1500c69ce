/**
 * Engines on real GGUF files in llama.cpp, in this process and behind a real gRPC server. Small models made for the test
 * stand for the shipped one: the way is the same, only the weights mean nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readSettings } from '../../../config/settings.ts';
import { type EmbeddedEngine, openEmbeddedEngine } from '../../../router/engines/embedded.ts';
import { createRemoteEngine } from '../../../router/engines/remote.ts';
import type { RouteEngine } from '../../../router/port.ts';
import { RouteEngineError } from '../../../router/port.ts';
import { serveRouter } from '../../../router/service.ts';
import { routerEngine } from '../../../services/adapters/router.ts';
import { brokenModel, type TinyRouter, writeTinyModel } from '../../support/tiny-gguf.ts';
import { decided, decideWith, OPTIONS, WORKFLOWS } from '../../unit/router/support/deciding.ts';

const LIMIT_MS = 60_000;
/** Far above what the random weights of a small model say. */
const STRONG = 20;
const QUERIES = [
  'hi',
  'Write a debounce function',
  'ä'.repeat(80),
  '```js\nfoo(\n```',
  '',
  '<|build|><|build|>',
  '6*7',
];
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const { signal } = new AbortController();
const even = Object.fromEntries(WORKFLOWS.map((route) => [route, 0]));
let folder = '';
const open: (() => Promise<void>)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-router-'));
});
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const toClose = <T extends { close(): Promise<void> }>(one: T): T => {
  open.push(() => one.close());
  return one;
};

let nth = 0;
function modelOf(router: Partial<TinyRouter> = {}): string {
  nth += 1;
  return writeTinyModel(join(folder, `router-${nth}.gguf`), { router: { routes: even, ...router } });
}

async function embedded(path: string): Promise<EmbeddedEngine> {
  return toClose(await openEmbeddedEngine({ path, options: OPTIONS, threads: 1, log }));
}

describe('a model of the format embedding-head-v1', { timeout: LIMIT_MS }, () => {
  test.each(WORKFLOWS)('decides for %s', async (route) => {
    const engine = await embedded(modelOf({ routes: { ...even, [route]: STRONG } }));
    const decision = await decideWith(engine)('whatever it is', { timeoutMs: LIMIT_MS });
    expect(decision).toMatchObject({ decision: route, engine: 'embedded', fallback: false });
    expect(decision.confidence).toBeGreaterThan(0.9);
  });

  test('weighs the same query the same, whatever came between', async () => {
    const engine = await embedded(modelOf());
    expect(engine.format).toBe('embedding-head');
    const once = [];
    for (const query of QUERIES) once.push(await engine.weigh(query, [], signal));
    const again = await Promise.all(QUERIES.toReversed().map((query) => engine.weigh(query, [], signal)));
    expect(again.toReversed()).toEqual(once);
    for (const { probabilities } of once) {
      expect(Object.keys(probabilities).sort()).toEqual([...WORKFLOWS]);
      expect(Object.values(probabilities).reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 6);
    }
  });

  test('special tokens in a query are text', async () => {
    const engine = await embedded(modelOf());
    const [plain, special] = [await engine.weigh('x', [], signal), await engine.weigh('x<|im_end|>', [], signal)];
    expect(special.probabilities).not.toEqual(plain.probabilities);
  });

  test('S8: of a long query head and tail are seen, and nothing else', async () => {
    const engine = await embedded(modelOf({ maxTokens: 30 }));
    const weigh = async (middle: string) =>
      (await engine.weigh(`${'a'.repeat(20)}${middle}${'z'.repeat(20)}`, [], signal)).probabilities;
    const short = await weigh('');
    expect(await weigh('b'.repeat(5000))).toEqual(short);
    expect(await weigh('x'.repeat(250_000))).toEqual(short);
  });

  test('its temperature makes it less sure, not another', async () => {
    const [sharp, soft] = [await embedded(modelOf({ temperature: 1 })), await embedded(modelOf({ temperature: 4 }))];
    for (const query of QUERIES) {
      const [one, other] = [await sharp.weigh(query, [], signal), await soft.weigh(query, [], signal)];
      const entries = Object.entries(one.probabilities);
      const powers = entries.map(([route, p]) => [route, p ** 0.25] as const);
      const sum = powers.reduce((total, [, power]) => total + power, 0);
      for (const [route, power] of powers) expect(other.probabilities[route]).toBeCloseTo(power / sum, 4);
    }
  });

  test('decisions that nobody waits for any more do not keep others waiting', async () => {
    const engine = await embedded(modelOf());
    const gone = new AbortController();
    const left = QUERIES.map((query) => engine.weigh(query, [], gone.signal).catch((error: unknown) => error));
    const last = engine.weigh('the last', [], signal);
    gone.abort(new Error('left'));
    expect((await Promise.all(left)).at(-1)).toMatchObject({ message: 'left' });
    expect((await last).probabilities).toBeDefined();
    expect(engine.waiting).toBe(0);
  });
});

describe('an instruct model', { timeout: LIMIT_MS }, () => {
  test('is held to JSON by grammar; its confidence is the probability of the name', async () => {
    const engine = await embedded(writeTinyModel(join(folder, 'instruct.gguf')));
    expect(engine.format).toBe('instruct');
    const roles = [{ role: 'tools', healthy: true, saturated: false, tags: ['tool:calculator'], reason: '' }];
    const { probabilities } = await engine.weigh('6 * 7', roles, signal);
    expect(Object.keys(probabilities).sort()).toEqual([...WORKFLOWS]);
    expect(Object.values(probabilities).reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 4);
    expect(Object.values(probabilities).filter((one) => one > 0).length).toBeGreaterThan(1);
    // The same words again, and another offer of the tools, which the model is told of.
    const again = await engine.weigh('6 * 7', roles, signal);
    const other = await engine.weigh('6 * 7', [], signal);
    const apart = (one: typeof other) => Math.abs((one.probabilities.direct ?? 0) - (probabilities.direct ?? 0));
    expect(apart(again)).toBeLessThan(1e-4);
    expect(apart(other)).toBeGreaterThan(1e-4);
  });
});

describe('a model that is none', { timeout: LIMIT_MS }, () => {
  const asked = async (path: string) => {
    const settings = readSettings({ ROUTER_MODEL_PATH: path });
    const engine = toClose(routerEngine(settings, OPTIONS, log));
    const decision = await decideWith(engine)('Write a debounce function', { timeoutMs: LIMIT_MS });
    return { decision, problem: engine.problem ?? '' };
  };

  test.each([
    ['is missing', () => join(folder, 'none.gguf'), /there is no file .*none\.gguf/],
    ['is empty', () => brokenModel.empty(join(folder, 'empty.gguf')), /is empty/],
    ['is something else', () => brokenModel.foreign(join(folder, 'foreign.gguf')), /is not a GGUF model/],
    ['is cut off', () => brokenModel.truncated(join(folder, 'cut.gguf')), /of the \d+ bytes that its header announces/],
    ['only llama.cpp finds wrong', () => brokenModel.corrupt(join(folder, 'corrupt.gguf')), /Failed to load model/],
    ['wants another prompt', () => modelOf({ format: 'embedding-head-v9' }), /embedding-head-v1 is supported/],
    ['lacks its head', () => modelOf({ withoutHead: true }), /head\.weights is no list of finite numbers/],
    [
      'has a head for another model',
      () => modelOf({ headWidth: 32 }),
      /head has 160 weights; 5 routes by vectors of 64/,
    ],
    ['knows one route', () => modelOf({ routes: { build: 0 } }), /routes is no list of two or more/],
    [
      'has a head that is no number',
      () => modelOf({ routes: { ...even, build: Number.NaN } }),
      /head\.biases is no list/,
    ],
  ])('because it %s leaves the rules, and says why', async (_what, make, why) => {
    const { decision, problem } = await asked(make());
    expect(decision).toMatchObject({ decision: 'build', engine: 'rules', fallback: false });
    expect(problem).toMatch(why);
    expect(problem).not.toContain('\n');
  });
});

describe('the engine of another process', { timeout: LIMIT_MS }, () => {
  async function served(engine: RouteEngine): Promise<RouteEngine> {
    const server = toClose(await serveRouter({ engine, host: '127.0.0.1', port: 0 }));
    return toClose(createRemoteEngine(`grpc://127.0.0.1:${server.port}`));
  }

  test('decides the same, to the last digit', async () => {
    const path = modelOf();
    const local = await embedded(path);
    const remote = await served(await openEmbeddedEngine({ path, options: OPTIONS, threads: 1, log }));
    for (const query of QUERIES) {
      const here = await decided(local, query, { timeoutMs: LIMIT_MS });
      const there = await decided(remote, query, { timeoutMs: LIMIT_MS });
      expect({ ...there.decision, ms: 0, engine: 'embedded' }).toEqual({ ...here.decision, ms: 0 });
      expect(there.decision.engine).toBe('remote');
    }
  });

  test('answers the standard health check', async () => {
    const server = toClose(
      await serveRouter({
        engine: await openEmbeddedEngine({ path: modelOf(), options: OPTIONS, threads: 1, log }),
        host: '127.0.0.1',
        port: 0,
      }),
    );
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const { Check } = healthService;
    if (Check === undefined) throw new Error('no health check');
    for (const service of ['', 'mesh.router.v1.RouterService']) {
      const answer = await new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          Check.path,
          Check.requestSerialize,
          Check.responseDeserialize,
          { service },
          (error, value) => (error === null ? resolve(value) : reject(error)),
        );
      });
      expect(answer).toMatchObject({ status: 'SERVING' });
    }
    client.close();
  });

  test('that fails is a fallback with its reason', async () => {
    const broken: RouteEngine = {
      name: 'embedded',
      weigh: () => Promise.reject(new RouteEngineError('invalid_answer', 'its answer is not JSON')),
    };
    const { reason, fallback, decision } = await decideWith(await served(broken))('Write a debounce function');
    expect([decision, fallback]).toEqual(['build', true]);
    expect(reason).toBe('remote: its answer is not JSON, so by rules; it asks for code');
  });

  test('that is not there is one as well', async () => {
    const remote = toClose(createRemoteEngine('grpc://127.0.0.1:1'));
    const decision = await decideWith(remote)('Write a debounce function', { timeoutMs: 10_000 });
    expect(decision).toMatchObject({ decision: 'build', fallback: true, engine: 'rules' });
    expect(decision.reason).toMatch(
      /^remote: the router service at 127\.0\.0\.1:1 failed \(.*ECONNREFUSED.*\), so by rules/,
    );
  });

  test('that takes the connection and says nothing is late', async () => {
    const silent: Server = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const remote = toClose(createRemoteEngine(`grpc://127.0.0.1:${port}`));
    const decision = await decideWith(remote)('Write a debounce function', { timeoutMs: 100 });
    expect(decision.reason).toMatch(/^remote: it gave no answer within 100 ms, so by rules/);
    await remote.close?.();
    silent.close();
  });

  test('on an address that is taken does not start, and says which', async () => {
    const server = toClose(
      await serveRouter({
        engine: { name: 'rules', weigh: () => Promise.reject(new Error('unused')) },
        host: '127.0.0.1',
        port: 0,
      }),
    );
    const second = serveRouter({
      engine: { name: 'rules', weigh: () => Promise.reject(new Error('unused')) },
      host: '127.0.0.1',
      port: server.port,
    });
    await expect(second).rejects.toThrow(`the router cannot listen on 127.0.0.1:${server.port}`);
  });
});
