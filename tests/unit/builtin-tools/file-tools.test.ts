/** The file tools: what they answer, and what they say of files that are no text, too large, or not there. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtinTools } from '../../../actors/roles/tools/builtin/index.ts';
import { ask, context, toolNamed } from './support.ts';

const root = mkdtempSync(join(tmpdir(), 'mesh-files-'));
const tools = builtinTools({ workspace: root });
const call = async (name: string, args: Record<string, unknown>): Promise<string> => {
  const answer = await toolNamed(tools, name).run(args, context);
  return typeof answer === 'string' ? answer : answer.text;
};

beforeAll(() => {
  mkdirSync(join(root, 'docs'));
  mkdirSync(join(root, 'node_modules', 'x'), { recursive: true });
  writeFileSync(join(root, 'README.md'), '# Readme\nOne needle here.\n');
  writeFileSync(join(root, 'docs', 'a.md'), 'alpha\nNeedle\nomega\n');
  writeFileSync(join(root, 'docs', 'b.txt'), 'nothing');
  writeFileSync(join(root, 'node_modules', 'x', 'c.md'), 'needle');
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(join(root, 'picture.png'), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]));
  writeFileSync(join(root, 'huge.log'), Buffer.alloc(6 * 1024 * 1024, 'x'));
  writeFileSync(join(root, 'long.txt'), Array.from({ length: 30_000 }, (_, i) => `line ${i + 1}`).join('\n'));
  writeFileSync(join(root, 'bad\nname.txt'), 'odd');
});
const KEPT = 'left out: hidden, ignored, secret or made by a tool';
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('list_files', () => {
  test('a folder, folders marked, in order', async () => {
    const all = await call('list_files', {});
    expect(all.split('\n')).toEqual([
      'README.md',
      'bad\uFFFDname.txt',
      'docs/',
      'empty',
      'huge.log',
      'long.txt',
      'picture.png',
      `(1 ${KEPT}, as in \`mesh index\`)`,
    ]);
    expect(await call('list_files', { path: 'docs' })).toBe('docs/a.md\ndocs/b.txt');
    expect(await call('list_files', { path: 'docs/' })).toBe('docs/a.md\ndocs/b.txt');
  });

  test('a glob looks deeper, but not into what machines made', async () => {
    expect(await call('list_files', { glob: '*.md' })).toBe(`README.md\ndocs/a.md\n(1 ${KEPT}, as in \`mesh index\`)`);
    expect(await call('list_files', { glob: 'docs/*.t?t' })).toMatch(/^docs\/b\.txt\n\(1 left out/);
    expect(await call('list_files', { glob: '*.go' })).toMatch(/^\(no file fits \*\.go\)\n\(1 left out/);
  });

  test('at most 500 entries, and how many more there are', async () => {
    mkdirSync(join(root, 'many'));
    for (let i = 0; i < 520; i += 1) writeFileSync(join(root, 'many', `f${i}`), '');
    const lines = (await call('list_files', { path: 'many' })).split('\n');
    expect(lines).toHaveLength(501);
    expect(lines.at(-1)).toBe('(20 more are not shown)');
    rmSync(join(root, 'many'), { recursive: true });
  });
});

describe('read_file', () => {
  test('a text, and an empty one', async () => {
    expect(await call('read_file', { path: 'docs/a.md' })).toBe('alpha\nNeedle\nomega\n');
    expect(await call('read_file', { path: 'empty' })).toBe('(the file is empty)');
  });

  test('some lines, and where to go on', async () => {
    expect(await call('read_file', { path: 'long.txt', startLine: 3, lines: 2 })).toBe(
      'line 3\nline 4\n\n(lines 3 to 4 of 30000; go on with startLine 5)',
    );
    const long = await call('read_file', { path: 'long.txt' });
    expect(long.length).toBeLessThan(160_000);
    expect(long).toMatch(/\(lines 1 to \d+ of 30000; go on with startLine \d+\)$/);
    await expect(call('read_file', { path: 'docs/a.md', startLine: 9 })).rejects.toThrow('has 4 lines');
  });

  test.each([
    ['picture.png', 'picture.png is binary (8 bytes), so it is not shown as text.'],
    ['huge.log', 'huge.log has 6.0 MiB; files up to 5 MiB are read.'],
    ['docs', 'docs is a folder; list_files shows it.'],
    ['none.md', 'none.md does not exist in the workspace.'],
  ])('%s is answered clearly', async (path, message) => {
    await expect(call('read_file', { path })).rejects.toThrow(message);
  });
});

describe('search_files', () => {
  test('lines with a text, whatever its case', async () => {
    const found = await call('search_files', { query: 'needle' });
    expect(found.split('\n').slice(0, 2)).toEqual(['README.md:2: One needle here.', 'docs/a.md:2: Needle']);
    expect(found).toMatch(/\(\d+ files searched; 3 binary, huge, secret or unreadable ones left out; 1 hidden, .*\)$/);
  });

  test('case, folder and glob', async () => {
    expect(await call('search_files', { query: 'needle', caseSensitive: true })).not.toContain('docs/a.md');
    expect(await call('search_files', { query: 'needle', path: 'docs' })).toMatch(/^docs\/a\.md:2/);
    expect(await call('search_files', { query: 'needle', glob: '*.txt' })).toMatch(/^Nothing found/);
  });

  test('stops at 200 lines and says so', async () => {
    const lines = (await call('search_files', { query: 'line', glob: 'l*.txt' })).split('\n');
    expect(lines).toHaveLength(202);
    expect(lines.at(-1)).toMatch(/^\(1 files searched; .*stopped: more than 200 lines with it\)$/);
  });
});

describe('prompts', () => {
  test.each([
    ['list the files in docs', 'list_files: docs/a.md'],
    ['List files', 'list_files: README.md'],
    ['ls docs', 'list_files: docs/a.md'],
    ['read docs/b.txt', 'read_file: nothing'],
    ['show me the file docs/b.txt', 'read_file: nothing'],
    ['search the files for "alpha"', 'search_files: docs/a.md:1'],
    ["grep 'alpha' in docs", 'search_files: docs/a.md:1'],
  ])('%s', async (prompt, beginning) => {
    expect((await ask(prompt, { workspace: root }))?.slice(0, beginning.length)).toBe(beginning);
  });

  test.each(['list the steps of a crash recovery', 'read me a story', 'show me how it works.', 'search for meaning'])(
    '%s is not about files',
    async (prompt) => {
      expect(await ask(prompt, { workspace: root })).toBeNull();
    },
  );

  test('without a workspace the tools say how to set one', async () => {
    await expect(ask('list the files', {})).rejects.toThrow('set TOOLS_WORKSPACE to the folder');
    await expect(ask('list the files', { workspace: join(root, 'gone') })).rejects.toThrow('cannot be opened');
  });
});
