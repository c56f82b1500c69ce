/** Nothing is called accepted that a person would refuse for what was said or is visibly wrong. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseCode } from '../../../actors/roles/coder/code-reply.ts';
import { isUnchecked } from '../../../actors/roles/orchestrator/answer.ts';
import { joinReviews } from '../../../actors/roles/reviewer/join-reviews.ts';
import { parseReview } from '../../../actors/roles/reviewer/verdict.ts';
import { closeChecks, reviewCode } from '../../../code-checks/index.ts';
import { EngineError } from '../../../prompting/engine-error.ts';
import { replyIn } from '../../../prompting/model-text.ts';
import type { CodeArtifact } from '../../../schemas/events/generated.ts';
import { type CodeRequest, type Ending, requests, tableOf } from './code-requests.ts';

afterAll(closeChecks);

function written({ reply, prompt, cut }: CodeRequest): CodeArtifact | null {
  try {
    return parseCode(replyIn(reply), { prompt }, [], { cut: cut === true });
  } catch (error) {
    if (error instanceof EngineError && ['engine_refused', 'engine_no_answer'].includes(error.code)) return null;
    throw error;
  }
}

async function endingOf(request: CodeRequest): Promise<Ending> {
  const code = written(request);
  if (code === null) return 'no code';
  const checked = await reviewCode(code, { request: request.prompt });
  const opinion = parseReview(replyIn(request.review), 'openai:m');
  const review = opinion.checkedBy.length > 0 ? joinReviews(checked, opinion) : checked;
  if (review.verdict !== 'approved') return 'not accepted';
  return isUnchecked(review) ? 'not checked' : 'accepted';
}

describe('code requests', () => {
  test.each(requests.map((one) => [one.language, one.matter, one] as const))(
    '%s: %s',
    { timeout: 120_000 },
    async (_language, _matter, one) => {
      expect(await endingOf(one)).toBe(one.ends);
    },
  );

  test('the table in docs/models.md is the one that was tried', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../../docs/models.md'), 'utf8');
    const [, table = ''] = /<!-- code -->\n([\s\S]*?)<!-- \/code -->/.exec(docs) ?? [];
    expect(table.trim()).toBe(tableOf(requests));
  });
});
