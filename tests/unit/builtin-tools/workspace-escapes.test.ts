/**
 * Nothing outside the workspace can be read, listed or searched: a list of attempts against a real folder with real
 * links, and a writer that swaps a folder for a link while it is read.
 */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtinTools, ToolError } from '../../../actors/roles/tools/builtin/index.ts';
import { context, toolNamed } from './support.ts';

const SECRET = 'the-secret-outside';
const folder = mkdtempSync(join(tmpdir(), 'mesh-escape-'));
const root = join(folder, 'workspace');
const outside = join(folder, 'outside');
const tools = builtinTools({ workspace: root });

beforeAll(() => {
  for (const path of [join(root, 'docs', 'deep'), outside, `${root}-beside`]) mkdirSync(path, { recursive: true });
  for (const path of [join(outside, 'private.txt'), join(`${root}-beside`, 'private.txt'), join(folder, 'private.txt')])
    writeFileSync(path, SECRET);
  writeFileSync(join(root, 'docs', 'a.md'), 'inside');
  symlinkSync(join(outside, 'private.txt'), join(root, 'link-to-file'));
  symlinkSync(outside, join(root, 'link-to-folder'));
  symlinkSync('../outside/private.txt', join(root, 'relative-link'));
  symlinkSync('../../outside', join(root, 'docs', 'deep-link'));
  symlinkSync('link-to-folder', join(root, 'link-to-link'));
  symlinkSync('/', join(root, 'slash'));
  symlinkSync('/proc/self/root', join(root, 'proc-root'));
  symlinkSync('/proc/self/cwd', join(root, 'proc-cwd'));
  symlinkSync('round', join(root, 'round'));
  symlinkSync('/etc/passwd', join(root, 'passwd'));
  symlinkSync(`${root}-beside`, join(root, 'beside'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  symlinkSync('/dev/zero', join(root, 'zero'));
  symlinkSync('/dev/tty', join(root, 'terminal'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const secret = relative(root, join(outside, 'private.txt'));
const absoluteInside = join(root, 'docs', 'a.md');
const attempts: readonly (readonly [what: string, path: string])[] = [
  ['the folder above', secret],
  ['above, behind a folder', `docs/../${secret}`],
  ['above, behind a dot', `./${secret}`],
  ['above, through a folder that is not there', `none/../../outside/private.txt`],
  ['far above', `${'../'.repeat(30)}etc/passwd`],
  ['above, with doubled slashes', `..//outside//private.txt`],
  ['only the folder above', '..'],
  ['an absolute path', join(outside, 'private.txt')],
  ['an absolute path to a file inside', absoluteInside],
  ['an absolute path with two slashes', `/${join(outside, 'private.txt')}`],
  ['a system file', '/etc/passwd'],
  ['a folder with the same beginning', '../workspace-beside/private.txt'],
  ['a link to a file', 'link-to-file'],
  ['a relative link', 'relative-link'],
  ['through a link to a folder', 'link-to-folder/private.txt'],
  ['through a link in a folder', 'docs/deep-link/private.txt'],
  ['through a link to a link', 'link-to-link/private.txt'],
  ['through a link to the root of all', `slash${join(outside, 'private.txt')}`],
  ['through a link to the root by /proc', `proc-root${join(outside, 'private.txt')}`],
  ['through a link to the working folder', 'proc-cwd/package.json'],
  ['a link that leads round', 'round'],
  ['a link to a system file', 'passwd'],
  ['a link to the folder beside', 'beside/private.txt'],
  ['a link, then up', 'link-to-folder/../private.txt'],
  ['/proc of this process', '/proc/self/environ'],
  ['/proc, spelled relatively', '../../../../../../proc/self/environ'],
  ['descriptors of this process', '/dev/fd/0'],
  ['a NUL byte', 'docs/a.md\0/../../outside/private.txt'],
  ['a NUL byte at the end', `${secret}\0.md`],
  ['the home folder', '~/private.txt'],
  ['the home folder of somebody', '~root/.bashrc'],
  ['percent-encoded dots', '%2e%2e/outside/private.txt'],
  ['percent-encoded slash', '..%2foutside%2fprivate.txt'],
  ['encoded twice', '%252e%252e%252foutside'],
  ['encoded too long', '..%c0%afoutside/private.txt'],
  ['encoded as UTF-16', '%u002e%u002e/outside'],
  ['Windows separators', '..\\outside\\private.txt'],
  ['mixed separators', 'docs\\..\\../outside/private.txt'],
  ['a Windows drive', 'C:/Windows/win.ini'],
  ['a Windows device', '\\\\?\\C:\\private.txt'],
  ['a share', '//server/share/private.txt'],
  ['an address', `file://${join(outside, 'private.txt')}`],
  ['an address in capitals', `FILE:${join(outside, 'private.txt')}`],
  ['full-width dots', '\uFF0E\uFF0E/outside/private.txt'],
  ['a full-width slash', '..\uFF0Foutside\uFF0Fprivate.txt'],
  ['a division slash', '..\u2215outside\u2215private.txt'],
  ['one-dot leaders', '\u2024\u2024/outside/private.txt'],
  ['a two-dot leader', '\u2025/outside/private.txt'],
  ['a zero-width space between the dots', '.\u200B./outside/private.txt'],
  ['text from right to left', '\u202E../outside/private.txt'],
  ['half a character', '\uD800/../outside'],
  ['a line break', `docs/a.md\n${secret}`],
  ['dots and a space', '.. /outside/private.txt'],
  ['a space between the dots', '. ./outside/private.txt'],
  ['three dots', '.../outside/private.txt'],
  ['capitals', 'DOCS/../../OUTSIDE/private.txt'],
  ['a variable of the shell', '$HOME/private.txt'],
  ['a command of the shell', '$(cat ../outside/private.txt)'],
  ['a glob', '../*/private.txt'],
  ['a very long way', `${'docs/'.repeat(300)}a.md`],
  ['very deep', `${'a/'.repeat(45)}b`],
  ['a pipe, which would wait for ever', 'pipe'],
  ['a device without end', 'zero'],
  ['the terminal', 'terminal'],
];

async function outcome(name: string, args: Record<string, unknown>): Promise<unknown> {
  return toolNamed(tools, name)
    .run(args, context)
    .catch((error: unknown) => error);
}

describe('escape attempts', () => {
  test('are at least thirty, each another', () => {
    expect(new Set(attempts.map(([, path]) => path)).size).toBeGreaterThanOrEqual(30);
  });

  test.each(attempts)('%s', async (_what, path) => {
    for (const [name, args] of [
      ['read_file', { path }],
      ['list_files', { path }],
      ['search_files', { path, query: SECRET }],
    ] as const) {
      const said = await outcome(name, args);
      expect(said, name).toBeInstanceOf(ToolError);
      expect(said).toMatchObject({ code: expect.stringMatching(/^tool_(path_refused|not_found|bad_arguments)$/) });
    }
  });

  test('a listing and a search of everything do not go through links', async () => {
    const listed = String(await outcome('list_files', { depth: 20 }));
    expect(listed).toContain('link-to-folder (link)');
    expect(listed).not.toContain('private.txt');
    expect(String(await outcome('search_files', { query: SECRET }))).toMatch(/^Nothing found/);
  });

  test('links inside the workspace work', async () => {
    symlinkSync('docs', join(root, 'inner-link'));
    expect(await outcome('read_file', { path: 'inner-link/a.md' })).toBe('inside');
    // A hard link is the file itself: only who may write here can make one.
    linkSync(join(root, 'docs', 'a.md'), join(root, 'hard.md'));
    expect(await outcome('read_file', { path: 'hard.md' })).toBe('inside');
  });

  test('a folder that becomes a link between check and use gives nothing away', async () => {
    const swapped = join(root, 'swapped');
    mkdirSync(swapped);
    writeFileSync(join(swapped, 'private.txt'), 'harmless');
    symlinkSync(outside, join(root, 'trap'));
    let going = true;
    const swapping = (async () => {
      while (going) {
        renameSync(swapped, join(root, 'aside'));
        renameSync(join(root, 'trap'), swapped);
        await new Promise((resolve) => setImmediate(resolve));
        renameSync(swapped, join(root, 'trap'));
        renameSync(join(root, 'aside'), swapped);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const seen = new Set<string>();
    for (let i = 0; i < 1500; i += 1) {
      const said = await outcome('read_file', { path: 'swapped/private.txt' });
      seen.add(said instanceof ToolError ? said.code : String(said));
    }
    going = false;
    await swapping;
    expect(seen).not.toContain(SECRET);
    expect(seen).toContain('harmless');
    // The trap was met: otherwise this test would show nothing.
    expect(seen).toContain('tool_path_refused');
  });
});
