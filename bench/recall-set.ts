/**
 * The labelled set: questions over a frozen corpus, each with the places that answer it. Owns: reading it, which half a
 * question is in, and how hits become figures. Does not own: any search.
 *
 * A place is a file and a piece of a line in it; a passage is right when it covers that line. Every second question,
 * from the first, is for tuning; the others are held out and must not be looked at while tuning.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';

const SET_FOLDER = resolve(import.meta.dirname, '..', 'tests', 'fixtures', 'knowledge');
const CORPUS_FOLDER = join(SET_FOLDER, 'corpus');
/** Passages looked at; what comes later counts as not found for the mean reciprocal rank. */
export const DEPTH = 10;

const questions = z.array(
  z.strictObject({
    kind: z.enum(['paraphrase', 'how-to', 'keyword', 'typo', 'identifier', 'code', 'multi-part']),
    question: z.string().min(1),
    passages: z.array(z.strictObject({ path: z.string(), at: z.string() })).min(1),
  }),
);

export type Half = 'tuning' | 'held-out';

interface Place {
  readonly path: string;
  readonly line: number;
}

export interface Question {
  readonly kind: string;
  readonly text: string;
  readonly half: Half;
  readonly places: readonly Place[];
}

/** What a search has to give: where a passage lies, its path relative to the corpus. */
export interface Found {
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
}

/** @throws Error when a place is not in its file, or is in it twice */
export function readQuestions(): Question[] {
  const parsed = questions.parse(JSON.parse(readFileSync(join(SET_FOLDER, 'questions.json'), 'utf8')));
  return parsed.map(({ kind, question, passages }, index) => ({
    kind,
    text: question,
    half: index % 2 === 0 ? 'tuning' : 'held-out',
    places: passages.map(({ path, at }) => ({ path, line: lineOf(path, at) })),
  }));
}

function lineOf(path: string, piece: string): number {
  const lines = readFileSync(join(CORPUS_FOLDER, path), 'utf8').split('\n');
  const at = lines.flatMap((line, index) => (line.includes(piece) ? [index + 1] : []));
  const [line, ...others] = at;
  if (line === undefined || others.length > 0) throw new Error(`${path} holds ${at.length} times: ${piece}`);
  return line;
}

export interface Corpus {
  readonly path: string;
  /** A passage as it lies in the corpus. */
  placed(passage: Found): Found;
  empty(): void;
  fill(): void;
}

/** A copy of the corpus as a project of its own, so that nothing around it changes what is found. */
export function openCorpus(folder: string): Corpus {
  const path = join(folder, 'larkspur');
  const fill = (): void => {
    mkdirSync(path, { recursive: true });
    cpSync(CORPUS_FOLDER, path, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{}');
  };
  fill();
  return {
    path,
    placed: (passage) => ({ ...passage, path: passage.path.replace(/^larkspur\//, '') }),
    empty: () => rmSync(path, { recursive: true }),
    fill,
  };
}

export interface Figures {
  readonly questions: number;
  /** Share of the right places that the first five passages cover, in percent, the mean over the questions. */
  readonly recallAt5: number;
  /** Whether the first passage covers one, in percent. */
  readonly recallAt1: number;
  /** Mean of 1 / rank of the first right passage, 0 to 1. */
  readonly mrr: number;
}

export interface Asked {
  readonly question: Question;
  /** For each place, the rank (from 1) of the first passage that covers it, or null. */
  readonly ranks: readonly (number | null)[];
}

export function judge(question: Question, found: readonly Found[]): Asked {
  const ranks = question.places.map(({ path, line }) => {
    const index = found.findIndex((one) => one.path === path && one.startLine <= line && line <= one.endLine);
    return index < 0 ? null : index + 1;
  });
  return { question, ranks };
}

export function figuresOf(asked: readonly Asked[]): Figures {
  const mean = (value: (one: Asked) => number): number =>
    asked.reduce((sum, one) => sum + value(one), 0) / Math.max(1, asked.length);
  const recallAt = (depth: number) => (one: Asked) =>
    one.ranks.filter((rank) => rank !== null && rank <= depth).length / Math.min(depth, one.ranks.length);
  const first = ({ ranks }: Asked): number => Math.min(...ranks.map((rank) => rank ?? Number.POSITIVE_INFINITY));
  const round = (value: number, digits: number): number => Number(value.toFixed(digits));
  return {
    questions: asked.length,
    recallAt5: round(100 * mean(recallAt(5)), 1),
    recallAt1: round(100 * mean(recallAt(1)), 1),
    mrr: round(
      mean((one) => 1 / first(one)),
      3,
    ),
  };
}
