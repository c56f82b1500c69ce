/**
 * The shell file `mesh`: what it fetches and installs, with a Node and an npm that only pretend. The fake npm writes
 * down what it was asked, and makes what the real one would make.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';

let base: string;
let project: string;

const tools = [
  'sh',
  'dirname',
  'readlink',
  'cksum',
  'find',
  'cat',
  'mkdir',
  'ln',
  'rm',
  'sleep',
  'head',
  'mv',
  'chmod',
];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'mesh-file-'));
  project = join(base, 'project');
  for (const name of ['project', 'bin', 'elsewhere']) mkdirSync(join(base, name));
  for (const name of tools) symlinkSync(whereIs(name), join(base, 'bin', name));
  copyFileSync(join(projectRoot, 'mesh'), join(project, 'mesh'));
  writeFileSync(join(project, 'package-lock.json'), '{"lock": 1}');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function whereIs(name: string): string {
  const found = ['/bin', '/usr/bin'].map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`this machine has no ${name}`);
  return found;
}

function program(path: string, text: string): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

/** A node that tells a version, or what it was asked to run. */
function nodeText(version: string): string {
  return `if [ "$1" = --version ]; then echo v${version}; else echo "node ${version} ran $*"; fi`;
}

function fakeNode(version: string): void {
  program(join(base, 'bin', 'node'), nodeText(version));
}

function fakeNpm(options: { ciFails?: boolean; allFails?: boolean } = {}): void {
  const node = join(base, 'new-node');
  program(node, nodeText('24.1.0'));
  program(
    join(base, 'bin', 'npm'),
    `echo "$1 $(node --version 2>/dev/null)" >> ${base}/calls
${options.allFails ? 'echo "npm error no network" >&2; exit 1' : ''}
case "$1 $2" in
  "install --prefix") sleep 0.3; mkdir -p "$3/node_modules/.bin"; ln -s ${node} "$3/node_modules/.bin/node" ;;
  ci*) ${options.ciFails ? 'exit 1' : 'sleep 0.3; mkdir -p node_modules'} ;;
  install*) mkdir -p node_modules ;;
esac`,
  );
}

function calls(): string[] {
  return existsSync(join(base, 'calls')) ? readFileSync(join(base, 'calls'), 'utf8').trim().split('\n') : [];
}

function mesh(
  args: readonly string[],
  file = join(project, 'mesh'),
): Promise<{ code: number | null; out: string; err: string }> {
  return ended(file, args);
}

function ended(file: string, args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(file, args, { env: { PATH: join(base, 'bin') }, cwd: join(base, 'elsewhere') });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out: out.replaceAll(base, ''), err }));
  });
}

describe('the shell file', () => {
  it('makes nothing that others may write, whatever the mask, and leaves compiled code that they could have written', async () => {
    fakeNode('20.11.0');
    fakeNpm();
    const open = () => ended('/bin/sh', ['-c', `umask 000; exec ${join(project, 'mesh')} status`]);
    expect(await open()).toMatchObject({ code: 0 });
    const made = ['.mesh', '.mesh/node', '.mesh/node/node_modules', 'node_modules', 'node_modules/.mesh-installed'];
    for (const one of made) expect([one, statSync(join(project, one)).mode & 0o022]).toEqual([one, 0]);
    const cache = join(project, '.mesh', 'cache');
    const kept = async (mode: number): Promise<boolean> => {
      mkdirSync(cache, { recursive: true });
      writeFileSync(join(cache, 'compiled'), 'x');
      chmodSync(cache, mode);
      await open();
      return existsSync(join(cache, 'compiled'));
    };
    expect([await kept(0o755), await kept(0o775), await kept(0o757), await kept(0o700)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('with a Node that is new enough, installs once and hands over', async () => {
    fakeNode('22.18.0');
    fakeNpm();
    expect(await mesh(['run', 'a b'])).toMatchObject({
      code: 0,
      out: 'node 22.18.0 ran /project/cli/main.ts run a b\n',
    });
    expect(await mesh(['status'])).toMatchObject({ code: 0, err: '' });
    expect(calls()).toEqual(['ci v22.18.0']);
  });

  it('with an old Node, fetches one and gives it to npm', async () => {
    fakeNode('20.20.2');
    fakeNpm();
    const first = await mesh(['status']);
    expect(first).toMatchObject({ code: 0, out: 'node 24.1.0 ran /project/cli/main.ts status\n' });
    expect(first.err).toMatch(/^mesh: fetching Node 24 .*v20\.20\.2.*\nmesh: installing the dependencies .*\n$/);
    expect(await mesh(['status'])).toMatchObject({ code: 0, err: '' });
    expect(calls()).toEqual(['install v20.20.2', 'ci v24.1.0']);
  });

  it('two first runs at once fetch and install once, and leave no lock', async () => {
    fakeNode('20.20.2');
    fakeNpm();
    const ended = await Promise.all([mesh(['status']), mesh(['status'])]);
    expect(ended.map((one) => [one.code, one.out])).toEqual([
      [0, 'node 24.1.0 ran /project/cli/main.ts status\n'],
      [0, 'node 24.1.0 ran /project/cli/main.ts status\n'],
    ]);
    expect(calls()).toEqual(['install v20.20.2', 'ci v24.1.0']);
    expect(existsSync(join(project, '.mesh', 'install.lock'))).toBe(false);
  });

  it('takes the lock of an installer that was killed', async () => {
    fakeNode('24.0.0');
    fakeNpm();
    mkdirSync(join(project, '.mesh'));
    symlinkSync(String(2 ** 22 + 1), join(project, '.mesh', 'install.lock'));
    expect(await mesh(['status'])).toMatchObject({ code: 0 });
  });

  it('works through a symbolic link from anywhere', async () => {
    fakeNode('24.0.0');
    fakeNpm();
    symlinkSync('../project/mesh', join(base, 'elsewhere', 'mesh-link'));
    symlinkSync(join(base, 'elsewhere', 'mesh-link'), join(base, 'mesh-link-2'));
    expect(await mesh(['-h'], join(base, 'mesh-link-2'))).toMatchObject({
      code: 0,
      out: 'node 24.0.0 ran /project/cli/main.ts -h\n',
    });
  });

  it('installs again when the lock has changed, not when it was only touched', async () => {
    fakeNode('24.0.0');
    fakeNpm();
    await mesh(['status']);
    writeFileSync(join(project, 'package-lock.json'), '{"lock": 1}');
    await mesh(['status']);
    expect(calls()).toHaveLength(1);
    writeFileSync(join(project, 'package-lock.json'), '{"lock": 22}');
    await mesh(['status']);
    expect(calls()).toHaveLength(2);
  });

  it("respects what the developer's own npm installed", async () => {
    fakeNode('24.0.0');
    fakeNpm();
    mkdirSync(join(project, 'node_modules'));
    writeFileSync(join(project, 'node_modules', '.package-lock.json'), '{}');
    expect(await mesh(['status'])).toMatchObject({ code: 0 });
    expect(calls()).toEqual([]);
  });

  it('falls back to npm install where npm ci refuses the lock', async () => {
    fakeNode('24.0.0');
    fakeNpm({ ciFails: true });
    expect(await mesh(['status'])).toMatchObject({ code: 0 });
    expect(calls().map((call) => call.split(' ')[0])).toEqual(['ci', 'install']);
  });

  it('without Node or npm, says what to install and ends with 3', async () => {
    const ended = await mesh(['status']);
    expect(ended).toMatchObject({ code: 3, out: '' });
    expect(ended.err).toMatch(/^mesh: npm was not found; install Node\.js 22\.18 .*\n$/);
  });

  it('without a network, says so, ends with 3 and leaves nothing half done', async () => {
    fakeNode('20.0.0');
    fakeNpm({ allFails: true });
    const ended = await mesh(['status']);
    expect(ended.code).toBe(3);
    expect(ended.err).toContain('check the network');
    expect(existsSync(join(project, '.mesh', 'node'))).toBe(false);
    expect(existsSync(join(project, '.mesh', 'install.lock'))).toBe(false);
  });
});
