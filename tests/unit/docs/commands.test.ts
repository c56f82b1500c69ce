/** Commands of the documents: they are found whole, and each `mesh` command and its options exist. All are run by tests/docs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { allCommands, commandsOf, type DocCommand, uselessReasons } from '../../docs/blocks.ts';

const commands = allCommands();

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
      '```',
      '```ts',
      'six',
      '```',
    ].join('\n');
    expect(commandsOf('a.md', page).map(({ line, text }) => [line, text])).toEqual([
      [3, 'one   # says why'],
      [5, 'two \\\n  three'],
      [7, "four | jq '.[]\n  | x'"],
      [9, 'for t in a b; do\n  five $t\ndone'],
    ]);
  });

  it('are many, and what is not run has a reason that is needed', () => {
    expect(commands.length).toBeGreaterThan(100);
    expect(uselessReasons(commands)).toEqual([]);
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

const ours = commands.flatMap((command) => {
  const words = meshWords(command);
  return words === null || words[0]?.startsWith('-') ? [] : [{ ...command, words }];
});

async function commandNamed(name: string): Promise<Command> {
  const path = join(projectRoot, 'cli', 'commands', `${name}.ts`);
  const module = (await import(path)) as { command(): Command };
  return module.command();
}

test.each(ours)('$page:$line $text', async ({ words: [name = '', ...rest] }) => {
  const top = await commandNamed(name);
  const sub = top.commands.find((one) => one.name() === rest[0]);
  const known = [top, ...(sub === undefined ? [] : [sub])].flatMap(({ options }) =>
    options.flatMap(({ long, short }) => [long, short]),
  );
  // What follows the name of the simulation, chaos and tests is theirs.
  const passesOn = ['sim', 'chaos', 'test', 'bench'].includes(name);
  const flags = rest.map((word) => word.replace(/^\[|\]$/g, '')).filter((word) => /^--?[a-z]/.test(word));
  for (const flag of passesOn ? [] : flags) expect(known, `${name} ${flag}`).toContain(flag.split('=')[0]);
});

test.each(
  commands.flatMap(({ page, line, text }) =>
    [...text.matchAll(/(?:^|\s)node ((?:[a-z0-9-]+\/)+[a-z0-9-]+\.ts)/g)].map(([, path = '']) => ({
      page,
      line,
      path,
    })),
  ),
)('$page:$line node $path is there', ({ path }) => {
  expect(existsSync(join(projectRoot, path))).toBe(true);
});
