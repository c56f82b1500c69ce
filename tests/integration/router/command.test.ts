/** `mesh router` and what `mesh doctor` says of it, as a person meets them: real processes, small models, no mesh up. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { freePort } from '../../support/nats-server.ts';
import { brokenModel, writeTinyModel } from '../../support/tiny-gguf.ts';

let folder = '';
let port = 0;
let model = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-router-command-'));
  port = await freePort();
  model = writeTinyModel(join(folder, 'router.gguf'), {
    router: { routes: { answer: 0, build: 20, direct: 0, review: 0, tool: 0 } },
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function mesh(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [join(projectRoot, 'cli', 'main.ts'), ...args], {
    env: {
      ...{ PATH: process.env.PATH, HOME: folder, MESH_HOME: folder, MESH_NATS_PORT: String(port), NO_COLOR: '1' },
      ...{ ROUTER_MODEL_PATH: model, ROUTER_TIMEOUT_MS: '20000', ...env },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...text };
}

async function firstLine(stream: Readable, fits: (line: string) => boolean): Promise<string> {
  for await (const line of createInterface({ input: stream })) if (fits(line)) return line;
  throw new Error('it ended without the line');
}

const samples = (text: string): string => {
  const path = join(folder, `samples-${Math.abs(text.length)}.tsv`);
  writeFileSync(path, text);
  return path;
};

describe('one decision', () => {
  test('is explained: the route, each probability, reason and engine', async () => {
    const { code, out } = await mesh(['router', 'Write a debounce function']);
    expect(code).toBe(0);
    expect(out).toMatch(/^build {1,2}\d+ %, the threshold is 94 %/);
    expect(out).toMatch(/→ build +█+.* \d+\.\d % +retriever → coder → reviewer/);
    for (const other of ['answer', 'direct', 'review', 'tool']) expect(out).toContain(other);
    expect(out).toMatch(/why +the router model says so/);
    expect(out).toMatch(/engine +embedded, [\d.]+ ms/);
  });

  test('as JSON', async () => {
    const { out } = await mesh(['router', 'hi', '--json']);
    expect(JSON.parse(out)).toMatchObject({ decision: { decision: 'build', engine: 'embedded' }, problem: null });
  });

  test('without a query is a usage error', async () => {
    const { code, err } = await mesh(['router']);
    expect([code, err.trim()]).toEqual([2, 'mesh: a query is needed; see `mesh router -h`']);
  });
});

describe('the router service as a process of its own', () => {
  test('is used by one setting, decides the same, and ends in order', async () => {
    const servicePort = await freePort();
    const child = spawn(process.execPath, [join(projectRoot, 'services', 'main.ts'), 'router'], {
      env: {
        ...{ PATH: process.env.PATH, HOME: folder, MESH_HOME: folder, ROUTER_MODEL_PATH: model },
        ROUTER_SERVICE_PORT: String(servicePort),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const gone = once(child, 'exit');
    try {
      await firstLine(child.stdout, (line) => line.includes('"msg":"ready"'));
      const ask = async (env: Record<string, string>) => {
        const { out } = await mesh(['router', 'Hello there', '--json'], env);
        return (JSON.parse(out) as { decision: { engine: string; decision: string; probabilities: object } }).decision;
      };
      const [here, there] = [await ask({}), await ask({ ROUTER_URL: `grpc://127.0.0.1:${servicePort}` })];
      expect([here.engine, there.engine]).toEqual(['embedded', 'remote']);
      expect(there.probabilities).toEqual(here.probabilities);
    } finally {
      child.kill('SIGTERM');
    }
    expect(await gone).toEqual([0, null]);
  });
});

describe('many', () => {
  test('have the figures that were promised', async () => {
    const path = samples('build\tWrite it\nbuild\tMake it\nanswer\tWhy is it?\n');
    const { code, out } = await mesh(['router', 'eval', '--file', path, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ...{ n: 3, accuracy: 0.6667, fallbacks: 0, engine: 'embedded' },
      perClass: { build: { n: 2, recall: 1, precision: 0.6667 }, answer: { n: 1, recall: 0, precision: null } },
      confusion: { build: { build: 2 }, answer: { build: 1 } },
      ...{ ece: expect.any(Number), p50_ms: expect.any(Number), p95_ms: expect.any(Number) },
    });
  });

  test('are compared with what was recorded: each change is named, and a drop is an error', async () => {
    const baseline = join(folder, 'baseline.json');
    const before = samples('build\tWrite it down\nbuild\tMake it so\n');
    expect((await mesh(['router', 'eval', '--file', before, '--baseline', baseline, '--record'])).code).toBe(0);
    expect((await mesh(['router', 'eval', '--file', before, '--baseline', baseline])).code).toBe(0);
    const record = JSON.parse(readFileSync(baseline, 'utf8')) as { accuracy: number; decisions: object };
    expect(record).toMatchObject({ accuracy: 1, engine: 'embedded' });
    const other = writeTinyModel(join(folder, 'other.gguf'), {
      router: { routes: { answer: 20, build: 0, direct: 0, review: 0, tool: 0 } },
    });
    const { code, out } = await mesh(['router', 'eval', '--file', before, '--baseline', baseline], {
      ROUTER_MODEL_PATH: other,
    });
    expect(code).toBe(1);
    expect(out).toContain('Against the baseline: 100.0 % → 0.0 %, accuracy dropped');
    expect(out).toMatch(/worse +build +→ answer +\(label build\): Write it down/);
  });

  test.each([
    ['no tab', 'build Write it\n', 'line 1: there is no tab'],
    ['a route that is none', 'build\tx\npoem\ty\n', 'line 2: "poem" is no route; routes are answer, build'],
  ])('bad lines are named by number: %s', async (_what, text, said) => {
    const { code, err } = await mesh(['router', 'eval', '--file', samples(text)]);
    expect(code).toBe(2);
    expect(err).toContain(said);
  });

  test('a file that is not there', async () => {
    const { code, err } = await mesh(['router', 'eval', '--file', join(folder, 'nothing.tsv')]);
    expect(code).toBe(2);
    expect(err).toContain('cannot be read: there is no such file or folder');
  });
});

describe('a setting', () => {
  test.each([
    [['router', 'set', 'threshold', '1.5'], 'ROUTER_CONFIDENCE_THRESHOLD=1.5'],
    [['router', 'set', 'threshold', 'high'], 'ROUTER_CONFIDENCE_THRESHOLD=high'],
    [['router', 'set', 'colour', '1'], 'there is no live setting colour; there are threshold, timeout'],
  ])('%s is refused', async (args, said) => {
    const { code, err } = await mesh(args);
    expect(code).toBe(2);
    expect(err).toContain(said);
  });
});

describe('mesh doctor', () => {
  const routerCheck = async (env: Record<string, string>) => {
    const { out } = await mesh(['doctor', '--json'], env);
    const { checks } = JSON.parse(out) as { checks: { name: string; status: string; text: string }[] };
    return checks.find(({ name }) => name === 'router');
  };

  test('a router that decides', async () => {
    expect(await routerCheck({})).toMatchObject({
      status: 'ok',
      text: expect.stringMatching(/^embedded, .*router\.gguf, [\d.]+ ms/),
    });
  });

  test('a model that is missing, or corrupt: rules decide, and it says so', async () => {
    const missing = await routerCheck({ ROUTER_MODEL_PATH: join(folder, 'none.gguf') });
    expect(missing).toMatchObject({
      status: 'warn',
      text: expect.stringMatching(/there is no file .*none\.gguf.*; rules decide$/),
    });
    const corrupt = await routerCheck({ ROUTER_MODEL_PATH: brokenModel.truncated(join(folder, 'cut.gguf')) });
    expect(corrupt).toMatchObject({
      status: 'warn',
      text: expect.stringMatching(/fetch the model again; rules decide$/),
    });
  });

  test('a service that does not answer', async () => {
    const away = await routerCheck({ ROUTER_URL: 'grpc://127.0.0.1:1' });
    expect(away).toMatchObject({
      status: 'warn',
      text: expect.stringContaining('the router service at 127.0.0.1:1 failed'),
    });
  });
});
