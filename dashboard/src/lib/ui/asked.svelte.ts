/** Something that a page asks for once, and may ask for again. Owns: answer, failure, and which of them is the latest. */
import { AskError, ask } from '../live/source.ts';

export class Asked<T> {
  value = $state.raw<T | null>(null);
  problem = $state<string | null>(null);
  busy = $state(false);
  #turn = 0;

  async load(path: string, params: Readonly<Record<string, string>> = {}): Promise<void> {
    const turn = ++this.#turn;
    this.busy = true;
    try {
      const value = await ask<T>(path, params);
      if (turn !== this.#turn) return;
      this.value = value;
      this.problem = null;
    } catch (error) {
      if (!(error instanceof AskError)) throw error;
      if (turn === this.#turn) this.problem = error.message;
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
}
