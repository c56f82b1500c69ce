/**
 * The sections of a prompt that several skills have. Owns: their wording, and that quoted material cannot close its fence.
 * Does not own: which of them a skill tells.
 */
import type { HopInput, Passage } from '../schemas/events/generated.ts';
import { hasLines } from '../schemas/events/place.ts';

/** A fence longer than any inside the text, so that quoted material cannot close it. */
export function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** @param index of the passage among those told, from 0; its marker is one more */
export function passageText(passage: Passage, index: number): string {
  const heading = passage.heading === '' ? '' : ` — ${passage.heading}`;
  const lines = hasLines(passage.path) ? ` (lines ${passage.startLine}–${passage.endLine})` : '';
  const place = `[${index + 1}] ${passage.path}${heading}${lines}`;
  return `${place}\n${fenced(passage.text, passage.kind === 'code' ? passage.language : 'text')}`;
}

/** Line numbers let a model name a line that the reader finds. */
export function numbered(text: string): string {
  const lines = text.split('\n');
  const width = String(lines.length).length;
  return lines.map((line, index) => `${String(index + 1).padStart(width)} | ${line}`).join('\n');
}

export function toolSection({ tool }: HopInput): string[] {
  if (tool === undefined) return [];
  const call = `${tool.name}(${JSON.stringify(tool.arguments)})`;
  return [`The tool ${call} was called for this request and answered:\n${fenced(tool.result, 'text')}`];
}

export function noteSection({ note }: HopInput): string[] {
  return note === undefined ? [] : [`A person added:\n${note}`];
}

/** An attempt at code, as it was. */
export function attemptSection({ code }: HopInput): string[] {
  return code === undefined ? [] : [`Attempt ${code.attempt}:\n${fenced(code.text, code.language)}`];
}

/** More points than this nobody answers one by one, and the first errors cause many of the others. */
const FINDINGS_MAX = 30;

/** What a review asks to be changed. */
export function findingsSection({ review }: HopInput): string[] {
  if (review === undefined) return [];
  const lines = review.findings.slice(0, FINDINGS_MAX).map((finding, index) => {
    const where = finding.line > 0 ? `line ${finding.line}, ` : '';
    return `${index + 1}. ${finding.severity}, ${where}${finding.rule}: ${finding.message}`;
  });
  const more = review.findings.length - lines.length;
  const section = [
    'The review of that attempt asks for changes. Answer every finding in the next one.',
    'After the code, answer the findings one by one, a line each: "1. " and how you met it, or why it stays.',
    review.summary,
    ...lines,
    ...(more > 0 ? [`(${more} more ${more === 1 ? 'finding was' : 'findings were'} left out for lack of room.)`] : []),
  ];
  return [section.join('\n')];
}

/** What `findingsSection` does not tell. */
export function findingsLeftOut({ review }: HopInput): string | null {
  const more = (review?.findings.length ?? 0) - FINDINGS_MAX;
  return more > 0 ? `${more} findings of the review were not told.` : null;
}
