import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identityOf, isAlive, parseStat } from '../../../cli/supervisor/process-mark.ts';
import {
  liveness,
  parseRunState,
  type RunState,
  readRunState,
  writeRunState,
} from '../../../cli/supervisor/run-state.ts';
import { readSettings } from '../../../config/settings.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mesh-run-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const state: RunState = {
  version: 1,
  state: 'ready',
  supervisor: { pid: 10, mark: 'boot/1' },
  startedAt: '2026-01-01T00:00:00.000Z',
  natsUrl: 'nats://127.0.0.1:4222',
  foreground: false,
  problem: null,
  services: [
    { name: 'nats', process: { pid: 11, mark: 'boot/2' }, state: 'ready', restarts: 0, startedAt: null, problem: null },
    {
      name: 'agents',
      process: { pid: 12, mark: 'boot/3' },
      state: 'ready',
      restarts: 1,
      startedAt: null,
      problem: null,
    },
  ],
};

describe('run.json', () => {
  it('is read back as written, and leaves no temporary file', () => {
    writeRunState(home, state);
    expect(readRunState(readSettings({ MESH_HOME: home }))).toEqual(state);
    expect(readdirSync(home)).toEqual(['run.json']);
  });

  it('is none when there is none', () => {
    expect(readRunState(readSettings({ MESH_HOME: join(home, 'no', 'such') }))).toBeNull();
  });

  it.each([[''], ['{'], ['[]'], ['{"version":2}'], [JSON.stringify({ ...state, supervisor: { pid: -1 } })]])(
    'cut off or of another release (%j) is no record',
    (text) => {
      writeFileSync(join(home, 'run.json'), text);
      expect(parseRunState(text)).toBeNull();
      expect(readRunState(readSettings({ MESH_HOME: home }))).toBeNull();
    },
  );
});

describe('whether a record is true', () => {
  it('given a living supervisor, then the mesh is up', () => {
    expect(liveness(state, (one) => one.pid === 10).kind).toBe('up');
  });

  it('given a supervisor that was killed, then its living processes are leftovers', () => {
    const now = liveness(state, (one) => one.pid === 11);
    expect(now.kind === 'leftovers' && now.processes.map((one) => one.name)).toEqual(['nats']);
  });

  it('given a machine that was restarted, then nothing is left, though the numbers are in use again', () => {
    expect(liveness(state, (one) => one.mark.startsWith('other-boot')).kind).toBe('down');
  });

  it('given a supervisor that stopped in order, then a process with its number is not it', () => {
    expect(liveness({ ...state, state: 'stopped', services: [] }, () => true).kind).toBe('down');
  });
});

describe('the mark of a process', () => {
  it('knows this process, and not another start under the same number', () => {
    const self = identityOf(process.pid);
    expect(self).not.toBeNull();
    expect(self !== null && isAlive(self)).toBe(true);
    expect(isAlive({ pid: process.pid, mark: 'earlier' })).toBe(false);
  });

  it('knows no process under a number that is not in use', () => {
    expect(identityOf(2 ** 22 + 1)).toBeNull();
  });

  it('reads a stat whose name holds brackets and spaces', () => {
    const fields = ['S', ...Array.from({ length: 18 }, (_, i) => String(i)), '4711', '0'];
    expect(parseStat(`7 (a) b (c)) ${fields.join(' ')}`)).toEqual({ state: 'S', startTicks: '4711' });
    expect(parseStat('')).toBeNull();
  });
});
