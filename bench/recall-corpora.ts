/**
 * `mesh bench --corpora [NAME…] [--json] [--missed]`: how much is found in real documentation, and by plain BM25
 * over the same passages in the same run. Owns: the run and its table. Does not own: a corpus (`recall-sources.ts`).
 *
 * Words alone are always measured, and with an embedding model when EMBEDDING_MODEL_PATH is set. A page is right when it is
 * one of those that the question names; a search is judged by the first passage of such a page. What vectors cost is told in
 * processor time, which is the same on a busy machine, as far as caches and clocks allow, and by the clock.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { scriptOptions } from '../cli/script-options.ts';
import { ggufEmbedder } from '../knowledge/gguf-embedder.ts';
import { openKnowledgeBase } from '../knowledge/knowledge-base.ts';
import { machineInfo, round } from './measure.ts';
import { bm25Over } from './recall-bm25.ts';
import { type CorpusQuestion, obtain, type RealCorpus, readCorpora } from './recall-sources.ts';

const DEPTH = 10;
type Half = 'tuning' | 'held-out' | 'all';
const HALVES: readonly Half[] = ['held-out', 'tuning', 'all'];
/** Paths of the passages found, best first. */
type Search = (question: string) => Promise<readonly string[]>;

interface Figures {
  readonly questions: number;
  readonly recallAt1: number;
  readonly recallAt5: number;
  readonly mrr: number;
}

interface Measured {
  readonly search: string;
  readonly halves: Readonly<Record<Half, Figures>>;
  /** For each question the rank of the first right passage, 0 for none. */
  readonly ranks: readonly number[];
}

/** What it took to make the vectors of a corpus, its files looked at again beside it. */
interface Embedding {
  readonly passages: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly load: number;
}

interface CorpusResult {
  readonly corpus: string;
  readonly files: number;
  readonly passages: number;
  readonly embedding: Embedding | null;
  readonly measured: readonly Measured[];
}

async function measure(search: string, questions: readonly CorpusQuestion[], find: Search): Promise<Measured> {
  const ranks: number[] = [];
  for (const { text, files } of questions) {
    const paths = await find(text);
    ranks.push(paths.findIndex((path) => files.some((file) => path === file || path.endsWith(`/${file}`))) + 1);
  }
  const of = (half: Half): Figures => {
    const own = ranks.filter((_, index) => half === 'all' || (index % 2 === 0) === (half === 'tuning'));
    const share = (value: (rank: number) => number): number =>
      Number((own.reduce((sum, rank) => sum + (rank === 0 ? 0 : value(rank)), 0) / own.length).toFixed(3));
    return {
      questions: own.length,
      recallAt1: share((rank) => Number(rank === 1)),
      recallAt5: share((rank) => Number(rank <= 5)),
      mrr: share((rank) => 1 / rank),
    };
  };
  return { search, ranks, halves: { tuning: of('tuning'), 'held-out': of('held-out'), all: of('all') } };
}

async function measureCorpus(corpus: RealCorpus, model: string | undefined): Promise<CorpusResult> {
  const checkout = obtain(corpus);
  const folder = mkdtempSync(join(tmpdir(), 'mesh-recall-'));
  const path = join(folder, 'knowledge.db');
  const roots = corpus.folders.map((one) => resolve(checkout, one));
  const measured: Measured[] = [];
  const words = openKnowledgeBase({ path, embedder: null, chroma: null });
  try {
    await words.index(roots);
    const { files, chunks } = words.stats();
    for (const tokenizer of ['unicode61', 'porter unicode61'] as const) {
      const find = bm25Over(path, tokenizer);
      const name = tokenizer === 'unicode61' ? 'BM25' : 'BM25, stemmed';
      measured.push(await measure(name, corpus.questions, async (question) => find(question, DEPTH)));
    }
    measured.push(await measure('embedded', corpus.questions, (question) => paths(words, question)));
    let embedding: Embedding | null = null;
    if (model !== undefined) {
      const base = openKnowledgeBase({ path, embedder: ggufEmbedder(model, silent), chroma: null });
      try {
        embedding = await embed(base, roots);
        const name = `embedded + ${basename(model, '.gguf')}`;
        measured.push(await measure(name, corpus.questions, (question) => paths(base, question)));
      } finally {
        await base.close();
      }
    }
    return { corpus: corpus.name, files, passages: chunks, embedding, measured };
  } finally {
    await words.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function embed(base: ReturnType<typeof openKnowledgeBase>, roots: readonly string[]): Promise<Embedding> {
  const before = process.cpuUsage();
  const { vectors, ms } = await base.index(roots);
  if (vectors === null || vectors.problem !== null) throw new Error(vectors?.problem ?? 'no vectors were made');
  const { user, system } = process.cpuUsage(before);
  return {
    passages: vectors.embedded,
    cpuSeconds: round((user + system) / 1e6),
    wallSeconds: round(ms / 1000),
    load: round(loadavg()[1] ?? 0),
  };
}

async function paths(base: ReturnType<typeof openKnowledgeBase>, question: string): Promise<string[]> {
  const { passages, problem } = await base.search(question, { limit: DEPTH });
  if (problem !== null) throw new Error(problem);
  return passages.map(({ path }) => path);
}

function tableOf(results: readonly CorpusResult[]): string {
  const rows = results.flatMap(({ corpus, passages, measured }) =>
    measured.map(({ search, halves }) =>
      [
        ...[corpus, passages, search],
        ...HALVES.map((half) => halves[half].recallAt5),
        ...HALVES.map((half) => halves[half].mrr),
        halves.all.recallAt1,
      ].join(' | '),
    ),
  );
  return [
    '| corpus | passages | search | recall@5 held-out | tuning | all | MRR@10 held-out | tuning | all | recall@1 all |',
    `|${'---|'.repeat(10)}`,
    ...rows.map((row) => `| ${row} |`),
    '',
  ].join('\n');
}

/** The last figure is arithmetic: the same work spread over all cores, with nothing beside it. */
function costOf(results: readonly CorpusResult[]): string {
  const made = results.flatMap(({ corpus, embedding }) => (embedding === null ? [] : [{ corpus, ...embedding }]));
  const cores = availableParallelism();
  return made
    .map(({ corpus, passages, cpuSeconds, wallSeconds, load }) => {
      const eachMs = (1000 * cpuSeconds) / passages;
      return `${corpus}: ${passages} passages embedded in ${cpuSeconds} s of processor time (${round(eachMs)} ms each) and ${wallSeconds} s by the clock, load ${load}; 25,000 on ${cores} free cores: ${Math.round((25 * eachMs) / cores)} s\n`;
    })
    .join('');
}

/** Of the tuning half: the held-out one is not to be looked at. */
function missedOf({ corpus, measured }: CorpusResult, { questions }: RealCorpus): string[] {
  const [bm25] = measured;
  const own = measured.find(({ search }) => search === 'embedded');
  return questions.flatMap(({ text, files }, index) => {
    const rank = own?.ranks[index] ?? 0;
    if (index % 2 === 1 || rank === 1) return [];
    return [`${corpus} ${rank} (BM25 ${bm25?.ranks[index]}): ${text} [${files.join(' ')}]`];
  });
}

const silent = { debug: () => undefined, warn: (_fields: object, text: string) => process.stderr.write(`${text}\n`) };
const { values, positionals: names } = await scriptOptions({
  allowPositionals: true,
  options: { corpora: { type: 'boolean' }, json: { type: 'boolean' }, missed: { type: 'boolean' } },
});
const model = process.env.EMBEDDING_MODEL_PATH;
const corpora = readCorpora();
const unknown = names.filter((one) => corpora.every(({ name }) => name !== one));
if (unknown.length > 0) {
  process.stderr.write(
    `no corpus is called ${unknown.join(', ')}; there are ${corpora.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(2);
}
const wanted = corpora.filter(({ name }) => names.length === 0 || names.includes(name));
const results: CorpusResult[] = [];
for (const corpus of wanted) {
  try {
    const result = await measureCorpus(corpus, model === undefined ? undefined : resolve(model));
    results.push(result);
    if (values.missed) process.stderr.write(`${missedOf(result, corpus).join('\n')}\n`);
  } catch (error) {
    // A registry or a repository out of reach is no reason to say nothing of the others.
    process.exitCode = 1;
    process.stderr.write(`${corpus.name}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
const form = values.json
  ? `${JSON.stringify({ machine: machineInfo(), results })}\n`
  : `${tableOf(results)}\n${costOf(results)}`;
process.stdout.write(form);
