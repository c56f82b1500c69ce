/**
 * What an emptied ledger can no longer know when its log was written anew as well. A log that was lost is published
 * again from the outboxes of all hosts, each in its own order, and a ledger that is folded from such a log may have lost
 * the word that an effect had begun. Owns: remembering which tasks that is true of. Does not own: folding.
 *
 * 1. What is published again carries a header that says so. When a whole log is folded that has any of it, every task
 *    that the log knows is marked, in the ledger: another host, emptied as well, may have asked for its work anew. When
 *    single partitions are folded, the tasks whose messages carry it are.
 * 2. An effect that may not be repeated never begins in a marked task: its outcome is unknown (S6).
 */
import type { StoredMessage } from '../../bus/port.ts';
import { parseSubject } from '../../schemas/events/subjects.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Ledger } from './ledger/port.ts';

/** Header of an event that a log had once and was given again after it had lost it. */
export const AGAIN_HEADER = 'mesh-published-again';

export interface Rewritten {
  /** To be called for each message of a task that is folded from the log into a ledger without its past. */
  folded(correlationId: string, message: StoredMessage): void;
  /** To be called for each message when a whole log is folded, whoever it is for. */
  met(message: StoredMessage): void;
  /** The whole log has been folded. */
  metAll(): void;
  /** True when nobody can say whether an effect of the task has begun before. */
  doubts(correlationId: string): boolean;
}

export function createRewritten(ledger: Pick<Ledger, 'meta'>, commits: () => Pick<CommitQueue, 'meta'>): Rewritten {
  const marked = new Set<string>();
  /** Tasks of the log that is being folded, and whether it was written anew. */
  const known = new Set<string>();
  let again = false;
  const keyOf = (correlationId: string): string => `rewritten/${correlationId}`;
  const mark = (correlationId: string): void => {
    if (marked.has(correlationId)) return;
    marked.add(correlationId);
    commits().meta(keyOf(correlationId), 'yes');
  };
  return {
    folded(correlationId, message) {
      if (message.header(AGAIN_HEADER) !== '') mark(correlationId);
    },
    met(message) {
      if (message.header(AGAIN_HEADER) !== '') again = true;
      const place = parseSubject(message.subject);
      if (place.kind === 'inbox' || place.kind === 'fact') known.add(place.correlationId);
    },
    metAll() {
      if (again) for (const correlationId of known) mark(correlationId);
      known.clear();
    },
    doubts: (correlationId) => marked.has(correlationId) || ledger.meta(keyOf(correlationId)) !== null,
  };
}
