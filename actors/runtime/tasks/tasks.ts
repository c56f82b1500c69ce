/**
 * The tasks of one partition: what its journal, folded, says of them. Owns: applying an input to the task that it is
 * for, remembering what ended, and what belongs into the next checkpoint. Does not own: the journal, effects, timers,
 * sending.
 *
 * Invariants:
 * 1. Applying the inputs of the journal in order gives the same tasks, whether they come from outside just now or are
 *    read from either store (J1). Nothing here looks at a clock.
 * 2. A task is forgotten in memory only when it is stored as it is, or ended.
 * 3. An event for a task that has ended is a repetition, whenever it comes (S5).
 */
import { contentDigest, nameOf } from '../../../schemas/events/envelope.ts';
import type { EventInput } from '../journal/record.ts';
import type { Checkpoint, EndedTask, Ledger } from '../ledger/port.ts';
import type { RuntimeLimits } from '../limits.ts';
import type { Actor, LoggedEvent } from './actor.ts';
import { freezeTask, readTask, type StoredTask } from './snapshot.ts';
import { isSettlement, repetition } from './step.ts';
import { type Actors, applyToTask, isIdle, isOver, type RolesByName, type TaskResult } from './task.ts';

/** A task in memory. */
export interface LiveTask {
  readonly id: string;
  readonly partition: number;
  actors: Actors;
  readonly firstN: number;
  /** Last record that speaks of it. */
  lastN: number;
  updatedAtMs: number;
  doubtful: boolean;
  /** All that it was told came after this process had started: nothing of it can have been put back since. */
  fresh?: boolean;
}

export interface Tasks {
  /** A task that is open, woken when it slept. @throws FatalError when no machine can load it */
  find(task: string): LiveTask | null;
  actor(task: string, role: string): Actor | null;
  hasEnded(task: string): boolean;
  /** What is known of a task that has ended; null for others. */
  ended(task: string): EndedTask | null;
  /** What the input means. Nothing is changed. */
  weigh(input: EventInput): TaskResult;
  /** Makes it so: the input is in record `n`. */
  apply(input: EventInput, result: TaskResult & { kind: 'applied' }, n: number): LiveTask;
  /** Tasks that sleep in the ledger, and those in memory: what runs and what is waited for. */
  atWork(): Iterable<StoredTask | LiveTask>;
  /** How many open tasks have changed since the last checkpoint. */
  readonly changed: number;
  /** What the ledger is to remember after record `n`; from now on it counts as stored. */
  checkpoint(n: number): Omit<Checkpoint, 'unsent'>;
  /** Forgets in memory what is stored and has nothing to do, beyond so many. */
  forget(idleMax: number): void;
  readonly size: number;
}

type Reads = Pick<Ledger, 'task' | 'tasks' | 'ended'>;

export interface TasksOptions {
  readonly partition: number;
  readonly roles: RolesByName;
  readonly limits: RuntimeLimits;
  /** Where snapshots and ended tasks are kept; a fold from the beginning brings an empty one. */
  readonly ledger: Reads;
  /** Tasks of which another past has told more. */
  readonly doubts?: ReadonlySet<string>;
}

/** Nothing is remembered: for folding from the first record. */
export const nothingStored: Reads = { task: () => null, tasks: () => [], ended: () => null };

/** Digest of an input that comes from elsewhere; null for what a host says about its own actors. */
function digestOf({ event, place }: EventInput): string | null {
  const name = nameOf(event.type);
  return place === null || (name !== null && isSettlement(name)) ? null : contentDigest(event);
}

/** An input as its actor is told it, now or from a record: on the machine that it began on then (S11). */
export function loggedOf(input: EventInput): LoggedEvent {
  const { event, atMs, upMs, began } = input;
  return { event, atMs, upMs, digest: digestOf(input), began };
}

const late = { kind: 'ignored', reason: 'late' } as const;

export function createTasks({ partition, roles, limits, ledger, doubts = new Set() }: TasksOptions): Tasks {
  const live = new Map<string, LiveTask>();
  /** Changed since the last checkpoint, and still open. */
  const changed = new Set<LiveTask>();
  /** Ended since the last checkpoint. */
  const ended = new Map<string, EndedTask>();
  /** Taken into a checkpoint that may not be stored yet: the ledger does not know them for a moment. */
  let storing = new Map<string, EndedTask>();
  /** The last one that the ledger did not have: what begins is looked for several times. */
  let absent = '';

  const endedTask = (id: string): EndedTask | null => ended.get(id) ?? storing.get(id) ?? ledger.ended(partition, id);
  const find = (id: string): LiveTask | null => {
    const known = live.get(id);
    if (known) return known;
    if (id === absent || ended.has(id) || storing.has(id)) return null;
    const stored = ledger.task(partition, id);
    if (stored === null || ledger.ended(partition, id) !== null) {
      absent = id;
      return null;
    }
    const { firstN, lastN, updatedAtMs, wake, ...before } = readTask(stored);
    const doubtful = before.doubtful || doubts.has(id);
    const task: LiveTask = { id, partition, actors: wake(roles), firstN, lastN, updatedAtMs, doubtful };
    live.set(id, task);
    return task;
  };
  return {
    find,
    actor: (id, role) => find(id)?.actors.get(role) ?? null,
    hasEnded: (id) => !live.has(id) && endedTask(id) !== null,
    ended: (id) => (live.has(id) ? null : endedTask(id)),
    weigh(input) {
      const logged = loggedOf(input);
      const { event, digest } = logged;
      const task = find(event.correlationid);
      const over = task === null ? endedTask(event.correlationid) : null;
      if (over !== null) return (digest === null ? null : repetition(over.seen[event.id], digest, event.id)) ?? late;
      return applyToTask(roles, task?.actors ?? new Map(), { role: input.role, logged }, limits);
    },
    apply(input, result, n) {
      const id = input.event.correlationid;
      if (id === absent) absent = '';
      const { actors } = result;
      const begun = { firstN: n, lastN: n, updatedAtMs: 0, doubtful: doubts.has(id) };
      const task: LiveTask = live.get(id) ?? { id, partition, actors, ...begun };
      task.actors = actors;
      task.lastN = n;
      task.updatedAtMs = input.atMs;
      task.doubtful ||= input.again;
      if (isOver(actors)) {
        live.delete(id);
        changed.delete(task);
        ended.set(id, { task: id, firstN: task.firstN, lastN: n, atMs: input.atMs, seen: seenBy(actors) });
      } else {
        // Those that something happened to last are at the end: the others are forgotten first.
        live.delete(id);
        live.set(id, task);
        changed.add(task);
      }
      return task;
    },
    *atWork() {
      for (const stored of ledger.tasks(partition)) {
        if (!live.has(stored.task) && !ended.has(stored.task) && !storing.has(stored.task)) yield readTask(stored);
      }
      yield* live.values();
    },
    get changed() {
      return changed.size;
    },
    checkpoint(n) {
      const tasks = [...changed].map((task) => freezeTask(task.id, task.actors, task));
      const over = [...ended.values()];
      storing = new Map(ended);
      changed.clear();
      ended.clear();
      return { partition, n, tasks, ended: over };
    },
    forget(idleMax) {
      let excess = live.size - idleMax;
      for (const [id, task] of live) {
        if (excess <= 0) return;
        if (changed.has(task) || !isIdle(task.actors)) continue;
        live.delete(id);
        excess -= 1;
      }
    },
    get size() {
      return live.size;
    },
  };
}

/** Digests of what came from elsewhere: a repetition is told from a contradiction also after the end. */
function seenBy(actors: Actors): Readonly<Record<string, string>> {
  const seen: Record<string, string> = {};
  for (const actor of actors.values()) for (const [id, digest] of actor.seen) seen[id] = digest;
  return seen;
}
