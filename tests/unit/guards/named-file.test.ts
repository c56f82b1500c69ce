import { execFileSync, spawn } from 'node:child_process';
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { makeFolder } from '../../../guards/make-folder.ts';
import { readNamed, writeNamed } from '../../../guards/named-file.ts';

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const isLinux = process.platform === 'linux';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-named-'));
  writeFileSync(at('file'), 'text');
  symlinkSync('/nowhere/at/all', at('dangling'));
  symlinkSync(at('loop'), at('loop'));
  execFileSync('mkfifo', [at('pipe')]);
  mkdirSync(at('full'));
  writeFileSync(at('full', 'x'), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hostile = (): [path: string, said: RegExp][] => [
  ...(isLinux ? ([['/proc/x/y', /no folder can be made there/]] as [string, RegExp][]) : []),
  ['/dev/null/x', /a file is where a folder should be/],
  [at('file', 'x'), /a file is where a folder should be/],
  [at('pipe', 'x'), /a file is where a folder should be/],
  [at('dangling', 'x'), /a file is where a folder should be/],
  [at('loop', 'x'), /a file is where a folder should be/],
  [at('a'.repeat(300), 'x'), /the name is too long/],
];

describe('a folder', () => {
  it('is made with its parents, and again', () => {
    makeFolder(at('new', 'er', 'est'), 0o700);
    makeFolder(at('new', 'er', 'est'));
    expect(statSync(at('new', 'er', 'est')).mode & 0o777).toBe(0o700);
    expect(readdirSync(at('new'))).toEqual(['er']);
  });

  it('is made by nothing else, wherever somebody may have named it', () => {
    const rooms = [
      'cli',
      'config',
      'gguf-models',
      'guards',
      'knowledge',
      'mcp',
      'services',
      'task-client',
      'telemetry',
    ];
    const files = rooms.flatMap((room) => globSync(`${room}/**/*.ts`, { cwd: projectRoot }));
    expect(files.length).toBeGreaterThan(200);
    const recursive = /\bmkdir(?:Sync)?\([^;]*recursive: true/;
    expect(files.filter((file) => recursive.test(readFileSync(join(projectRoot, file), 'utf8')))).toEqual([]);
  });

  it('where none can be made is refused at once', () => {
    for (const [path] of hostile()) expect(() => makeFolder(path)).toThrow();
  });
});

describe('a file', () => {
  it('that never ends is not read', () => {
    for (const path of [at('pipe'), '/dev/zero']) expect(() => readNamed(path)).toThrow('is no regular file');
    expect(readNamed(at('file')).toString()).toBe('text');
  });

  it('is no pipe that nobody reads; one that somebody reads is written whole', async () => {
    expect(() => writeNamed(at('pipe'), 'x')).toThrow('ENXIO');
    const reader = spawn('cat', [at('pipe')], { stdio: ['ignore', 'pipe', 'inherit'] });
    let read = '';
    reader.stdout.on('data', (chunk) => {
      read += chunk;
    });
    const ended = new Promise((resolve) => reader.once('close', resolve));
    // Once the reader has opened it.
    await expect.poll(() => wrote(at('pipe'), 'all of it')).toBe(true);
    await ended;
    expect(read).toBe('all of it');
  });
});

function wrote(path: string, text: string): boolean {
  try {
    writeNamed(path, text);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENXIO') return false;
    throw error;
  }
}

// Each of them ends, with a sentence: the limit of time of the test is what it fails by.
describe('commands that make something where they are told to', () => {
  const mesh = (
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<{ code: number | null; err: string }> => {
    const child = spawn(process.execPath, [join(projectRoot, 'cli', 'main.ts'), ...args], {
      env: { PATH: process.env.PATH, HOME: folder, MESH_HOME: at('home'), ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let err = '';
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, err })));
  };

  it.each([
    ['init', (path: string) => mesh(['init', path])],
    ['backup', (path: string) => mesh(['backup', path])],
    ['index, into a home', (path: string) => mesh(['index', projectRoot], { MESH_HOME: path })],
    [
      'index, into a knowledge base',
      (path: string) => mesh(['index', projectRoot], { MESH_KNOWLEDGE_PATH: join(path, 'k.db') }),
    ],
    ['import, into a home', (path: string) => mesh(['import', at('file')], { MESH_HOME: path })],
  ])('%s', async (_name, run) => {
    for (const [path, said] of hostile()) {
      const { code, err } = await run(join(path, 'z'));
      expect([path, code, err]).toEqual([path, 2, expect.stringMatching(said)]);
      expect(err).toMatch(/name another place|set MESH_HOME/);
    }
  });

  it('a new key, a trail and the lines of an evaluation', async () => {
    const ends = [
      await mesh(['keys', 'new', '/dev/null/x']),
      await mesh(['import', at('pipe')]),
      await mesh(['import', '/dev/zero']),
      await mesh(['router', 'eval', '--file', at('pipe')]),
      await mesh(['import', at('full')]),
    ];
    expect(ends.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2]);
    expect(ends.map(({ err }) => err.trim())).toEqual([
      expect.stringMatching(/cannot be written: a file is where a folder should be$/),
      expect.stringMatching(/pipe: it is no regular file$/),
      expect.stringMatching(/zero: it is no regular file$/),
      expect.stringMatching(/pipe cannot be read: it is no regular file$/),
      expect.stringMatching(/full: a folder is where a file should be$/),
    ]);
    expect(readFileSync(at('file'), 'utf8')).toBe('text');
  });
});
