/**
 * Tasks that take known ways through the mesh. Owns: the prompts. Does not own: the passages they find
 * (`tests/fixtures/crash-knowledge`).
 */
import type { DataByName } from '../../schemas/events/generated.ts';

/** Two hops: retriever, responder. */
export const answerPrompt = 'How long does a lease live?';

/** Five hops: the code that the knowledge base offers lacks a comma, so the review goes round once. */
export const buildTask: Pick<DataByName['task.submitted'], 'prompt' | 'workflow'> = {
  prompt: 'Write the retryLimits json with attemptsMax, firstPauseMs and longestPauseMs',
  workflow: 'build',
};
