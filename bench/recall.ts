/**
 * `node bench/recall.ts [--json] [--missed]`: how much of what answers a question is found, over the labelled set. Owns:
 * which searches are measured, and the table. Does not own: the set (`recall-set.ts`) or any search.
 *
 * Plain BM25 and the embedded default are always measured; the default with an embedding model when EMBEDDING_MODEL_PATH
 * is set, Chroma when CHROMA_URL is. Everything is indexed anew in a temporary folder.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { scriptOptions } from '../cli/script-options.ts';
import { ggufEmbedder } from '../knowledge/gguf-embedder.ts';
import { openKnowledgeBase } from '../knowledge/knowledge-base.ts';
import { machineInfo, percentile } from './measure.ts';
import { plainBm25 } from './recall-bm25.ts';
import {
  type Asked,
  DEPTH,
  type Figures,
  type Found,
  figuresOf,
  judge,
  openCorpus,
  readQuestions,
} from './recall-set.ts';

type Search = (question: string) => Promise<readonly Found[]>;

interface Measured {
  readonly tuning: Figures;
  readonly heldOut: Figures;
  readonly all: Figures;
  /** Milliseconds of a search. */
  readonly p50_ms: number;
  readonly p95_ms: number;
}

const questions = readQuestions();

async function measure(search: Search): Promise<{ measured: Measured; asked: Asked[] }> {
  const asked: Asked[] = [];
  const times: number[] = [];
  for (const question of questions) {
    const beganMs = performance.now();
    const found = await search(question.text);
    times.push(performance.now() - beganMs);
    asked.push(judge(question, found));
  }
  const of = (half: string): Figures => figuresOf(asked.filter(({ question }) => question.half === half));
  const measured = {
    tuning: of('tuning'),
    heldOut: of('held-out'),
    all: figuresOf(asked),
    p50_ms: percentile(times, 0.5),
    p95_ms: percentile(times, 0.95),
  };
  return { measured, asked };
}

const { values } = await scriptOptions({
  options: { recall: { type: 'boolean' }, json: { type: 'boolean' }, missed: { type: 'boolean' } },
});
const folder = mkdtempSync(join(tmpdir(), 'mesh-recall-'));
const corpus = openCorpus(folder);
const silent = { debug: () => undefined, warn: (_fields: object, text: string) => process.stderr.write(`${text}\n`) };
const modelPath = process.env.EMBEDDING_MODEL_PATH;
const chromaUrl = process.env.CHROMA_URL;
const results: Record<string, Awaited<ReturnType<typeof measure>>> = {};

async function measureBase(name: string, withModel: boolean, withChroma: boolean): Promise<void> {
  const base = openKnowledgeBase({
    path: join(folder, `${name}.db`),
    embedder: withModel && modelPath ? ggufEmbedder(resolve(modelPath), silent) : null,
    chroma: withChroma && chromaUrl ? { url: chromaUrl, source: `recall-${hostname()}` } : null,
  });
  try {
    const { vectors } = await base.index([corpus.path]);
    if (vectors?.problem) throw new Error(vectors.problem);
    results[name] = await measure(async (question) => {
      const { passages, problem } = await base.search(question, { limit: DEPTH });
      if (problem !== null) throw new Error(problem);
      return passages.map(corpus.placed);
    });
    if (withChroma) {
      corpus.empty();
      await base.index([corpus.path]);
      corpus.fill();
    }
  } finally {
    await base.close();
  }
}

try {
  for (const [name, tokenizer] of [
    ['BM25', 'unicode61'],
    ['BM25, stemmed', 'porter unicode61'],
  ] as const) {
    const search = plainBm25(corpus.path, tokenizer);
    results[name] = await measure(async (question) => search(question, DEPTH));
  }
  await measureBase('embedded', false, false);
  const model = modelPath ? basename(modelPath, '.gguf') : '';
  if (modelPath) await measureBase(`embedded + ${model}`, true, false);
  if (chromaUrl) await measureBase('Chroma, hashed words', false, true);
  if (chromaUrl && modelPath) await measureBase(`Chroma + ${model}`, true, true);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const measured = Object.fromEntries(Object.entries(results).map(([name, one]) => [name, one.measured]));
if (values.json) {
  process.stdout.write(`${JSON.stringify({ machine: machineInfo(), questions: questions.length, measured })}\n`);
} else {
  process.stdout.write(
    '| search | recall@5 held-out | tuning | all | recall@1 all | MRR held-out | MRR all | p50, P95 |\n|---|---|---|---|---|---|---|---|\n',
  );
  for (const [name, { heldOut, tuning, all, p50_ms, p95_ms }] of Object.entries(measured)) {
    const percents = [heldOut.recallAt5, tuning.recallAt5, all.recallAt5, all.recallAt1].map((value) => `${value} %`);
    const cells = [name, ...percents, heldOut.mrr, all.mrr, `${p50_ms}, ${p95_ms} ms`];
    process.stdout.write(`| ${cells.join(' | ')} |\n`);
  }
}
if (values.missed) {
  for (const { question, ranks } of results.embedded?.asked ?? []) {
    if (question.half === 'held-out' || ranks.every((rank) => rank !== null && rank <= 5)) continue;
    process.stdout.write(`${question.kind}: ${question.text}\n`);
    question.places.forEach(({ path, line }, index) => {
      process.stdout.write(`  ${String(ranks[index] ?? '–').padStart(2)} ${path}:${line}\n`);
    });
  }
}
