/**
 * What leaves a host because of a record, as messages. Owns: their form, their order and the ids by which they are known
 * again. Does not own: sending (`sender.ts`).
 *
 * Invariant: the same record gives the same messages under the same ids, whenever and wherever it is folded (J1). So
 * there is no outbox: what may not have arrived is derived and sent again.
 */
import type { PublishRequest, StoredMessage } from '../../../bus/port.ts';
import { BATCH_CONTENT_TYPE, EVENT_CONTENT_TYPE, type MeshEvent, nameOf } from '../../../schemas/events/envelope.ts';
import { AFTER_HEADER, JOURNAL_HEADER, RECORD_HEADER, RECORD_SEQ_HEADER } from '../../../schemas/events/journal.ts';
import { factSubject, inboxSubject, isJournal } from '../../../schemas/events/subjects.ts';
import { headIn, type Quarantined } from '../journal/record.ts';
import type { TaskStep } from '../tasks/task.ts';
import { type QuarantineForm, quarantineForm, refusedForm } from './quarantine.ts';

/** What a message is known again by: its place, and what it rests on. */
export function placeOf(message: { readonly seq: number; header(name: string): string }): string {
  return `${message.seq}@${message.header(JOURNAL_HEADER)}/${message.header(RECORD_HEADER)}`;
}

/** The same for whatever a journal's writer gives to a stream, its records too: by their own ids. */
export function markOf(message: StoredMessage): string {
  if (!isJournal(message.subject)) return placeOf(message);
  return `${message.seq}@${headIn(message.data)?.id ?? ''}`;
}

/** Header of an event that a log had once and was given again after it had lost it. */
export const AGAIN_HEADER = 'mesh-published-again';
/** Room for the headers: the log's limit counts them too, and for what a record adds to an event that it holds. */
export const ENVELOPE_MAX_BYTES = 4096;

export interface Message extends Omit<PublishRequest, 'body'> {
  readonly msgId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Of the body; `base64` for what may be no text. */
  readonly encoding: 'text' | 'base64';
  /** `request`: an event for a role elsewhere, which may be answered; `over`: the last one, which is not. */
  readonly kind: 'facts' | 'request' | 'over' | 'quarantine';
  readonly task: string;
  /** The role elsewhere that is told it. */
  readonly to: string;
}

/** Without the id that its place in the record gives it. */
type Draft = Omit<Message, 'msgId'> & { readonly msgId?: string };

/** What follows from the inputs of one record, in order. */
export class RecordMessages {
  readonly #facts = new Map<string, string[]>();
  readonly #others: Draft[] = [];
  readonly #over: Draft[] = [];

  /** @param texts the JSON of what leaves, where it is known already */
  add({ said, refused }: TaskStep, texts?: ReadonlyMap<MeshEvent, string>): void {
    for (const { way, to, event } of said) {
      if (way === 'host') continue;
      const body = texts?.get(event) ?? JSON.stringify(event);
      const task = event.correlationid;
      if (way === 'fact') {
        const facts = this.#facts.get(task);
        if (facts) facts.push(body);
        else this.#facts.set(task, [body]);
      } else {
        const headers = { 'content-type': EVENT_CONTENT_TYPE, traceparent: event.traceparent };
        const isOver = nameOf(event.type) === 'task.over';
        const form = { subject: inboxSubject(to, task), body, encoding: 'text', headers, task, to } as const;
        if (isOver) this.#over.push({ kind: 'over', ...form });
        else this.#others.push({ kind: 'request', ...form });
      }
    }
    for (const one of refused) this.#others.push(this.#quarantined(refusedForm(one), one.event.correlationid));
  }

  /** Known by its place in the log: one that is read again in a log that has lost something is not kept twice. */
  quarantine(message: Quarantined): void {
    const msgId = `q.${message.lane}.${message.seq}.${message.storedAtMs}`;
    this.#others.push({ ...this.#quarantined(quarantineForm(message), ''), msgId });
  }

  #quarantined(form: QuarantineForm, task: string): Omit<Message, 'msgId'> {
    return { kind: 'quarantine', ...form, task, to: '' };
  }

  /** @param maxBytes of one message, as a server counts it: with its headers */
  messages(journal: string, n: number, recordId: string, maxBytes: number): Message[] {
    const all: Message[] = [];
    const push = (message: Draft): void => {
      const headers = { ...message.headers, [JOURNAL_HEADER]: journal, [RECORD_HEADER]: `${n}.${all.length}` };
      all.push({ msgId: `${journal}.${recordId}.${all.length}`, ...message, headers });
    };
    for (const [task, facts] of this.#facts) {
      for (const part of parts(facts, maxBytes - ENVELOPE_MAX_BYTES)) {
        const single = part.length === 1;
        const body = single ? (part[0] as string) : `[${part.join(',\n')}]`;
        const headers = { 'content-type': single ? EVENT_CONTENT_TYPE : BATCH_CONTENT_TYPE };
        push({ kind: 'facts', subject: factSubject(task), body, encoding: 'text', headers, task, to: '' });
      }
    }
    for (const message of [...this.#others, ...this.#over]) push(message);
    return all;
  }
}

/**
 * As the bus takes it.
 *
 * @param recordSeq where the log has the record; null when that is not known any more
 * @param after the mark of what it is sent after
 */
export function requestOf(
  { subject, body, encoding, msgId, headers }: Message,
  recordSeq: number | null,
  after: string,
): PublishRequest {
  const sent = { ...headers, [AFTER_HEADER]: after };
  const all = recordSeq === null ? sent : { ...sent, [RECORD_SEQ_HEADER]: String(recordSeq) };
  return { subject, body: encoding === 'text' ? body : Buffer.from(body, 'base64'), msgId, headers: all };
}

/** Facts of one task, as few messages as their size allows. */
function parts(facts: readonly string[], maxBytes: number): string[][] {
  const divided: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const fact of facts) {
    const size = Buffer.byteLength(fact) + 2;
    if (bytes + size > maxBytes || (divided.at(-1)?.length ?? 0) >= FACTS_MAX) {
      divided.push([]);
      bytes = 2;
    }
    divided.at(-1)?.push(fact);
    bytes += size;
  }
  return divided;
}

/** Facts in one message: readers refuse longer batches. */
const FACTS_MAX = 100;
