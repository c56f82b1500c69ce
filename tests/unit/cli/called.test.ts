/** Hints name the command as it is called from where their reader is. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hint, howCalled } from '../../../cli/called.ts';

let root: string;

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'mesh-called-')));
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

/** Makes it, with its folders, and returns its path. */
function file(path: string, text = ''): string {
  const whole = join(root, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, text);
  return whole;
}

function link(path: string, to: string): string {
  const whole = join(root, path);
  mkdirSync(dirname(whole), { recursive: true });
  symlinkSync(to, whole);
  return dirname(whole);
}

const folder = (path: string): string => dirname(file(`${path}/here`));

describe('from a checkout', () => {
  const called = (cwd: string, path = '') => howCalled({ launcher: file('checkout/mesh'), cwd: folder(cwd), path });

  test.each([
    ['in it', 'checkout', './mesh'],
    ['in a folder of it', 'checkout/docs', '../mesh'],
    ['beside it', 'beside', '../checkout/mesh'],
  ])('%s', (_where, cwd, command) => {
    expect(called(cwd)).toBe(command);
  });

  test('far away by its whole path', () => {
    expect(called('a/b/c/d')).toBe(join(root, 'checkout/mesh'));
  });

  test('by its name where it is on the PATH, also as a link; another mesh there is not taken for it', () => {
    const bin = link('bin/mesh', join(root, 'checkout/mesh'));
    const others = dirname(file('others/mesh'));
    expect(called('checkout', [others, bin].join(delimiter))).toBe('mesh');
    expect(called('checkout', others)).toBe('./mesh');
  });
});

describe('of an installed package', () => {
  test('by npx in the folder that it is installed for and below; what npm adds to the PATH does not count', () => {
    const launcher = file('project/node_modules/agent-mesh/cli/bin.js');
    const path = link('project/node_modules/.bin/mesh', '../agent-mesh/cli/bin.js');
    for (const cwd of [join(root, 'project'), folder('project/docs')])
      expect(howCalled({ launcher, cwd, path })).toBe('npx mesh');
  });

  test('fetched by npx for one call: by what npx was given', () => {
    const launcher = file('cache/_npx/1a2b/node_modules/agent-mesh/cli/bin.js');
    file('cache/_npx/1a2b/package.json', '{"_npx": {"packages": ["file:/tmp/my files/agent-mesh.tgz"]}}');
    expect(howCalled({ launcher, cwd: root, path: '' })).toBe("npx 'file:/tmp/my files/agent-mesh.tgz'");
  });
});

test('nobody said how: by its name', () => {
  expect(howCalled({ launcher: null, cwd: root, path: '' })).toBe('mesh');
});

test('every hint of a text is one for there, and nothing else changes', () => {
  const text = '`mesh down` and `mesh up` make new ones; the mesh is `mesh.config.ts`, see `mesh <command> -h`';
  expect(hint(text, 'npx mesh')).toBe(
    '`npx mesh down` and `npx mesh up` make new ones; the mesh is `mesh.config.ts`, see `npx mesh <command> -h`',
  );
});
