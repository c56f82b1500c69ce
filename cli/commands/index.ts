/**
 * `mesh index PATH…`. Owns: the progress bar and the summary. Does not own: indexing (knowledge/).
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { IndexProgress, IndexSummary } from '../../knowledge/port.ts';
import { openSqliteStore } from '../../knowledge/sqlite-store.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { columns, duration, err, note, oneLine, painter, plural, print, printJson, statusLine } from '../terminal.ts';

const BAR_COLUMNS = 24;
/** Skipped files named in the summary; the JSON has them all. */
const SKIPPED_SHOWN = 5;

export function command(): Command {
  return declare({
    name: 'index',
    group: 'Knowledge',
    summary: 'bring the knowledge base up to date with files and folders',
    details: 'Only what changed is read again; what vanished below a path leaves the knowledge base.',
    examples: [
      ['index docs README.md', 'some paths'],
      ['index ~/projects/shop', 'a whole project'],
    ],
  })
    .argument('<path...>', 'files and folders')
    .option('--json', 'print the summary as JSON')
    .action((paths: string[], options: { json?: true }) => index(paths, options.json === true));
}

async function index(paths: readonly string[], json: boolean): Promise<void> {
  const absolute = paths.map((path) => resolve(path));
  const missing = absolute.find((path) => !existsSync(path));
  if (missing !== undefined) throw new CliError(2, `${missing}: there is no such file or folder`);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new CliError(1, 'stopped; what was indexed so far is kept')));
  const line = statusLine(err);
  const store = openSqliteStore(settingsNow().MESH_KNOWLEDGE_PATH);
  try {
    if (store.setAside !== null) note('the knowledge base was damaged and was set aside; a new one is made');
    const summary = await store.index(absolute, {
      signal: stop.signal,
      onProgress: (progress) => line.set(barText(progress)),
    });
    line.clear();
    if (json) return printJson({ ...summary, ...store.stats() });
    for (const text of summaryLines(summary, store.stats().files)) print(text);
  } finally {
    line.clear();
    store.close();
  }
}

/** `━━━━━━────  12/40 docs/architecture.md` */
function barText({ done, total, path }: IndexProgress): string {
  const paint = painter(err);
  const full = total === 0 ? BAR_COLUMNS : Math.round((done / total) * BAR_COLUMNS);
  const counts = `${String(done).padStart(String(total).length)}/${total}`;
  const room = columns(err) - BAR_COLUMNS - counts.length - 4;
  return `${paint('green', '━'.repeat(full))}${paint('dim', '─'.repeat(BAR_COLUMNS - full))}  ${counts} ${oneLine(path, Math.max(8, room))}`;
}

function summaryLines(summary: IndexSummary, files: number): string[] {
  const parts = [
    `${plural(summary.added, 'file')} added`,
    `${summary.updated} updated`,
    `${summary.unchanged} unchanged`,
    `${summary.removed} removed`,
  ];
  const lines = [
    `${parts.join(', ')}; ${plural(summary.chunks, 'passage')} written in ${duration(summary.ms)}; ${plural(files, 'file')} in the knowledge base`,
  ];
  if (summary.skipped.length > 0) {
    const shown = summary.skipped.slice(0, SKIPPED_SHOWN).map((one) => `${one.path} (${one.reason})`);
    const more = summary.skipped.length - shown.length;
    lines.push(`${summary.skipped.length} left out: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`);
  }
  return lines;
}
