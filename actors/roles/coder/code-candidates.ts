/**
 * What the extractive engine can offer for a code request, best first: the user's own code, then shipped snippets,
 * then a skeleton that says it is one.
 * Owns the ranking and its thresholds. Whether code does anything is does-something.ts; changing a candidate after a
 * review is revise-code.ts.
 */

import { fencedBlocks } from '../../../code-checks/fenced-blocks.ts';
import { guessLanguage, languageInPrompt, languageName } from '../../../code-checks/languages.ts';
import { coverage, subjectTerms, subjectWordsBeyond, terms } from '../../../prompting/terms.ts';
import { type Lack, lackOf } from '../../../prompting/without-model.ts';
import type { Citation, HopInput, Passage } from '../../../schemas/events/generated.ts';
import { hasLines } from '../../../schemas/events/place.ts';
import { doesSomething, isTestFile } from './does-something.ts';
import { skeleton } from './skeleton.ts';
import { matchSnippets } from './snippet-catalog.ts';

export interface Candidate {
  readonly source: 'passage' | 'snippet' | 'skeleton';
  readonly language: string;
  readonly text: string;
  readonly score: number;
  /** What it is, to be said after "This is". */
  readonly description: string;
  readonly citations: Citation[];
}

const DEFAULT_LANGUAGE = 'typescript';
/** What names and headings say about code weighs more than what its body mentions. */
const NAME_WEIGHT = 0.55;
const BODY_WEIGHT = 0.45;
/** Code is offered when its names and its body together cover half of what is asked for. */
const PASSAGE_SCORE_MIN = 0.5;
/** A CodeArtifact holds at most 200,000 characters. */
const TEXT_CHARS_MAX = 200_000;
/** How well code in the first language serves a request for the second. */
const STANDS_IN: Readonly<Record<string, number>> = {
  'javascript>typescript': 0.85,
  'typescript>javascript': 0.85,
  'tsx>typescript': 0.95,
  'jsx>javascript': 0.95,
  'javascript>tsx': 0.8,
  'typescript>tsx': 0.9,
};

/** All candidates in the order they are offered; the skeleton is always the last. */
export function codeCandidates(input: HopInput, attempt: number, lack: Lack = lackOf()): Candidate[] {
  const asked = languageInPrompt(input.prompt);
  const language = asked ?? input.code?.language ?? DEFAULT_LANGUAGE;
  const wanted = subjectTerms(input.prompt);
  const own = (input.passages ?? [])
    .flatMap((passage) => codeOf(passage))
    .filter(
      ({ text, language: own, passage }) =>
        isMeant(passage.path, input.prompt) && doesSomething(text, own, input.prompt),
    )
    .map((piece) => scored(piece, wanted, { language, isAsked: asked !== null }))
    .filter((candidate) => candidate.score >= PASSAGE_SCORE_MIN)
    .sort((a, b) => b.score - a.score || place(a).localeCompare(place(b)));
  const shipped = matchSnippets(input.prompt, language).map(
    (match): Candidate => ({
      source: 'snippet',
      language: match.language,
      text: match.text,
      score: match.score,
      description: `the snippet “${match.title}”, shipped with Agent Mesh`,
      citations: [],
    }),
  );
  const last: Candidate = {
    source: 'skeleton',
    language,
    text: skeleton(input.prompt, language, { attempt, lack }),
    score: 0,
    description: 'a skeleton with the name of what you asked for and no body',
    citations: [],
  };
  return withoutDoubles([...own, ...shipped, last]);
}

/** Tests are offered to whoever asks for tests. */
function isMeant(path: string, prompt: string): boolean {
  return !isTestFile(path) || /\b(?:tests?|specs?)\b/i.test(prompt);
}

function place(candidate: Candidate): string {
  const citation = candidate.citations[0];
  return citation === undefined ? '' : `${citation.path}:${String(citation.startLine).padStart(9, '0')}`;
}

function withoutDoubles(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>();
  return candidates.filter((candidate) => {
    const key = candidate.text.replace(/\s+/g, ' ').trim();
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

interface Piece {
  readonly passage: Passage;
  readonly language: string;
  readonly text: string;
  readonly startLine: number;
  readonly endLine: number;
}

/** The code of a passage: all of it, or the fenced blocks inside prose. */
function codeOf(passage: Passage): Piece[] {
  if (passage.kind === 'code') {
    const { text, startLine, endLine } = passage;
    return [{ passage, language: languageName(passage.language), text: dedent(text), startLine, endLine }];
  }
  return fencedBlocks(passage.text)
    .filter((block) => block.text.trim() !== '')
    .map((block) => ({
      passage,
      language: block.language !== '' ? block.language : (guessLanguage(block.text) ?? ''),
      text: dedent(block.text),
      startLine: Math.min(passage.startLine + block.startLine - 1, passage.endLine),
      endLine: Math.min(passage.startLine + block.endLine - 1, passage.endLine),
    }));
}

function scored(piece: Piece, wanted: ReadonlySet<string>, request: { language: string; isAsked: boolean }): Candidate {
  const { passage } = piece;
  const names = terms(`${declaredNames(piece.text)} ${passage.heading} ${passage.path.replace(/^.*\//, '')}`);
  const named = coverage(wanted, names);
  const body = coverage(wanted, new Set([...terms(piece.text), ...names]));
  const fit = languageFit(piece.language, request);
  const score =
    named === 0 || piece.text.length > TEXT_CHARS_MAX ? 0 : fit * (NAME_WEIGHT * named + BODY_WEIGHT * body);
  // Nobody asked for JavaScript: code that stands in for another language is offered as that one and then repaired.
  const standsIn = Object.hasOwn(STANDS_IN, `${piece.language}>${request.language}`);
  const language = standsIn && request.isAsked && piece.language !== 'tsx' ? request.language : piece.language;
  const lines = hasLines(passage.path) ? `, lines ${piece.startLine}–${piece.endLine}` : '';
  return {
    source: 'passage',
    language,
    text: piece.text,
    score,
    description: `the code of ${passage.path}${passage.heading === '' ? '' : `, ${passage.heading}`}${lines}`,
    citations: [
      { marker: 1, path: passage.path, heading: passage.heading, startLine: piece.startLine, endLine: piece.endLine },
    ],
  };
}

function languageFit(language: string, request: { language: string; isAsked: boolean }): number {
  if (language === request.language) return 1;
  const standIn = STANDS_IN[`${language}>${request.language}`];
  if (standIn !== undefined) return standIn;
  // When no language is named, the user's own code in any language is closer than somebody else's.
  return !request.isAsked && language !== '' && language !== 'shell' && language !== 'markdown' ? 0.8 : 0;
}

const DECLARATION =
  /\b(?:function\*?|class|interface|type|enum|const|let|var|def|fn|func|struct|trait|module)\s+([\p{L}_$][\p{L}\p{N}_$]*)/gu;

function declaredNames(text: string): string {
  return [...text.matchAll(DECLARATION)].map((match) => match[1] ?? '').join(' ');
}

/** Words of the request of which the code has none: it may lack what they ask for. */
export function unmentioned(prompt: string, text: string): string[] {
  return subjectWordsBeyond(prompt, terms(`${declaredNames(text)} ${text}`));
}

/** Takes away the indentation that all lines share: a chunk from inside a class stands on its own now. */
function dedent(text: string): string {
  const lines = text.trimEnd().split('\n');
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^[ \t]*/.exec(line)?.[0] ?? '');
  let shared = indents[0] ?? '';
  for (const indent of indents) while (!indent.startsWith(shared)) shared = shared.slice(0, -1);
  return `${lines.map((line) => line.slice(Math.min(shared.length, line.length))).join('\n')}\n`;
}
