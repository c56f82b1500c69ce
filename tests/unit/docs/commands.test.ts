/** Commands of the documents: they are found whole, and each `mesh` command and its options exist. All are run by tests/docs. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { endedOf, scriptOf } from '../../docs/block-script.ts';
import {
  allBlocks,
  allFaults,
  allInlineCommands,
  blocksOf,
  type DocCommand,
  faultsOf,
  inlineCommandsOf,
} from '../../docs/blocks.ts';
import { isOf, notRun, reasonOf } from '../../docs/not-run.ts';

const commands = allBlocks().flatMap((block) => block.commands);

describe('commands of a page', () => {
  it('are those of its blocks of shell: one a line, lines that go on together, comments alone left out', () => {
    const page = [
      'text',
      '```sh',
      'one   # says why',
      '# a comment',
      'two \\',
      '  three',
      "four | jq '.[]",
      "  | x'",
      'for t in a b; do',
      '  five $t',
      'done',
      "seven   # somebody's",
      'eight "it\'s"',
      '```',
      '```ts',
      'six',
      '```',
    ].join('\n');
    const [block, ...others] = blocksOf('a.md', page);
    expect(others).toEqual([]);
    expect(block?.line).toBe(2);
    expect(block?.commands.map(({ line, text }) => [line, text])).toEqual([
      [3, 'one   # says why'],
      [5, 'two \\\n  three'],
      [7, "four | jq '.[]\n  | x'"],
      [9, 'for t in a b; do\n  five $t\ndone'],
      [12, "seven   # somebody's"],
      [13, 'eight "it\'s"'],
    ]);
  });

  it('cannot hide in a block that is not run', () => {
    expect(allFaults()).toEqual([]);
    const fault = (...lines: string[]): string => faultsOf('a.md', lines.join('\n')).join();
    expect(fault('```bash', 'mesh up', '```')).toContain('a.md:1: a block of "bash"');
    for (const line of [
      './mesh up',
      '$ npm test',
      'nats pub mesh.tasks x',
      'router/training/train.sh',
      'k8s/make-secrets.sh x',
    ])
      expect(fault('text', '```', '', line, '```'), line).toContain(`a.md:2: "${line}" reads as a command`);
    expect(fault('```', '   ./mesh run   nats pub', '```')).not.toBe('');
    for (const line of ['nats ◄── agents', 'docs ──► x', 'caught up with the log', 'Errors: 3'])
      expect(fault('```', line, '```'), line).toBe('');
  });

  it('are run, but for those that a list names word for word, each in some document', () => {
    expect(commands.length).toBeGreaterThan(100);
    const gone = notRun.flatMap((entry) =>
      entry.commands.filter((text) => !commands.some((command) => isOf({ ...entry, commands: [text] }, command))),
    );
    expect(gone).toEqual([]);
    for (const { instead } of notRun)
      expect(instead === undefined || existsSync(join(projectRoot, instead)), instead).toBe(true);
    const command = { page: 'a.md', line: 1 };
    expect(reasonOf({ ...command, text: 'docker compose down   # volumes stay' })?.why).toContain(
      'engine of containers',
    );
    expect(reasonOf({ ...command, text: 'docker compose down --volumes' })).toBeNull();
    expect(reasonOf({ ...command, text: './mesh sim --seeds 1000' })?.flag).toBe('--long');
    expect(reasonOf({ ...command, text: './mesh sim --seeds 1000' }, ['--long'])).toBeNull();
  });

  it('of a block run in one shell, and each tells how it ended', () => {
    const written = ['X=7', 'sleep 0.1; (exit 3) &', 'wait', 'echo "$X"; false', 'exit 5', 'echo never'].map(
      (text, at) => ({
        command: { page: 'a.md', line: at + 1, text },
        text,
        ...(text === 'false' ? { limitS: 5 } : {}),
      }),
    );
    const { stdout } = spawnSync('bash', ['-c', scriptOf(written)], { encoding: 'utf8' });
    const ended = endedOf(written, stdout);
    expect(ended.map(({ code }) => code)).toEqual([0, 3, 0, 1, null, null]);
    expect(ended[3]?.said.trim()).toBe('7');
  });
});

/** The words of the first `mesh` command in a line; quoted text is one word, and a comment ends it. */
function meshWords({ text }: DocCommand): string[] | null {
  const [, rest] = /(?:^|[|&;]\s*)(?:\.\/|npx )mesh ([^|&\n]*)/.exec(text) ?? [];
  if (rest === undefined) return null;
  const words = rest.match(/"(?:\\.|[^"])*"|'[^']*'|\S+/g) ?? [];
  const end = words.findIndex((word) => word.startsWith('#'));
  return end < 0 ? words : words.slice(0, end);
}

/** Those of blocks, and those that stand in prose and in tables. */
const named = [...commands, ...allInlineCommands()];
const ours = named.flatMap((command) => {
  const words = meshWords(command);
  return words === null || !/^[a-z]/.test(words[0] ?? '') ? [] : [{ ...command, words }];
});

async function commandNamed(name: string): Promise<Command> {
  const path = join(projectRoot, 'cli', 'commands', `${name}.ts`);
  const module = (await import(path)) as { command(): Command };
  return module.command();
}

it('finds commands between backticks, and takes no subject for one', () => {
  const found = inlineCommandsOf(
    'a.md',
    'see `mesh up`, `./mesh show ID`; `mesh.tasks`\n```\n`mesh down`\n```\n`node bench/main.ts --x`',
  );
  expect(found.map(({ line, text }) => [line, text])).toEqual([
    [1, 'mesh up'],
    [1, './mesh show ID'],
    [5, 'node bench/main.ts --x'],
  ]);
});

test.each(ours)('$page:$line $text', async ({ words: [name = '', ...rest] }) => {
  const top = await commandNamed(name);
  const sub = top.commands.find((one) => one.name() === rest[0]);
  const needsSub = top.commands.length > 0 && top.registeredArguments.length === 0 && /^[a-z]/.test(rest[0] ?? '');
  if (needsSub) expect(sub?.name(), `mesh ${name} ${rest[0]}`).toBe(rest[0]);
  const known = [top, ...(sub === undefined ? [] : [sub])].flatMap(({ options }) =>
    options.flatMap(({ long, short }) => [long, short]),
  );
  // What follows the name of the simulation, chaos and tests is theirs.
  const passesOn = ['sim', 'chaos', 'test', 'bench'].includes(name);
  const flags = rest.map((word) => word.replace(/^\[|\]$/g, '')).filter((word) => /^--?[a-z]/.test(word));
  for (const flag of passesOn ? [] : flags) expect(known, `${name} ${flag}`).toContain(flag.split('=')[0]);
});

const manifest: { readonly scripts: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync(join(projectRoot, 'package.json'), 'utf8'),
);

test.each(
  named.flatMap(({ page, line, text }) =>
    [...text.matchAll(/(?:^|\s)(node|npm run(?: -s| --silent)?) ((?:[a-z0-9-]+\/)+[a-z0-9-]+\.ts|[\w:]+)/g)].map(
      ([, runner = '', path = '']) => ({ page, line, runner, path }),
    ),
  ),
)('$page:$line $runner $path is there', ({ runner, path }) => {
  if (runner === 'node') expect(existsSync(join(projectRoot, path)), path).toBe(true);
  else expect(Object.keys(manifest.scripts)).toContain(path);
});
