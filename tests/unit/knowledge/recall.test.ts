/**
 * What the embedded default finds of the labelled set does not get worse. The baseline is what was measured when it was
 * recorded (`node bench/recall.ts`); a change that lowers it has to say why and record it anew.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainBm25 } from '../../../bench/recall-bm25.ts';
import {
  type Asked,
  DEPTH,
  type Figures,
  figuresOf,
  judge,
  openCorpus,
  readQuestions,
} from '../../../bench/recall-set.ts';
import { openKnowledgeBase } from '../../../knowledge/knowledge-base.ts';
import baseline from '../../fixtures/knowledge/baseline.json' with { type: 'json' };

const folder = mkdtempSync(join(tmpdir(), 'mesh-recall-'));
const questions = readQuestions();
const found = new Map<string, Asked[]>();

function figures(search: string, half?: string): Figures {
  return figuresOf((found.get(search) ?? []).filter(({ question }) => half === undefined || question.half === half));
}

beforeAll(async () => {
  const corpus = openCorpus(folder);
  const base = openKnowledgeBase({ path: join(folder, 'knowledge.db'), embedder: null, chroma: null });
  await base.index([corpus.path]);
  const bm25 = plainBm25(corpus.path, 'unicode61');
  const embedded: Asked[] = [];
  for (const question of questions) {
    const { passages } = await base.search(question.text, { limit: DEPTH });
    embedded.push(judge(question, passages.map(corpus.placed)));
  }
  found.set('embedded', embedded);
  found.set(
    'bm25',
    questions.map((question) => judge(question, bm25(question.text, DEPTH))),
  );
  await base.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the labelled set', () => {
  it('has enough questions of every kind, half of them held out, each asked once', () => {
    expect(questions.length).toBeGreaterThanOrEqual(100);
    expect(new Set(questions.map(({ text }) => text)).size).toBe(questions.length);
    const kinds = Map.groupBy(questions, ({ kind }) => kind);
    expect(kinds.size).toBe(7);
    for (const [kind, asked] of kinds) expect(asked.length, kind).toBeGreaterThanOrEqual(5);
    const heldOut = questions.filter(({ half }) => half === 'held-out').length;
    expect(Math.abs(questions.length - 2 * heldOut)).toBeLessThanOrEqual(1);
  });
});

describe('recall', () => {
  it.each(['held-out', 'tuning'] as const)('does not drop below the baseline: %s', (half) => {
    const now = figures('embedded', half);
    const recorded = baseline.embedded[half];
    expect(now.questions).toBe(recorded.questions);
    expect(now.recallAt5).toBeGreaterThanOrEqual(recorded.recallAt5);
    expect(now.recallAt1).toBeGreaterThanOrEqual(recorded.recallAt1);
    expect(now.mrr).toBeGreaterThanOrEqual(recorded.mrr);
  });

  it('stays at least five points above plain BM25, which is what it was', () => {
    expect(figures('bm25')).toEqual(baseline.bm25);
    expect(figures('embedded').recallAt5).toBeGreaterThanOrEqual(figures('bm25').recallAt5 + 5);
  });
});
