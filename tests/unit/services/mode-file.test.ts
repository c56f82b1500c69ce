/** The mode by a file that is exchanged as Kubernetes exchanges a mounted ConfigMap: behind a link. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import type { KeyValue } from '../../../bus/port.ts';
import { followModeFile } from '../../../services/mode-file.ts';
import { MODE_KEY } from '../../../telemetry/mode.ts';

const EVERY_MS = 5;
let folder = '';
let config: KeyValue;
let end = (): void => undefined;
const warned: string[] = [];
const log = { info: () => undefined, warn: (_: object, text = '') => void warned.push(text) };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-mode-'));
  const bus = createMemoryBus(createMemoryLog());
  await bus.ensureTopology();
  config = bus.kv('config');
  warned.length = 0;
});
afterEach(() => {
  end();
  rmSync(folder, { recursive: true, force: true });
});

let versions = 0;
/** As the kubelet does: a new folder, and the link `..data` is renamed over the old one. */
function mount(text: string): void {
  versions += 1;
  const version = join(folder, `..${versions}`);
  mkdirSync(version);
  writeFileSync(join(version, 'OBS_MODE'), text);
  symlinkSync(version, join(folder, '..new'));
  renameSync(join(folder, '..new'), join(folder, '..data'));
  if (versions === 1 || !warned.length) {
    rmSync(join(folder, 'OBS_MODE'), { force: true });
    symlinkSync(join('..data', 'OBS_MODE'), join(folder, 'OBS_MODE'));
  }
}

const follow = (): void => {
  end();
  end = followModeFile({ path: join(folder, 'OBS_MODE'), config, log, everyMs: EVERY_MS });
};
const mode = async (): Promise<string | undefined> => (await config.get(MODE_KEY))?.value;

test('a changed word switches the mesh, and a person who switches it in between is not overruled', async () => {
  mount('debug\n');
  follow();
  await expect.poll(mode).toBe('debug');
  mount('shipping');
  await expect.poll(mode).toBe('shipping');
  await config.put(MODE_KEY, 'debug');
  follow();
  // Looked at again, and left: the file has not said another word.
  mount('shipping\n');
  const { revision } = (await config.get(MODE_KEY)) ?? { revision: 0 };
  await expect.poll(async () => (await config.get('OBS_MODE_FILE'))?.value).toBe('shipping');
  expect([await mode(), (await config.get(MODE_KEY))?.revision]).toEqual(['debug', revision]);
  mount('debug');
  await expect.poll(async () => (await config.get('OBS_MODE_FILE'))?.value).toBe('debug');
  expect(await mode()).toBe('debug');
});

test('a word that is no mode, and a file that is not there, are said once and change nothing', async () => {
  mount('loud');
  follow();
  await expect.poll(() => warned).toHaveLength(1);
  expect(warned[0]).toContain('"loud" is no mode; debug and shipping are');
  rmSync(join(folder, '..data'));
  await expect.poll(() => warned).toHaveLength(2);
  expect(warned[1]).toContain('ENOENT');
  expect(await mode()).toBeUndefined();
  mount('debug');
  await expect.poll(mode).toBe('debug');
  expect(warned).toHaveLength(2);
});
