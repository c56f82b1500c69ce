import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv, promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot, readSettings } from '../../../config/settings.ts';
import { readCallers } from '../../../gateway/core/callers-file.ts';

const exec = promisify(execFile);
const ADDRESS = 'http://127.0.0.1:7445';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-callers-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const read = (name: string): string => readFileSync(at(name), 'utf8');
const unlogged = { info: () => undefined, error: () => undefined };
const who = (token: string) => {
  const callers = readCallers(at('callers.json'), unlogged);
  callers.close();
  return callers.identify({ authorization: `Bearer ${token}` });
};

async function node(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: unknown; said: string }> {
  try {
    const { stdout } = await exec(process.execPath, args, { cwd: projectRoot, env: { ...process.env, ...env } });
    return { code: 0, said: stdout };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'stderr' in error)) throw error;
    return { code: error.code, said: String(error.stderr) };
  }
}

const setUp = (...args: string[]) =>
  node(['containers/make-caller.ts', ...(args.length === 0 ? [folder, ADDRESS] : args)]);
const tokens = () => {
  const settings = readSettings(parseEnv(read('dashboard.env')));
  return { shown: settings.MESH_DASHBOARD_TOKEN ?? '', caller: settings.MESH_DASHBOARD_CALLER_TOKEN ?? '' };
};

describe('the first callers of a gateway in a container', () => {
  it('are the owner and the dashboard, each with a token of its own that the gateway knows', async () => {
    const { said } = await setUp();
    const { shown, caller } = tokens();
    expect(who(read('token').trim())).toEqual({ name: 'owner', role: 'admin' });
    expect(who(caller)).toEqual({ name: 'mesh-dashboard', role: 'admin' });
    // Whoever has the link opens pages; it is no token of the gateway.
    expect(() => who(shown)).toThrow('not known');
    expect(read('dashboard-link')).toBe(`${ADDRESS}/?token=${shown}\n`);
    for (const secret of ['token', 'dashboard.env', 'dashboard-link'])
      expect(statSync(at(secret)).mode & 0o777, secret).toBe(0o600);
    expect(said).toContain(`docker compose exec dashboard cat ${at('dashboard-link')}`);
    for (const secret of [read('token').trim(), shown, caller]) expect(said).not.toContain(secret);
  });

  it('stay as they are at the next start, those that were taken away as well', async () => {
    await setUp();
    const kept = ['token', 'dashboard.env', 'dashboard-link'].map(read);
    const { caller } = tokens();
    const owner = JSON.parse(read('callers.json')).callers.slice(0, 1);
    writeFileSync(at('callers.json'), JSON.stringify({ callers: owner }));
    await setUp();
    expect(['token', 'dashboard.env', 'dashboard-link'].map(read)).toEqual(kept);
    expect(() => who(caller)).toThrow('not known');
  });

  it('the dashboard is added to callers that are there, once, also after a run that was cut off', async () => {
    await setUp();
    const [owner, old] = JSON.parse(read('callers.json')).callers;
    const own = { name: 'dashboard', role: 'observer', tokenSha256: 'a'.repeat(64) };
    writeFileSync(at('callers.json'), JSON.stringify({ callers: [owner, own, old] }));
    rmSync(at('dashboard.env'));
    await setUp();
    const { callers } = JSON.parse(read('callers.json'));
    expect(callers).toHaveLength(3);
    expect(callers.slice(0, 2)).toEqual([owner, own]);
    expect(who(tokens().caller).name).toBe('mesh-dashboard');
    expect(read('dashboard-link')).toContain(tokens().shown);
  });

  it('a broken file of callers, or a wrong call, is a sentence and changes nothing', async () => {
    writeFileSync(at('callers.json'), '{"callers": [');
    expect(await setUp()).toEqual({ code: 2, said: expect.stringContaining('is no file of callers') });
    expect(read('callers.json')).toBe('{"callers": [');
    for (const args of [[], [folder], [folder, '7445']])
      expect(await node(['containers/make-caller.ts', ...args])).toEqual({
        code: 2,
        said: expect.stringContaining('usage:'),
      });
  });
});

describe('the settings of one service alone', () => {
  const start = (env: NodeJS.ProcessEnv = {}) =>
    node(['containers/start.ts', 'dashboard', at('dashboard.env')], { MESH_DASHBOARD_PORT: undefined, ...env });

  it('are read from its file, and what the container was given is stronger', async () => {
    writeFileSync(at('dashboard.env'), 'MESH_DASHBOARD_PORT=of-the-file\n');
    expect(await start()).toEqual({ code: 2, said: expect.stringContaining('MESH_DASHBOARD_PORT=of-the-file: ') });
    expect(await start({ MESH_DASHBOARD_PORT: 'given' })).toEqual({
      code: 2,
      said: expect.stringContaining('MESH_DASHBOARD_PORT=given: '),
    });
  });

  it('a file that is not there is told with what makes it', async () => {
    expect(await start()).toEqual({ code: 2, said: expect.stringContaining('docker compose run --rm setup') });
  });
});
