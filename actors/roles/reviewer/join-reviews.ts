/**
 * One verdict from the static checks and a model's opinion. Owns: the rule. Does not own: either review.
 *
 * An error, whoever found it, requests changes: the checks decide first, and a model cannot approve what does not
 * compile. A model that asks for changes and names nothing leaves its summary as the one point to answer.
 */
import type { Finding, Review } from '../../../schemas/events/generated.ts';

/** Limits of schemas/events/data/common.v1.json. */
const FINDINGS_MAX = 100;
const CHECKED_BY_MAX = 10;
const SUMMARY_CHARS_MAX = 8000;
const MESSAGE_CHARS_MAX = 4000;

export function joinReviews(checked: Review, opinion: Review): Review {
  const findings = [...checked.findings, ...pointsOf(opinion)].slice(0, FINDINGS_MAX);
  const hasError = [...checked.findings, ...opinion.findings].some(({ severity }) => severity === 'error');
  const wanted = checked.verdict === 'changes_requested' || opinion.verdict === 'changes_requested';
  return {
    verdict: hasError || wanted ? 'changes_requested' : 'approved',
    findings,
    summary: `${checked.summary} ${opinion.summary}`.trim().slice(0, SUMMARY_CHARS_MAX),
    checkedBy: [...new Set([...checked.checkedBy, ...opinion.checkedBy])].slice(0, CHECKED_BY_MAX),
  };
}

function pointsOf(opinion: Review): readonly Finding[] {
  if (opinion.verdict === 'approved' || opinion.findings.length > 0) return opinion.findings;
  const message = (opinion.summary || 'The model asks for changes and does not say which.').slice(0, MESSAGE_CHARS_MAX);
  return [{ severity: 'warning', line: 0, rule: 'model-review', message }];
}
