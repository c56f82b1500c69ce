/**
 * Removing what an ended task leaves in the log. Owns: what goes, what stays, and the note that it was removed. Does not
 * own: who asks for it, or when (`mesh tasks rm`, `services/retention.ts`).
 *
 * 1. Only a task that has ended is removed.
 * 2. Its facts go, with all artifacts in them, overwritten in the store. Its inputs stay in the journal and the ledger until
 *    the log drops them by age: they are part of records of many tasks.
 * 3. Its id stays taken for ever: the ledger of the orchestrator remembers it, and the note does. The note is written first,
 *    so a removal that was cut off can be done again.
 */
import type { Bus } from '../bus/port.ts';
import { type Fact, factsIn } from '../schemas/events/fact.ts';
import { FACT_FILTER, factSubject, parseSubject } from '../schemas/events/subjects.ts';
import { foldAll, isEnded, type TaskStatus, type TaskView } from '../schemas/events/task-view.ts';

/** A removed task, as the note in the bucket says. */
export interface Removed {
  /** RFC 3339. */
  readonly at: string;
  readonly status: TaskStatus;
}

export type Removal =
  | { readonly kind: 'removed'; readonly status: TaskStatus; readonly messages: number }
  | { readonly kind: 'goes_on'; readonly status: TaskStatus }
  | { readonly kind: 'unknown' };

interface Trail {
  readonly view: TaskView;
  readonly seqs: readonly number[];
}

async function trailOf(bus: Bus, taskId: string): Promise<Trail> {
  const seqs: number[] = [];
  const facts: Fact[] = [];
  const reader = await bus.read({
    filter: factSubject(taskId),
    fromSeq: 1,
    onMessage: (message) => {
      seqs.push(message.seq);
      facts.push(...factsIn(message));
    },
  });
  try {
    await reader.caughtUp;
  } finally {
    await reader.stop();
  }
  return { view: foldAll(taskId, facts), seqs };
}

/**
 * @param options `dryRun`: says what would become of it, and writes nothing
 * @throws BusError
 */
export async function removeTask(
  bus: Bus,
  taskId: string,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<Removal> {
  const { view, seqs } = await trailOf(bus, taskId);
  const note = bus.kv('removed');
  const before = await note.get(taskId);
  if (seqs.length === 0) return { kind: 'unknown' };
  // A log that was lost may have got the facts of a removed task again, not all of them at once.
  if (before === null && !isEnded(view.status)) return { kind: 'goes_on', status: view.status };
  const messages = seqs.length;
  if (dryRun) return { kind: 'removed', status: view.status, messages };
  const removed: Removed = { at: new Date().toISOString(), status: view.status };
  if (before === null) await note.put(taskId, JSON.stringify(removed));
  for (const seq of seqs) await bus.remove(seq);
  return { kind: 'removed', status: view.status, messages };
}

/** Null when it was not removed. */
export async function removalNote(bus: Bus, taskId: string): Promise<Removed | null> {
  const entry = await bus.kv('removed').get(taskId);
  return entry === null ? null : (JSON.parse(entry.value) as Removed);
}

/** Of each task in the log, when its last fact was stored, by the server's clock; the oldest first. */
export async function lastFacts(bus: Bus): Promise<{ taskId: string; atMs: number }[]> {
  const last = await bus.readLast(FACT_FILTER, 'log', { bare: true });
  return last.flatMap(({ subject, atMs }) => {
    const parsed = parseSubject(subject);
    return parsed.kind === 'fact' ? [{ taskId: parsed.correlationId, atMs }] : [];
  });
}

/** How a task stands, by its facts. */
export async function statusOf(bus: Bus, taskId: string): Promise<TaskStatus> {
  return (await trailOf(bus, taskId)).view.status;
}
