/** The thread behind checks and repairs: a worker that hangs, crashes or babbles never hangs its caller (S8). */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkerLane, type WorkerLane } from '../../../actors/roles/reviewer/checks/worker-lane.ts';

const WORKER = `
import { parentPort } from 'node:worker_threads';
parentPort.on('message', (request) => {
  if (request === 'hang') for (;;) {}
  if (request === 'throw') throw new Error('broken');
  if (request === 'exit') process.exit(3);
  parentPort.postMessage(request === 'babble' ? 42 : 'got ' + request);
});
`;

let folder: string;
let lane: WorkerLane<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lane-'));
  const script = join(folder, 'worker.mjs');
  await writeFile(script, WORKER);
  lane = createWorkerLane({
    script: pathToFileURL(script),
    timeoutMs: 1000,
    parse(message) {
      if (typeof message !== 'string') throw new TypeError('not a text');
      return message;
    },
  });
});
afterAll(async () => {
  await lane.close();
  await rm(folder, { recursive: true });
});

describe('a worker lane', () => {
  test('answers in the order asked', async () => {
    expect(await Promise.all(['a', 'b', 'c'].map((request) => lane.ask(request)))).toEqual(['got a', 'got b', 'got c']);
  });

  test.each([
    ['hang', 'timeout'],
    ['throw', 'crashed'],
    ['exit', 'crashed'],
    ['babble', 'crashed'],
  ])('%s ends with %s and the next request is answered', async (request, code) => {
    const failing = lane.ask(request);
    const next = lane.ask('next');
    await expect(failing).rejects.toMatchObject({ name: 'LaneError', code });
    expect(await next).toBe('got next');
  });

  test('an abort ends a busy worker with its reason', async () => {
    const controller = new AbortController();
    const hanging = lane.ask('hang', controller.signal);
    controller.abort(new Error('stop'));
    await expect(hanging).rejects.toThrow('stop');
    expect(await lane.ask('next')).toBe('got next');
  });
});
