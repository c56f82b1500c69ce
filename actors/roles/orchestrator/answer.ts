/**
 * The text that a caller gets. Owns: putting the artifacts of a task into words. Does not own: the artifacts.
 */
import type { Citation, Finding, Review } from '../../../schemas/events/generated.ts';
import type { TaskContext } from './context.ts';

export function composeAnswer(context: TaskContext): { text: string; citations: Citation[] } {
  const { answer, code, review } = context.artifacts;
  if (context.outcome === 'failed' || context.outcome === 'cancelled') {
    return { text: context.error?.message ?? context.outcome, citations: [] };
  }
  if (answer) return { text: answer.text, citations: answer.citations };
  if (code) {
    const verdict = review ? `\n\n${verdictLine(context)}` : '';
    return {
      text: `${code.explanation}\n\n${fenced(code.language, code.text)}${verdict}`.trim(),
      citations: code.citations,
    };
  }
  if (review) return { text: `${review.summary}\n${findingLines(review.findings)}`.trim(), citations: [] };
  const own = Object.values(context.artifacts.artifacts ?? {});
  if (own.length > 0) return { text: own.map(({ text }) => text).join('\n\n'), citations: [] };
  return { text: context.artifacts.tool?.result ?? context.hops.at(-1)?.summary ?? '', citations: [] };
}

function fenced(language: string, text: string): string {
  const fence = text.includes('```') ? '````' : '```';
  return `${fence}${language}\n${text.trimEnd()}\n${fence}`;
}

/** Approved by nobody: no tool knows the language, and no model gave a verdict. */
export function isUnchecked({ verdict, checkedBy }: Review): boolean {
  return verdict === 'approved' && checkedBy.length === 0;
}

const NOT_CHECKED = 'Nothing has checked this code: no tool here knows its language, and no model gave a verdict.';

/** Why nobody has: a check that ran out of time says so itself. */
export function whyNotChecked({ findings }: Review): string {
  const unfinished = findings.find(({ rule }) => rule.startsWith('check-'));
  return unfinished === undefined ? NOT_CHECKED : `${unfinished.message} No model gave a verdict.`;
}

function verdictLine({ artifacts, loopsUsed }: TaskContext): string {
  const { review } = artifacts;
  if (!review) return '';
  const { findings, checkedBy, verdict } = review;
  const rounds = loopsUsed === 1 ? '1 revision' : `${loopsUsed} revisions`;
  if (verdict !== 'approved') {
    const checked = checkedBy.length > 0 ? `\nChecked by ${checkedBy.join(', ')}.` : '';
    return `Not accepted after ${rounds}; this is the best attempt. What is still wrong:\n${findingLines(findings)}${checked}`;
  }
  const remarks = findings.length > 0 ? `\nWhat was remarked:\n${findingLines(findings)}` : '';
  if (isUnchecked(review)) return `${whyNotChecked(review)}${remarks}`;
  // A text that no tool has judged has one of these findings, and then only a model can have approved.
  const byModel = findings.some(({ rule }) => rule === 'not-checked' || rule.startsWith('check-'));
  const how = byModel
    ? `No tool checked it; it is approved by the opinion of ${checkedBy.join(', ')} alone.`
    : `Checked by ${checkedBy.join(', ')}.`;
  return `Accepted by the reviewer after ${rounds}. ${how}${remarks}`;
}

function findingLines(findings: readonly Finding[]): string {
  return findings
    .map(
      ({ severity, line, rule, message }) => `- ${severity}${line > 0 ? `, line ${line}` : ''}: ${message} (${rule})`,
    )
    .join('\n');
}
