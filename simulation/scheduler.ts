/**
 * Virtual time. Owns: one queue of tasks, the clock that jumps from one to the next, and letting promises settle
 * between two. Does not own: what a task does, or when it is due; the seed decides that through whoever calls `after`.
 *
 * Invariants:
 * 1. One task runs at a time, and all microtasks that it causes run before the next.
 * 2. Tasks run by due time, then in the order in which they were added: the same calls give the same run.
 */

interface Entry {
  readonly dueMs: number;
  readonly order: number;
  task: (() => void) | null;
}

/** 2026-01-01: any fixed beginning will do. */
const EPOCH_MS = 1_767_225_600_000;
/** Tasks run in one turn of the real event loop; microtasks are drained between them all the same. */
const TASKS_PER_TURN = 128;

export class Scheduler {
  #nowMs = EPOCH_MS;
  #order = 0;
  readonly #heap: Entry[] = [];
  readonly #onError: (error: unknown) => void;
  tasksRun = 0;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Milliseconds since the epoch, with fractions. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get elapsedMs(): number {
    return this.#nowMs - EPOCH_MS;
  }

  /** Runs the task later; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void {
    const entry: Entry = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, task };
    this.#order += 1;
    this.#push(entry);
    return () => {
      entry.task = null;
    };
  }

  /** Runs tasks until `done`, until there is none, or for `limitMs` of virtual time. Resolves with what `done` says. */
  run(done: () => boolean, limitMs: number): Promise<boolean> {
    const deadlineMs = this.#nowMs + limitMs;
    return new Promise((resolve) => {
      let finished = false;
      const one = (): void => {
        if (finished) return;
        const isDone = done();
        const entry = isDone ? undefined : this.#pop();
        if (!entry || entry.dueMs > deadlineMs) {
          if (entry) this.#push(entry);
          finished = true;
          resolve(isDone);
          return;
        }
        this.#nowMs = Math.max(this.#nowMs, entry.dueMs);
        this.tasksRun += 1;
        this.#perform(entry);
      };
      const turn = (): void => {
        one();
        if (finished) return;
        for (let task = 1; task < TASKS_PER_TURN; task += 1) setImmediate(one);
        setImmediate(turn);
      };
      setImmediate(turn);
    });
  }

  #perform(entry: Entry): void {
    try {
      entry.task?.();
    } catch (error) {
      this.#onError(error);
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, entry)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  /** The next task that was not cancelled. */
  #pop(): Entry | undefined {
    for (;;) {
      const first = this.#popAny();
      if (first === undefined || first.task !== null) return first;
    }
  }

  #popAny(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const leftEntry = heap[left];
      if (leftEntry === undefined) break;
      const rightEntry = heap[left + 1];
      const takeRight = rightEntry !== undefined && isBefore(rightEntry, leftEntry);
      const child = takeRight ? rightEntry : leftEntry;
      if (isBefore(last, child)) break;
      heap[at] = child;
      at = takeRight ? left + 1 : left;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}
