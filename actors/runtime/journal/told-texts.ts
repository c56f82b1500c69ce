/**
 * Long texts in a journal: a prompt of 240 KB would else stand in it once for each hop. Owns: remembering where in a record
 * a long text was written whole, and of very long ones in which record, while it is known where the log has that; writing a
 * reference in its place. Does not own: the rest of a record (`record.ts`), or reading it (`schemas/events/journal.ts`).
 *
 * 1. A text is found only while its record is in the log: whoever reads a reference finds what it refers to.
 * 2. The record is one of the same task: a reference that somebody made up leads to nothing of another task.
 * 3. It is what a record tells of what was caused, and nothing rests on it: an input is never referred to another record.
 */
import { hash } from 'node:crypto';
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import { LONG_TEXT_CHARACTERS, textsIn } from '../../../schemas/events/journal.ts';

/** Shorter ones are written again: a reference costs its reader another read of the log. */
const TOLD_FROM_CHARACTERS = 4096;
/** Texts of one journal that are remembered, the latest of them. */
const TEXTS_MAX = 256;

/** A text that stands whole in an entry of a record. */
interface TextHome {
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

/** Where each long text of the record was written first. */
export class RecordTexts {
  readonly #places = new Map<string, TextHome>();
  readonly #told: ToldTexts | undefined;
  readonly #n: number;

  constructor(told: ToldTexts | undefined, n: number) {
    this.#told = told;
    this.#n = n;
  }

  /** The record is written as it is: what stands whole in it may be referred to by later ones. */
  remember(): void {
    for (const [text, home] of this.#places) this.#told?.note(text, home);
  }

  /** The data as it is written: a text that stands in a record already is only referred to. */
  write({ data, id, correlationid: task }: MeshEvent): unknown {
    const whole: { readonly text: string; readonly index: number }[] = [];
    let met = 0;
    const written = this.#referring(data, (text) => {
      const index = met++;
      const reference = this.#reference(text, task);
      if (reference === null) whole.push({ text, index });
      return reference;
    });
    // Not before all of the event is written: it refers to earlier ones, never to itself.
    for (const { text, index } of whole) this.#note(text, { task, place: `#${id}/${index}`, n: this.#n });
    return written;
  }

  /** An input stands whole, whatever was written before. */
  input({ data, id, correlationid: task }: MeshEvent): void {
    for (const [index, text] of textsIn(data).entries())
      this.#note(text, { task, place: `#${id}/${index}`, n: this.#n });
  }

  #note(text: string, home: TextHome): void {
    if (!this.#places.has(text)) this.#places.set(text, home);
  }

  /**
   * Gone through in the order of `textsIn`, which counts the long texts; what holds no reference is handed on as it is.
   *
   * @param refer is asked about each long text
   */
  #referring(value: unknown, refer: (text: string) => object | null): unknown {
    if (typeof value === 'string') return value.length < LONG_TEXT_CHARACTERS ? value : (refer(value) ?? value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.#referring(item, refer));
    let copy: Record<string, unknown> | null = null;
    for (const [key, item] of Object.entries(value)) {
      const written = this.#referring(item, refer);
      if (written === item) continue;
      copy ??= { ...value };
      copy[key] = written;
    }
    return copy ?? value;
  }

  #reference(text: string, task: string): object | null {
    const here = this.#places.get(text);
    if (here !== undefined) return { $ref: here.place };
    const told = this.#told?.find(text, task) ?? null;
    return told === null ? null : { $ref: told.place, logseq: String(told.seq) };
  }
}
