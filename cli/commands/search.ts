/**
 * `mesh search "<q>"`. Owns: how passages look. Does not own: finding them (knowledge/).
 */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { Passage } from '../../schemas/events/generated.ts';
import { openKnowledge } from '../../services/adapters/knowledge.ts';
import { declare, settingsNow, wholeNumber } from '../command.ts';
import { CliError } from '../errors.ts';
import { citationText } from '../task-text.ts';
import { indent, note, out, type Paint, painter, print, printJson, safeText } from '../terminal.ts';

const LIMIT_DEFAULT = 8;
const LIMIT_MAX = 100;
/** Lines of a passage that are shown; --json has the whole. */
const LINES_SHOWN = 6;

export function command(): Command {
  return declare({
    name: 'search',
    group: 'Knowledge',
    summary: 'search the knowledge base',
    examples: [
      ['search "crash recovery"', 'the best passages'],
      ['search "outbox" --limit 3 --json', 'whole passages for a program'],
    ],
  })
    .argument('<query>', 'words to look for')
    .option('--json', 'print a JSON array of passages')
    .option('-n, --limit <n>', 'how many passages', wholeNumber(1, LIMIT_MAX), LIMIT_DEFAULT)
    .action((query: string, options: { json?: true; limit: number }) =>
      search(query, options.limit, options.json === true),
    );
}

async function search(query: string, limit: number, json: boolean): Promise<void> {
  const settings = settingsNow();
  // Passages that other machines keep in a shared Chroma can be found without a file of our own.
  if (!existsSync(settings.MESH_KNOWLEDGE_PATH) && settings.CHROMA_URL === undefined)
    throw new CliError(2, 'there is no knowledge base yet; make one with `mesh index PATH…`');
  const store = openKnowledge(settings);
  try {
    const { passages, problem, engine, alike = {} } = await store.search(query, { limit });
    if (problem !== null) note(engine.includes('+') ? problem : `searched by words alone: ${problem}`);
    if (json) return printJson(passages);
    if (passages.length === 0) return print('Nothing found.');
    const paint = painter(out);
    for (const [i, passage] of passages.entries()) {
      if (i > 0) print();
      for (const line of passageLines(passage, i + 1, paint)) print(line);
      const others = alike[passage.id] ?? [];
      if (others.length > 0) print(paint('dim', `    nearly the same: ${safeText(others.join(', '))}`));
    }
  } finally {
    await store.close();
  }
}

function passageLines(passage: Passage, rank: number, paint: Paint): string[] {
  const where = citationText(passage);
  const all = safeText(passage.text).trim().split('\n');
  const text = all.slice(0, LINES_SHOWN).join('\n');
  const more = all.length > LINES_SHOWN ? [paint('dim', `    … ${all.length - LINES_SHOWN} more lines`)] : [];
  return [
    `${paint('dim', `${rank}.`.padStart(3))} ${paint('bold', where)}${passage.heading === '' ? '' : paint('dim', `  ${passage.heading}`)}`,
    ...indent(text, '    ').split('\n'),
    ...more,
  ];
}
