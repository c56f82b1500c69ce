/**
 * The rows of the task list. Owns: keeping them, their order, and holding back what comes while the list is paused. Does
 * not own: filters (`filter.ts`), or telling anybody (`live.svelte.ts`).
 *
 * Invariants:
 * 1. The task that was begun last is first; a row never moves while its task goes on.
 * 2. While paused, nothing that is shown changes; what comes waits, once a task, and counts.
 * 3. An older state of a task never replaces a newer one.
 */
import type { TaskRow } from '../../../wire.ts';

export class TaskRows {
  #shown = new Map<string, TaskRow>();
  readonly #waiting = new Map<string, TaskRow>();
  #sorted: readonly TaskRow[] | null = null;
  #paused = false;

  get paused(): boolean {
    return this.#paused;
  }

  /** Tasks that changed or came while paused. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get size(): number {
    return this.#shown.size;
  }

  /** A snapshot: everything before it is forgotten. */
  reset(rows: readonly TaskRow[]): void {
    this.#shown = new Map(rows.map((row) => [row.id, row]));
    this.#waiting.clear();
    this.#sorted = null;
  }

  apply(rows: readonly TaskRow[]): void {
    const into = this.#paused ? this.#waiting : this.#shown;
    for (const row of rows) {
      const known = this.latest(row.id);
      if (known === null || row.seq >= known.seq) into.set(row.id, row);
    }
    if (!this.#paused) this.#sorted = null;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.apply(waiting);
  }

  /** As it is shown. */
  get(id: string): TaskRow | null {
    return this.#shown.get(id) ?? null;
  }

  /** As it is, shown or not: badges and the inbox do not pause. */
  latest(id: string): TaskRow | null {
    return this.#waiting.get(id) ?? this.#shown.get(id) ?? null;
  }

  /** All that are shown, the newest first. */
  sorted(): readonly TaskRow[] {
    this.#sorted ??= [...this.#shown.values()].sort((a, b) => b.startedAtMs - a.startedAtMs || (a.id < b.id ? -1 : 1));
    return this.#sorted;
  }

  /** Those that wait for a person, the oldest question first; not held back by a pause. */
  asking(): readonly TaskRow[] {
    return [...new Set([...this.#shown.keys(), ...this.#waiting.keys()])]
      .map((id) => this.latest(id))
      .filter((row): row is TaskRow => row?.question != null)
      .sort((a, b) => (a.question?.askedAtMs ?? 0) - (b.question?.askedAtMs ?? 0));
  }
}
