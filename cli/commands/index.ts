/**
 * `mesh index [PATH…]`. Owns: the progress bar and the summary. Does not own: indexing (knowledge/).
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Explanation, explain } from '../../knowledge/explain.ts';
import type { IndexProgress, IndexSummary, SkippedFile, VectorOutcome } from '../../knowledge/port.ts';
import { skipWords } from '../../knowledge/skip-words.ts';
import { openKnowledge } from '../../services/adapters/knowledge.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import {
  columns,
  duration,
  err,
  note,
  oneLine,
  painter,
  plural,
  print,
  printJson,
  safeText,
  statusLine,
} from '../terminal.ts';

const BAR_COLUMNS = 24;
/** Files named for each reason of leaving some out; the JSON has them all. */
const SKIPPED_SHOWN = 3;
const SECRETS_SHOWN = 20;
const DOCUMENT = /\.(?:pdf|docx?|pptx?|xlsx?|odt|ods|odp|rtf|epub|pages|md|txt|html?)$/i;

export function command(): Command {
  return declare({
    name: 'index',
    group: 'Knowledge',
    summary: 'bring the knowledge base up to date with files and folders',
    details:
      'Only what changed is read again; what vanished below a path leaves the knowledge base. Without a path, everything that was indexed before is brought up to date.',
    examples: [
      ['index docs README.md', 'some paths'],
      ['index ~/projects/shop', 'a whole project'],
      ['index', 'what was indexed before'],
      ['index --explain docs/build', 'why a file or folder is left out, and how a file is cut; changes nothing'],
    ],
  })
    .argument('[path...]', 'files and folders')
    .option('--json', 'print the summary as JSON')
    .option('--explain', 'say for each path why it is taken in or left out, and how it is cut; nothing is changed')
    .action((paths: string[], options: { json?: true; explain?: true }) =>
      options.explain ? explainPaths(paths, options.json === true) : index(paths, options.json === true),
    );
}

async function explainPaths(paths: readonly string[], json: boolean): Promise<void> {
  if (paths.length === 0) throw new CliError(2, 'name the files or folders to explain');
  const absolute = paths.map((path) => resolve(path));
  const missing = absolute.find((path) => !existsSync(path));
  if (missing !== undefined) throw new CliError(2, `${missing}: there is no such file or folder`);
  const store = openKnowledge(settingsNow());
  try {
    const { roots } = store.stats();
    const explained = await Promise.all(absolute.map((path) => explain(path, roots)));
    if (json) return printJson(explained);
    for (const text of explained.flatMap(explanationLines)) print(safeText(text));
  } finally {
    await store.close();
  }
}

function explanationLines({ path, root, leftOut, files, skipped, passages }: Explanation): string[] {
  const from = root === null ? 'nothing that was indexed covers it; if it is named alone' : `below ${root}`;
  if (leftOut !== null) {
    const by = leftOut.at === path ? '' : `, by ${leftOut.at}`;
    return [`${path}: left out (${from}): ${skipWords[leftOut.reason]}${by}`];
  }
  const taken = `${path}: taken in (${from}): ${plural(files, 'file')}`;
  return [
    passages.length > 0 ? `${taken}, cut into ${plural(passages.length, 'passage')}:` : taken,
    ...passages.map(
      ({ heading, startLine, endLine, text }) =>
        `  lines ${startLine}-${endLine}, ${text.length} characters${heading === '' ? '' : `: ${heading}`}`,
    ),
    ...skippedLines(skipped),
  ];
}

async function index(paths: readonly string[], json: boolean): Promise<void> {
  const absolute = paths.map((path) => resolve(path));
  const missing = absolute.find((path) => !existsSync(path));
  if (missing !== undefined) throw new CliError(2, `${missing}: there is no such file or folder`);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new CliError(1, 'stopped; what was indexed so far is kept')));
  const line = statusLine(err);
  const store = openKnowledge(settingsNow());
  try {
    if (store.setAside !== null) note('the knowledge base was damaged and was set aside; a new one is made');
    const roots = absolute.length > 0 ? absolute : store.stats().roots;
    if (roots.length === 0) throw new CliError(2, 'nothing was indexed before; name files or folders to index');
    const summary = await store.index(roots, {
      signal: stop.signal,
      onProgress: (progress) => line.set(barText(progress)),
    });
    line.clear();
    if (json) return printJson({ ...summary, ...store.stats() });
    for (const text of summaryLines(summary, store.stats().files)) print(text);
  } finally {
    line.clear();
    await store.close();
  }
}

const verbs = { files: 'reading', vectors: 'embedding' } as const;

/** `━━━━━━────  reading 12/40 docs/architecture.md` */
function barText({ phase, done, total, path }: IndexProgress): string {
  const paint = painter(err);
  const full = total === 0 ? BAR_COLUMNS : Math.round((done / total) * BAR_COLUMNS);
  const counts = `${verbs[phase]} ${String(done).padStart(String(total).length)}/${total}`;
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
  return [
    `${parts.join(', ')}; ${plural(summary.chunks, 'passage')} written in ${duration(summary.ms)}; ${plural(files, 'file')} in the knowledge base`,
    ...(summary.vectors === null ? [] : [vectorLine(summary.vectors)]),
    ...skippedLines(summary.skipped),
  ];
}

function vectorLine({ store, embedder, embedded, problem }: VectorOutcome): string {
  if (problem !== null) return `Vectors are not up to date, words are searched meanwhile: ${problem}`;
  return `${plural(embedded, 'passage')} embedded by ${embedder}, kept by ${store}`;
}

/** Documents first: of a picture or an archive nobody asks why it was left out. */
function weight({ path }: SkippedFile): number {
  return DOCUMENT.test(path) ? 1 : 0;
}

function skippedLines(skipped: readonly SkippedFile[]): string[] {
  if (skipped.length === 0) return [];
  const byReason = Map.groupBy(skipped, ({ reason }) => reason);
  const rows = [...byReason].sort(([, a], [, b]) => b.length - a.length);
  return [
    `${plural(skipped.length, 'file')} left out:`,
    ...rows.map(([reason, files]) => {
      // What a person may have meant to have in, and what must not slip by, is not lost among hundreds of pictures.
      const most = reason === 'secret' ? SECRETS_SHOWN : SKIPPED_SHOWN;
      const shown = files
        .toSorted((a, b) => weight(b) - weight(a))
        .slice(0, most)
        .map(({ path }) => path);
      const more = files.length > shown.length ? ` and ${files.length - shown.length} more` : '';
      return `  ${skipWords[reason]}: ${shown.join(', ')}${more}`;
    }),
  ];
}
