/** What a project keeps to itself: the file tools show of a folder what `mesh index` takes in, and no more. */
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtinTools } from '../../../actors/roles/tools/builtin/index.ts';
import { scanRoot } from '../../../knowledge/scan.ts';
import { context, toolNamed } from './support.ts';

const project = mkdtempSync(join(tmpdir(), 'mesh-left-out-'));
const root = join(project, 'work');
const tools = builtinTools({ workspace: root });
const call = async (name: string, args: Record<string, unknown>): Promise<string> => {
  const answer = await toolNamed(tools, name).run(args, context);
  return typeof answer === 'string' ? answer : answer.text;
};

const SHOWN = ['README.md', 'docs/a.md', 'docs/kept.draft.md', 'src/main.ts'];
const LEFT_OUT = [
  ...['.env', '.env.local', '.aws/credentials', '.ssh/id_ed25519', '.npmrc', 'sub/.git/config', '.hidden/notes.md'],
  ...[
    'id_rsa',
    'server.key',
    'server.key.old',
    'gateway.nk',
    'callers-secrets.json',
    'secrets.yaml',
    'notes.env',
    'deep/er/credentials.json',
  ],
  ...['node_modules/x/readme.md', 'dist/main.js', 'env/lib/site.md'],
  ...['ignored.md', 'docs/b.draft.md', 'out/report.md', 'above.md'],
];
const TOKEN = `ghp_${'a1B2'.repeat(10)}`;

beforeAll(() => {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  };
  mkdirSync(join(project, '.git'));
  write('.gitignore', 'above.md\n');
  write('work/.gitignore', 'ignored.md\n/out/\n*.draft.md\n');
  write('work/docs/.ignore', '!kept.draft.md\n');
  write('work/env/pyvenv.cfg', 'home = /usr\n');
  for (const path of [...SHOWN, ...LEFT_OUT]) write(`work/${path}`, 'zebra\n');
  write('work/config.ts', `const token = '${TOKEN}'; // zebra\n`);
  symlinkSync('.env', join(root, 'harmless.txt'));
  symlinkSync('.aws', join(root, 'folder'));
  linkSync(join(root, 'config.ts'), join(root, 'same.md'));
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

describe('files that a project keeps to itself', () => {
  test.each(LEFT_OUT)('%s is not read', async (path) => {
    await expect(call('read_file', { path })).rejects.toMatchObject({ code: 'tool_path_refused' });
  });

  test.each(['.aws', 'sub/.git', 'node_modules', 'out', 'env', 'dist', 'env/lib', '.hidden'])(
    '%s/ is not listed, nor searched',
    async (path) => {
      await expect(call('list_files', { path })).rejects.toMatchObject({ code: 'tool_path_refused' });
      await expect(call('search_files', { query: 'zebra', path })).rejects.toMatchObject({ code: 'tool_path_refused' });
    },
  );

  test('no link gives one another name', async () => {
    await expect(call('read_file', { path: 'harmless.txt' })).rejects.toThrow(/hidden|secret/);
    await expect(call('read_file', { path: 'folder/credentials' })).rejects.toThrow(/hidden|secret/);
    await expect(call('list_files', { path: 'folder' })).rejects.toThrow(/hidden/);
  });

  test('a key that stands in a file decides, whatever the file is called', async () => {
    for (const path of ['config.ts', 'same.md'])
      await expect(call('read_file', { path })).rejects.toThrow(/holds a key or a token/);
    expect(await call('search_files', { query: 'zebra' })).not.toContain('ghp_');
  });

  test('everything else is shown: what mesh index takes in', async () => {
    for (const path of SHOWN) expect(await call('read_file', { path })).toBe('zebra\n');
    const found = (await call('search_files', { query: 'zebra' })).split('\n');
    const inFiles = found.flatMap((line) => /^(.*):\d+: zebra$/.exec(line)?.[1] ?? []);
    expect(inFiles).toEqual(SHOWN);
    const { files } = await scanRoot(root, undefined, project);
    const indexed = files.map((path) => path.slice(root.length + 1));
    // These two are indexed by name and left out when they are read, by the key in them.
    expect(indexed.filter((path) => path !== 'config.ts' && path !== 'same.md')).toEqual(SHOWN);
  });

  test('a listing names what is shown and counts the rest', async () => {
    const lines = (await call('list_files', { glob: '*' })).split('\n');
    for (const path of LEFT_OUT) expect(lines).not.toContain(path);
    expect(lines).toEqual(expect.arrayContaining(SHOWN));
    expect(lines.at(-1)).toMatch(/^\(\d+ left out: hidden, ignored, secret or made by a tool/);
  });
});
