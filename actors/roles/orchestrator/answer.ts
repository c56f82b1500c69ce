/**
 * The text that a caller gets. Owns: putting the artifacts of a task into words. Does not own: the artifacts.
 */
import type { Citation, Finding } from '../../../schemas/events/generated.ts';
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
  return { text: context.artifacts.tool?.result ?? context.hops.at(-1)?.summary ?? '', citations: [] };
}

function fenced(language: string, text: string): string {
  const fence = text.includes('```') ? '````' : '```';
  return `${fence}${language}\n${text.trimEnd()}\n${fence}`;
}

function verdictLine({ artifacts, loopsUsed }: TaskContext): string {
  const { review } = artifacts;
  if (!review) return '';
  const checked = review.checkedBy.length > 0 ? ` Checked by ${review.checkedBy.join(', ')}.` : '';
  const rounds = loopsUsed === 1 ? '1 revision' : `${loopsUsed} revisions`;
  if (review.verdict === 'approved') return `Accepted by the reviewer after ${rounds}.${checked}`;
  return `Not accepted after ${rounds}; this is the best attempt. What is still wrong:\n${findingLines(review.findings)}${checked}`;
}

function findingLines(findings: readonly Finding[]): string {
  return findings
    .map(
      ({ severity, line, rule, message }) => `- ${severity}${line > 0 ? `, line ${line}` : ''}: ${message} (${rule})`,
    )
    .join('\n');
}
