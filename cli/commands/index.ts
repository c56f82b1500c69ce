/**
 * `mesh index [PATH…]`. Owns: one run, and keeping up to date until somebody stops it. Does not own: indexing (knowledge/), or
 * what is said (`index-text.ts`).
 */
import { existsSync, lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Explanation, explain } from '../../knowledge/explain.ts';
import type { IndexProgress } from '../../knowledge/port.ts';
import { skipWords } from '../../knowledge/skip-words.ts';
import { watchKnowledge } from '../../knowledge/watch.ts';
import { openKnowledge } from '../../services/adapters/knowledge.ts';
import { declare, settingsNow, wholeNumber } from '../command.ts';
import { CliError } from '../errors.ts';
import { barText, changeLine, skippedLines, summaryLines, watchingLine } from '../index-text.ts';
import {
  err,
  note,
  plural,
  print,
  printJson,
  printJsonLine,
  type StatusLine,
  safeText,
  statusLine,
} from '../terminal.ts';

interface Options {
  readonly json?: true;
  readonly explain?: true;
  readonly watch?: true;
  /** Seconds. */
  readonly every?: number;
}

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
      ['index --watch docs', 'keep it up to date while you work, until Ctrl-C'],
      ['index --explain docs/build', 'why a file or folder is left out, and how a file is cut; changes nothing'],
    ],
  })
    .argument('[path...]', 'files and folders')
    .option('--json', 'print the summary as JSON')
    .option('--explain', 'say for each path why it is taken in or left out, and how it is cut; nothing is changed')
    .option('--watch', 'go on, and take in what changes, until Ctrl-C; with --json one line a change')
    .option(
      '--every <seconds>',
      'with --watch: look this often too, where the file system tells of no changes',
      wholeNumber(1, 86_400),
    )
    .action((paths: string[], options: Options) =>
      options.explain ? explainPaths(paths, options.json === true) : index(paths, options),
    );
}

async function explainPaths(paths: readonly string[], json: boolean): Promise<void> {
  if (paths.length === 0) throw new CliError(2, 'name the files or folders to explain');
  const absolute = paths.map((path) => resolve(path));
  // A link to nowhere is there, and left out.
  const missing = absolute.find((path) => lstatSync(path, { throwIfNoEntry: false }) === undefined);
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

function explanationLines({ path, root, leftOut, isFile, files, skipped, passages }: Explanation): string[] {
  const from = root === null ? 'nothing that was indexed covers it; if it is named alone' : `below ${root}`;
  if (leftOut !== null) {
    const by = leftOut.at === path ? '' : `, by ${leftOut.at}`;
    return [`${path}: left out (${from}): ${skipWords[leftOut.reason]}${by}`];
  }
  const taken = `${path}: taken in (${from}): ${plural(files, 'file')}`;
  return [
    passages.length > 0
      ? `${taken}, cut into ${plural(passages.length, 'passage')}:`
      : `${taken}${isFile ? ', in which nothing is to be found' : ''}`,
    ...passages.map(
      ({ heading, startLine, endLine, text }) =>
        `  lines ${startLine}-${endLine}, ${text.length} characters${heading === '' ? '' : `: ${heading}`}`,
    ),
    ...skippedLines(skipped),
  ];
}

async function index(paths: readonly string[], { json, watch, every }: Options): Promise<void> {
  const absolute = paths.map((path) => resolve(path));
  const missing = absolute.find((path) => !existsSync(path));
  if (missing !== undefined) throw new CliError(2, `${missing}: there is no such file or folder`);
  if (every !== undefined && !watch) throw new CliError(2, '--every says how often --watch looks; give --watch too');
  const store = openKnowledge(settingsNow());
  const line = statusLine(err);
  try {
    if (store.setAside !== null) note('the knowledge base was damaged and was set aside; a new one is made');
    const roots = absolute.length > 0 ? absolute : store.stats().roots;
    if (roots.length === 0) throw new CliError(2, 'nothing was indexed before; name files or folders to index');
    const indexing = { store, roots, line, json: json === true };
    if (watch) await follow(indexing, every);
    else await indexOnce(indexing);
  } finally {
    line.clear();
    await store.close();
  }
}

interface Indexing {
  readonly store: ReturnType<typeof openKnowledge>;
  readonly roots: readonly string[];
  readonly line: StatusLine;
  readonly json: boolean;
}

async function indexOnce({ store, roots, line, json }: Indexing): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new CliError(1, 'stopped; what was indexed so far is kept')));
  const onProgress = (progress: IndexProgress): void => line.set(barText(progress));
  const summary = await store.index(roots, { signal: stop.signal, onProgress });
  line.clear();
  if (json) return printJson({ ...summary, ...store.stats() });
  for (const text of summaryLines(summary, store.stats().files)) print(text);
}

/** Ends with 0 when somebody stops it: that is how it is meant to end. */
async function follow({ store, roots, line, json }: Indexing, every: number | undefined): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  let isFirst = true;
  await watchKnowledge(store, {
    roots,
    signal: stop.signal,
    everyMs: every === undefined ? null : every * 1_000,
    onProgress: (progress) => line.set(barText(progress)),
    onTrouble: (error) => {
      line.clear();
      note(`${error.message}; tried again in 30 s`);
    },
    onRun: (run) => {
      line.clear();
      const { files } = store.stats();
      if (json) printJsonLine({ ...run.summary, changes: run.changes, folders: run.folders, files });
      else if (isFirst) for (const text of summaryLines(run.summary, files)) print(text);
      else print(changeLine(run, new Date()));
      const problem = run.summary.vectors?.problem;
      if (!json && !isFirst && problem != null) print(`Vectors are not up to date, tried again in 30 s: ${problem}`);
      if (isFirst) note(watchingLine(run));
      isFirst = false;
    },
  });
  line.clear();
  note('stopped; what was indexed is kept');
}
