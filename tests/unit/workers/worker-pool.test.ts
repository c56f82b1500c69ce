/** Work that hangs, crashes or babbles never hangs its caller, and takes no place from others for long (S8, S9). */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, constants, getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { idleLauncher } from '../../../worker-pool/priority.ts';
import { createWorkerPool, type WorkerPool, type WorkerPoolOptions } from '../../../worker-pool/worker-pool.ts';

const SERVE = new URL('../../../worker-pool/serve.ts', import.meta.url).href;
const SCRIPT = `
import { existsSync } from 'node:fs';
import { serve } from ${JSON.stringify(SERVE)};
let asked = 0;
const spin = (ms) => { for (const end = performance.now() + ms; performance.now() < end; ); };
const usedMs = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
const work = (ms) => { for (const end = usedMs() + ms; usedMs() < end; ); };
serve({
  prepare(request) { if (request.startsWith('prepare')) spin(Number(request.split(' ')[1])); },
  run(request) {
    asked += 1;
    if (request.startsWith('spin')) spin(Number(request.split(' ')[1]));
    if (request.startsWith('work')) work(Number(request.split(' ')[1]));
    if (request.startsWith('until')) while (!existsSync(request.slice(6)));
    if (request.startsWith('hang')) for (;;) {}
    if (request === 'throw') throw new Error('broken');
    if (request === 'exit') process.exit(3);
    if (request === 'memory') { const all = []; for (;;) all.push(new Array(100000).fill({})); }
    return request === 'babble' ? 42 : request === 'asked' ? 'asked ' + asked : 'got ' + request;
  },
});
`;

let folder: string;
let script: URL;
const pools: WorkerPool<string, string>[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pool-'));
  script = pathToFileURL(join(folder, 'worker.mjs'));
  await writeFile(script, SCRIPT);
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});
afterAll(() => rm(folder, { recursive: true }));

function open(options: Partial<WorkerPoolOptions<string>> = {}): WorkerPool<string, string> {
  const pool = createWorkerPool<string, string>({
    ...{ script, workMsMax: 1000, heapMbMax: 64 },
    parse(message) {
      if (typeof message !== 'string') throw new TypeError('not a text');
      return message;
    },
    ...options,
  });
  pools.push(pool);
  return pool;
}

/** Threads of this process, or its children. */
function numbersOf(kind: 'thread' | 'process'): number[] {
  const threads = readdirSync('/proc/self/task').map(Number);
  const children = threads.flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return kind === 'thread' ? threads : children;
}

function prioritiesOf(kind: 'thread' | 'process'): number[] {
  return numbersOf(kind).map((number) => getPriority(number));
}

/** How many have the policy of what runs when nobody else wants to (SCHED_IDLE, 5; field 41 of proc(5)'s stat). */
function idleOnes(kind: 'thread' | 'process'): number {
  const policyOf = (number: number) =>
    readFileSync(`/proc/${number}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[38];
  return numbersOf(kind).filter((number) => policyOf(number) === '5').length;
}

describe.each(['thread', 'process'] as const)('workers that are each a %s', (kind) => {
  test('answer, and the one that answered is kept', async () => {
    const pool = open({ kind, workersMax: 1 });
    expect(await Promise.all(['a', 'b', 'c'].map((request) => pool.ask(request)))).toEqual(['got a', 'got b', 'got c']);
    expect(await pool.ask('asked')).toBe('asked 4');
  });

  test.runIf(process.platform === 'linux')(
    'one that takes long lets others go first; the next request has another',
    async () => {
      const pool = open({ kind, workersMax: 1, quickMs: 50, workMsMax: 60_000 });
      const low = (): number =>
        prioritiesOf(kind).filter((niceness) => niceness === constants.priority.PRIORITY_LOW).length;
      const before = low();
      const seen = join(folder, `seen-${kind}`);
      const long = pool.ask(`until ${seen}`);
      await expect.poll(low, { interval: 20, timeout: 60_000 }).toBe(before + 1);
      // And as what gives way at once, where the system has the command for it.
      if (idleLauncher() !== null)
        await expect.poll(() => idleOnes(kind), { interval: 20, timeout: 60_000 }).toBeGreaterThan(0);
      await writeFile(seen, '');
      expect(await long).toBe(`got until ${seen}`);
      expect(await pool.ask('asked')).toBe('asked 1');
      await expect.poll(low, { interval: 20, timeout: 60_000 }).toBe(before);
    },
    180_000,
  );

  test.each([
    ['hang', 'timeout'],
    ['throw', 'crashed'],
    ['exit', 'crashed'],
    ['babble', 'crashed'],
    ['memory', 'crashed'],
  ])('%s ends with %s, the next request is answered, by one that knows nothing of it', async (request, code) => {
    const pool = open({ kind, workersMax: 1, workMsMax: request === 'memory' ? 30_000 : 1000, quickMs: 60_000 });
    const failing = pool.ask(request);
    const next = pool.ask('next');
    await expect(failing).rejects.toMatchObject({ name: 'WorkerError', code });
    expect(await next).toBe('got next');
    expect(await pool.ask('asked')).toBe('asked 2');
    await expect(pool.ask(request)).rejects.toMatchObject({
      code,
      message: expect.stringContaining('not tried again'),
    });
    // The same one as before: it was not tried, which would have ended it.
    expect(await pool.ask('asked')).toBe('asked 3');
  });
});

describe('a worker pool', () => {
  test('an abort ends a busy worker with its reason, and takes one that waits out of its line', async () => {
    const pool = open({ workersMax: 1, quickMs: 60_000 });
    const controller = new AbortController();
    const asked = [pool.ask('hang', { signal: controller.signal }), pool.ask('b', { signal: controller.signal })];
    controller.abort(new Error('stop'));
    for (const one of asked) await expect(one).rejects.toThrow('stop');
    expect(pool.waiting).toBe(0);
    expect(await pool.ask('next')).toBe('got next');
  });

  test('what a worker needs to be ready is no part of the time of a request, and is told as a wait', async () => {
    const told: (number | null)[] = [];
    const waits = (ahead: number | null) => void told.push(ahead);
    expect(await open({ workMsMax: 300 }).ask('prepare 1500', { waits })).toBe('got prepare 1500');
    expect(told).toEqual([0, null]);
  });

  test('time in which this process stands still is no part of it either', async () => {
    const pool = open({ workMsMax: 800 });
    await pool.ask('warm');
    const asked = pool.ask('spin 400');
    const still = performance.now() + 2500;
    setTimeout(() => {
      while (performance.now() < still);
    }, 50);
    expect(await asked).toBe('got spin 400');
  });

  test('requests that hang take no place from the others: each of those waits a quick turn at most', async () => {
    const pool = open({ workMsMax: 60_000, quickMs: 150 });
    await Promise.all(['a', 'b'].map((request) => pool.ask(request)));
    const controller = new AbortController();
    const { signal } = controller;
    const hanging = [1, 2, 3, 4, 5].map((n) => pool.ask(`hang ${n}`, { signal, task: `hostile ${n}` }));
    const ends = Promise.allSettled(hanging);
    const began = performance.now();
    for (let n = 0; n < 5; n += 1) expect(await pool.ask(`c${n}`, { task: 'own' })).toBe(`got c${n}`);
    expect(performance.now() - began).toBeLessThan(10_000);
    controller.abort(new Error('stop'));
    await ends;
    expect([pool.running, pool.waiting]).toEqual([0, 0]);
  });

  test('those that hang end at their limit, one after the other', async () => {
    const pool = open({ workMsMax: 400, quickMs: 100, workersMax: 1 });
    const ends = await Promise.allSettled([1, 2, 3].map((n) => pool.ask(`hang ${n}`)));
    expect(ends.map((end) => end.status === 'rejected' && end.reason.code)).toEqual(['timeout', 'timeout', 'timeout']);
  });

  test('tasks take turns', async () => {
    const pool = open({ workersMax: 1, quickMs: 60_000 });
    const order: string[] = [];
    const asked = (task: string, request: string) =>
      pool.ask(request, { task }).then((reply) => void order.push(reply.slice(4)));
    await Promise.all([
      ...['a1', 'a2', 'a3', 'a4'].map((request) => asked('a', request)),
      ...['b1', 'b2'].map((request) => asked('b', request)),
    ]);
    expect(order).toEqual(['a1', 'a2', 'b1', 'a3', 'b2', 'a4']);
  });

  test('short requests come before long ones, of which every fourth turn is', async () => {
    const pool = open({ workersMax: 1, quickMs: 60_000 });
    const order: string[] = [];
    const long = 'x'.repeat(5000);
    const asked = (request: string) => pool.ask(request).then((reply) => void order.push(reply.slice(4, 6)));
    await Promise.all(['s0', `l1${long}`, `l2${long}`, 's1', 's2', 's3', 's4', 's5'].map(asked));
    expect(order).toEqual(['s0', 's1', 's2', 's3', 'l1', 's4', 's5', 'l2']);
  });

  test('however many long ones are at work, a short one has a place, and the worker that has served', async () => {
    const pool = open({ workersMax: 1, shortMax: 1, quickMs: 60_000, workMsMax: 60_000 });
    expect(await pool.ask('asked')).toBe('asked 1');
    const controller = new AbortController();
    const { signal } = controller;
    const hanging = [1, 2, 3].map((n) => pool.ask(`hang ${n} ${'x'.repeat(5000)}`, { signal, task: String(n) }));
    const ends = Promise.allSettled(hanging);
    expect(await pool.ask('asked', { task: 'own' })).toBe('asked 2');
    controller.abort(new Error('stop'));
    await ends;
  });

  test('one that stands by is there when another is at work for long', async () => {
    const pool = open({ workersMax: 2, quickMs: 60_000, workMsMax: 60_000, standsBy: true });
    expect(await pool.ask('a')).toBe('got a');
    const controller = new AbortController();
    const hanging = pool.ask('hang', { signal: controller.signal });
    const end = expect(hanging).rejects.toThrow('stop');
    expect(await pool.ask('asked')).toBe('asked 1');
    controller.abort(new Error('stop'));
    await end;
  });

  test.runIf(process.platform === 'linux')('nor is time in which its worker waits for a processor', async () => {
    const pool = open({ kind: 'process', workersMax: 1, workMsMax: 1000, quickMs: 60_000 });
    await pool.ask('warm');
    const goFirst = ['-e', "process.stdout.write('.'); for (;;);"];
    const others = Array.from({ length: availableParallelism() }, () => spawn(process.execPath, goFirst));
    try {
      await Promise.all(others.map(({ stdout }) => once(stdout, 'data')));
      const told: (number | null)[] = [];
      const asked = pool.ask('work 300', { waits: (ahead) => void told.push(ahead) });
      // As long as the others work, it gets a hundredth of a processor.
      await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 1600))]);
      for (const other of others) other.kill('SIGKILL');
      expect(await asked).toBe('got work 300');
      // Nor of what limits it from outside: it is told that it waits, and each time that it goes on.
      expect(told).toEqual(told.map((_one, at) => (at % 2 === 0 ? 0 : null)));
      expect(told.length % 2).toBe(0);
    } finally {
      for (const other of others) other.kill('SIGKILL');
    }
  });

  test('more than may wait are refused at once', async () => {
    const pool = open({ workersMax: 1, waitingMax: 1 });
    const first = pool.ask('a');
    const second = pool.ask('b');
    await expect(pool.ask('c')).rejects.toMatchObject({ code: 'busy' });
    expect(await Promise.all([first, second])).toEqual(['got a', 'got b']);
  });
});

test.each(['thread', 'process'])('whoever waits for the end of an idle %s lives to see it', async (kind) => {
  const pool = new URL('../../../worker-pool/worker-pool.ts', import.meta.url).href;
  const program = `
    import { createWorkerPool } from ${JSON.stringify(pool)};
    const script = new URL(${JSON.stringify(script.href)});
    const pool = createWorkerPool({ script, kind: ${JSON.stringify(kind)}, workMsMax: 60_000, parse: String });
    await pool.ask('it');
    await pool.close();
    process.stdout.write('closed');
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  expect(stdout).toBe('closed');
});
