/**
 * The next attempt after a review asked for changes: the previous code repaired, else the next best candidate.
 * Owns that choice and the point-by-point reply to the findings; the repairs themselves are in repairs/.
 */

import type { Lack } from '../../../prompting/without-model.ts';
import type { CodeArtifact, Finding, HopInput } from '../../../schemas/events/generated.ts';
import type { Candidate } from './code-candidates.ts';
import { type Repair, repairCode } from './repairs/repair-code.ts';

export interface Revision {
  readonly code: CodeArtifact;
  readonly summary: string;
}

/** An attempt and the candidate it was made from share more than half of their lines. */
const SIMILARITY_MIN = 0.5;
/** An explanation that lists more findings than this is not read. */
const FINDINGS_LISTED_MAX = 20;
/** A CodeArtifact's explanation holds 20,000 characters. */
const EXPLANATION_CHARS_MAX = 20_000;

/** Whether the input asks for another attempt rather than for a first one. */
export function isRevision(input: HopInput): input is HopInput & Required<Pick<HopInput, 'code' | 'review'>> {
  return input.code !== undefined && input.review?.verdict === 'changes_requested';
}

/** Makes the next attempt; its text always differs from the previous one. */
export async function reviseCode(
  input: HopInput & Required<Pick<HopInput, 'code' | 'review'>>,
  candidates: readonly Candidate[],
  { lack, signal }: { readonly lack: Lack; readonly signal: AbortSignal },
): Promise<Revision> {
  const { code, review } = input;
  const attempt = code.attempt + 1;
  const repaired = await repairCode({ language: code.language, text: code.text }, { signal });
  const isNew = normalised(repaired.text) !== normalised(code.text);
  const next = nextCandidate(code, candidates);
  if (isNew && (repaired.errorsLeft === 0 || next === null || next.source === 'skeleton')) {
    const lines = review.findings.slice(0, FINDINGS_LISTED_MAX).map((finding) => {
      return `- ${label(finding)}: ${outcome(finding, repaired.repairs, repaired.errorsLeft)}`;
    });
    const kept = `Attempt ${attempt} is attempt ${code.attempt} with mechanical repairs; ${unwritten(lack)}`;
    return {
      code: { ...code, text: repaired.text, attempt, explanation: explain(kept, lines, review.findings.length) },
      summary: `Repaired ${counted(repaired.repairs.length, 'place')} of attempt ${code.attempt}.`,
    };
  }
  const chosen = next ?? lastOf(candidates);
  const lines = review.findings.slice(0, FINDINGS_LISTED_MAX).map((finding) => {
    return `- ${label(finding)}: no mechanical repair fits, and other code is offered in its place.`;
  });
  const opening = `Attempt ${attempt} is ${chosen.description}, because attempt ${code.attempt} could not be repaired without a language model.${lack.reason === 'no_model' ? '' : ` ${lack.message}`}`;
  return {
    code: {
      language: chosen.language,
      text: chosen.text,
      attempt,
      explanation: explain(opening, lines, review.findings.length),
      citations: chosen.citations,
    },
    summary: `Offers ${chosen.description} instead.`,
  };
}

function unwritten(lack: Lack): string {
  return lack.reason === 'no_model'
    ? 'no language model is set up to rewrite it.'
    : `no language model rewrote it. ${lack.message}`;
}

/** The first candidate after the one the previous attempt was made from; null when there is none. */
function nextCandidate(previous: CodeArtifact, candidates: readonly Candidate[]): Candidate | null {
  let origin = -1;
  let best = SIMILARITY_MIN;
  candidates.forEach((candidate, index) => {
    const alike = similarity(candidate.text, previous.text);
    if (alike > best) {
      best = alike;
      origin = index;
    }
  });
  const later = candidates.slice(origin + 1);
  return later.find((candidate) => normalised(candidate.text) !== normalised(previous.text)) ?? null;
}

function lastOf(candidates: readonly Candidate[]): Candidate {
  const last = candidates.at(-1);
  if (last === undefined) throw new RangeError('There is always a candidate: the skeleton.');
  return last;
}

/** Dice coefficient of the sets of lines, 0 to 1. */
function similarity(left: string, right: string): number {
  const [a, b] = [lineSet(left), lineSet(right)];
  if (a.size + b.size === 0) return 0;
  let shared = 0;
  for (const line of a) if (b.has(line)) shared += 1;
  return (2 * shared) / (a.size + b.size);
}

function lineSet(text: string): Set<string> {
  return new Set(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.length > 1),
  );
}

function normalised(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trim();
}

function label(finding: Finding): string {
  const where = finding.line > 0 ? `line ${finding.line}, ` : '';
  return `${where}${finding.rule} (${finding.message.replace(/\s+/g, ' ').slice(0, 160)})`;
}

function outcome(finding: Finding, repairs: readonly Repair[], errorsLeft: number): string {
  const repair =
    repairs.find((made) => made.rule === finding.rule && made.line === finding.line) ??
    repairs.find((made) => made.rule === finding.rule);
  if (repair !== undefined) return `${repair.what}.`;
  if (errorsLeft === 0 && finding.severity === 'error') return 'gone with the other repairs.';
  return finding.severity === 'error' ? 'not repaired: this needs a language model or a person.' : 'left as it is.';
}

function explain(opening: string, lines: readonly string[], total: number): string {
  const left = total > lines.length ? [`- and ${total - lines.length} more findings.`] : [];
  return [opening, ...lines, ...left].join('\n').slice(0, EXPLANATION_CHARS_MAX);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
