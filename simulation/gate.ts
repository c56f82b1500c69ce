/**
 * The border of a simulated process: everything that goes in or out passes it, in order. Owns: stopping the traffic
 * (a process that is suspended) and ending it (a process that is dead). Does not own: why.
 *
 * Invariants:
 * 1. What passes while the gate is closed waits, and passes in the same order when it opens, each in a task of its own.
 * 2. A dead gate lets nothing through, ever: code of that life that still runs reaches nobody.
 */
import type { Scheduler } from './scheduler.ts';

export class Gate {
  readonly #scheduler: Scheduler;
  readonly #onError: (error: unknown) => void;
  #waiting: (() => void)[] = [];
  #closed = false;
  /** How long the process takes for whatever passes: others have its processor. */
  #stepMs = 0;
  #draining = false;
  #dead = false;

  constructor(scheduler: Scheduler, onError: (error: unknown) => void) {
    this.#scheduler = scheduler;
    this.#onError = onError;
  }

  get dead(): boolean {
    return this.#dead;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What comes now waits. */
  get busy(): boolean {
    return this.#closed || this.#draining;
  }

  pass(task: () => void): void {
    if (this.#dead) return;
    if (!this.busy && this.#stepMs === 0) {
      this.#perform(task);
      return;
    }
    this.#waiting.push(task);
    if (!this.busy) this.#drain();
  }

  /** A promise of the world outside, as the process sees it; `ask` goes out through the gate, the answer comes in. */
  call<T>(ask: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.pass(() => {
        ask().then(
          (value) => this.pass(() => resolve(value)),
          (error: unknown) => this.pass(() => reject(error)),
        );
      });
    });
  }

  starve(stepMs: number): void {
    this.#stepMs = stepMs;
  }

  close(forMs: number): void {
    if (this.#dead || this.#closed) return;
    this.#closed = true;
    this.#scheduler.after(forMs, () => this.open());
  }

  open(): void {
    if (!this.#closed) return;
    this.#closed = false;
    if (!this.#draining) this.#drain();
  }

  kill(): void {
    this.#dead = true;
    this.#waiting = [];
  }

  #drain(): void {
    this.#draining = this.#waiting.length > 0;
    if (!this.#draining) return;
    this.#scheduler.after(this.#stepMs, () => {
      if (this.#dead) return;
      if (this.#closed) {
        this.#draining = false;
        return;
      }
      const task = this.#waiting.shift();
      if (task) this.#perform(task);
      this.#drain();
    });
  }

  #perform(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#onError(error);
    }
  }
}
