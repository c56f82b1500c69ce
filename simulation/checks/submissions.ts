/**
 * What callers may expect, read from the log itself: which tasks were submitted, and which messages of theirs contradict
 * each other. Owns: that reading, written without the runtime's own.
 */
import { correlationIdFromLog } from '../../schemas/events/ids.ts';
import { SENT_AS } from '../clients.ts';
import type { Stored } from '../history.ts';
import type { Run } from '../simulate.ts';

export interface Submissions {
  /** Tasks that must come to an end: submitted in the log as it is, or accepted before watchers' eyes. */
  readonly expectedTasks: Set<string>;
  /** Tasks that were ever submitted, also by messages that the log has lost since. */
  readonly everSubmitted: Set<string>;
}

const decoder = new TextDecoder();

/** The task that a submission is about: as it names it, or by its place in the log. */
function taskOf({ message }: Stored, identity: string): string {
  const text = decoder.decode(message.data);
  if (!text.startsWith('{')) return correlationIdFromLog(identity, message.seq);
  const { id, correlationid, specversion } = JSON.parse(text) as Record<string, string | undefined>;
  const named = specversion === undefined ? id : correlationid;
  return named ?? correlationIdFromLog(identity, message.seq);
}

function isSubmission({ message }: Stored): boolean {
  return message.subject === 'mesh.tasks' && message.header(SENT_AS) === 'submission';
}

export function submissionsIn({ history, forgotten }: Pick<Run, 'history' | 'forgotten'>): Submissions {
  const expectedTasks = new Set<string>();
  for (const stored of history.now()) if (isSubmission(stored)) expectedTasks.add(taskOf(stored, history.identity));
  for (const { event } of history.facts) {
    if (event?.type !== 'dev.agentmesh.task.accepted.v1') continue;
    if (!forgotten.has(event.correlationid)) expectedTasks.add(event.correlationid);
  }
  const everSubmitted = new Set(expectedTasks);
  for (const stored of history.stored) if (isSubmission(stored)) everSubmitted.add(taskOf(stored, stored.identity));
  return { expectedTasks, everSubmitted };
}
