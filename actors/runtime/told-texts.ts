/**
 * Where a journal has its very long texts: a prompt of 240 KB would else stand in it once for each hop. Owns: remembering
 * in which record such a text was written whole, while it is known where the log has that record. Does not own: writing
 * records (`record.ts`), or reading them (`schemas/events/journal.ts`).
 *
 * 1. A text is found only while its record is in the log: whoever reads a reference finds what it refers to.
 * 2. The record is one of the same task: a reference that somebody made up leads to nothing of another task.
 * 3. It is what a record tells of what was caused, and nothing rests on it: an input is never referred to another record.
 */
import { hash } from 'node:crypto';

/** Shorter ones are written again: a reference costs its reader another read of the log. */
const TOLD_FROM_CHARACTERS = 4096;
/** Texts of one journal that are remembered, the latest of them. */
const TEXTS_MAX = 256;

/** A text that stands whole in an entry of a record. */
export interface TextHome {
  /** Whose entry it is; nobody else is referred to it. */
  readonly task: string;
  /** Id of the event, and which of its long texts. */
  readonly place: string;
  /** Number of the record. */
  readonly n: number;
}

export interface Referred {
  readonly place: string;
  /** Sequence in the log of the record that has it. */
  readonly seq: number;
}

export class ToldTexts {
  readonly #homes = new Map<string, TextHome>();
  readonly #seqOf: (n: number) => number | undefined;

  /** @param seqOf where the log has a record of this journal, as far as that is known */
  constructor(seqOf: (n: number) => number | undefined) {
    this.#seqOf = seqOf;
  }

  note(text: string, home: TextHome): void {
    if (text.length < TOLD_FROM_CHARACTERS) return;
    const key = keyOf(text, home.task);
    this.#homes.delete(key);
    this.#homes.set(key, home);
    if (this.#homes.size <= TEXTS_MAX) return;
    const [oldest] = this.#homes.keys();
    if (oldest !== undefined) this.#homes.delete(oldest);
  }

  find(text: string, task: string): Referred | null {
    if (text.length < TOLD_FROM_CHARACTERS) return null;
    const home = this.#homes.get(keyOf(text, task));
    const seq = home === undefined ? undefined : this.#seqOf(home.n);
    return home === undefined || seq === undefined ? null : { place: home.place, seq };
  }
}

function keyOf(text: string, task: string): string {
  return `${task}/${hash('sha256', text, 'base64')}`;
}
