/**
 * `node bench/recall-corpus.ts CHECKOUT QUESTIONS.json`: how much is found in a real repository, and by plain BM25 over the
 * same passages in the same run. Owns: the run and its table. Does not own: a corpus; `corpora/*.json` name where to get it,
 * and their questions name the files that answer them.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import { openSqliteStore } from '../knowledge/sqlite-store.ts';

const DEPTH = 10;
const corpusForm = z.object({
  about: z.string(),
  folders: z.array(z.string()).min(1),
  questions: z.array(z.object({ text: z.string(), files: z.array(z.string()).min(1) })).min(1),
});
type Question = z.infer<typeof corpusForm>['questions'][number];
/** Paths of the passages found, best first. */
type Search = (question: string) => Promise<string[]>;

async function figures(questions: readonly Question[], search: Search) {
  const ranks: number[] = [];
  for (const { text, files } of questions) {
    const paths = await search(text);
    ranks.push(paths.findIndex((path) => files.some((file) => path === file || path.endsWith(`/${file}`))) + 1);
  }
  const share = (of: (rank: number) => number): string =>
    (ranks.reduce((sum, rank) => sum + (rank === 0 ? 0 : of(rank)), 0) / ranks.length).toFixed(3);
  return [share((rank) => Number(rank === 1)), share((rank) => Number(rank <= 5)), share((rank) => 1 / rank)];
}

function plainBm25(database: string): Search {
  const kept = new Database(database, { readonly: true });
  const rows = kept
    .prepare<[], { path: string; words: string }>(
      `SELECT shown_path AS path, shown_path || char(10) || heading || char(10) || text AS words
       FROM chunks JOIN files ON files.id = file_id`,
    )
    .all();
  kept.close();
  const db = new Database(':memory:');
  db.exec("CREATE VIRTUAL TABLE chunks USING fts5(words, path UNINDEXED, tokenize = 'unicode61')");
  const add = db.prepare<[string, string]>('INSERT INTO chunks VALUES (?, ?)');
  db.transaction(() => {
    for (const { path, words } of rows) add.run(words, path);
  })();
  const find = db
    .prepare<[string, number], string>(
      'SELECT path FROM chunks WHERE chunks MATCH ? ORDER BY bm25(chunks), rowid LIMIT ?',
    )
    .pluck();
  return async (question) => {
    const words = question.match(/[\p{L}\p{N}_]+/gu) ?? [];
    return find.all(words.map((word) => `"${word}"`).join(' OR '), DEPTH);
  };
}

const [checkout, file] = process.argv.slice(2);
if (checkout === undefined || file === undefined) {
  process.stderr.write('usage: node bench/recall-corpus.ts CHECKOUT QUESTIONS.json (see bench/corpora)\n');
  process.exit(2);
}
const corpus = corpusForm.parse(JSON.parse(readFileSync(file, 'utf8')));
const folder = mkdtempSync(join(tmpdir(), 'mesh-recall-'));
try {
  const database = join(folder, 'knowledge.db');
  const store = openSqliteStore(database);
  const { added, chunks, ms } = await store.index(corpus.folders.map((one) => resolve(checkout, one)));
  const mesh: Search = async (question) => (await store.search(question, { limit: DEPTH })).map(({ path }) => path);
  const rows = [
    ['plain BM25', ...(await figures(corpus.questions, plainBm25(database)))],
    ['embedded', ...(await figures(corpus.questions, mesh))],
  ];
  store.close();
  process.stdout.write(
    [
      `${corpus.questions.length} questions, ${added} files, ${chunks} passages, indexed in ${Math.round(ms / 1000)} s`,
      '| search | recall@1 | recall@5 | MRR@10 |',
      '|---|---|---|---|',
      ...rows.map((row) => `| ${row.join(' | ')} |`),
      '',
    ].join('\n'),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
