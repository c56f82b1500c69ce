/**
 * The effects of the open task, from its trace. Owns: asking for what is new, while it runs and a moment after its end:
 * processes tell what they finished once a second. Does not own: what they mean (`model/effects.ts`).
 *
 * A trace is an addition: where there is none, or it cannot be read, everything else is shown as before.
 */
import type { EffectSpan, Trace } from '../../../wire.ts';
import { AskError, ask } from './source.ts';

const AGAIN_MS = 1200;
/** After the last fact, what was told late. */
const LAST_ASKS = 3;

class TraceOfTask {
  spans = $state.raw<readonly EffectSpan[]>([]);
  #id: string | null = null;
  #seq = 0;
  #left = 0;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  open(id: string | null): void {
    if (this.#id === id) return;
    this.#id = id;
    this.#seq = 0;
    this.spans = [];
    this.#left = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (id !== null) void this.#load(id);
  }

  /** Something happened: what belongs to it is told soon. */
  hear(): void {
    this.#left = LAST_ASKS;
    this.#schedule();
  }

  #schedule(): void {
    const id = this.#id;
    if (id === null || this.#timer !== null || this.#left === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#left -= 1;
      void this.#load(id).then(() => this.#schedule());
    }, AGAIN_MS);
  }

  async #load(id: string): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const { seq, spans } = await ask<Trace>(`trace/${id}`, { after: String(this.#seq) });
      if (this.#id !== id) return;
      this.#seq = seq;
      if (spans.length === 0) return;
      const byId = new Map(this.spans.map((span) => [span.id, span]));
      for (const span of spans) byId.set(span.id, span);
      this.spans = [...byId.values()];
    } catch (error) {
      if (!(error instanceof AskError)) throw error;
    } finally {
      this.#busy = false;
      // Another task was opened meanwhile.
      if (this.#id !== null && this.#id !== id) void this.#load(this.#id);
    }
  }
}

export const trace = new TraceOfTask();
