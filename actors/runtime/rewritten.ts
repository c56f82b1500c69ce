/**
 * What an emptied ledger can no longer know when its log was written anew as well. A log that was lost is published
 * again from the outboxes of all hosts, each in its own order, and a ledger that is folded from such a log may have lost
 * the word that an effect had begun. Owns: remembering which tasks that is true of. Does not own: folding.
 *
 * 1. What is published again carries a header that says so; a fold that meets it marks the task, in the ledger.
 * 2. An effect that may not be repeated never begins in a marked task: its outcome is unknown (S6).
 */
import type { StoredMessage } from '../../bus/port.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Ledger } from './ledger/port.ts';

/** Header of an event that a log had once and was given again after it had lost it. */
export const AGAIN_HEADER = 'mesh-published-again';

export interface Rewritten {
  /** To be called for each message of a task that is folded from the log into a ledger without its past. */
  folded(correlationId: string, message: StoredMessage): void;
  /** True when nobody can say whether an effect of the task has begun before. */
  doubts(correlationId: string): boolean;
}

export function createRewritten(ledger: Pick<Ledger, 'meta'>, commits: () => Pick<CommitQueue, 'meta'>): Rewritten {
  const marked = new Set<string>();
  const keyOf = (correlationId: string): string => `rewritten/${correlationId}`;
  return {
    folded(correlationId, message) {
      if (message.header(AGAIN_HEADER) === '' || marked.has(correlationId)) return;
      marked.add(correlationId);
      commits().meta(keyOf(correlationId), 'yes');
    },
    doubts: (correlationId) => marked.has(correlationId) || ledger.meta(keyOf(correlationId)) !== null,
  };
}
