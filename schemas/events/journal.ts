/**
 * A record of a journal, for those who read the log: what was told to actors, and what they said to each other because of
 * it. Owns: finding the record that a fact rests on, and reading its entries. Does not own: writing records
 * (`actors/runtime/journal/record.ts`).
 */
import type { MeshEvent } from './envelope.ts';

/** Which journal a message rests on (`<service>.<partition>`), and where in it (`<record>.<message>`). */
export const JOURNAL_HEADER = 'mesh-journal';
export const RECORD_HEADER = 'mesh-record';
/** The furthest thing that its sender knew to be in the log then: what it was sent after. */
export const AFTER_HEADER = 'mesh-after';
/** Sequence in the log of the record that a message rests on. */
export const RECORD_SEQ_HEADER = 'mesh-record-seq';

/** An entry as it stands in the log; an envelope may be shortened to what is not said by the entry before it. */
export type RecordEntry = Partial<MeshEvent> & Pick<MeshEvent, 'id' | 'type' | 'data'>;

interface Read {
  get(seq: number): Promise<{ readonly data: Uint8Array } | null>;
}

/** The events of a task in the record that a message rests on, in order; none when the log has dropped it. */
export async function eventsBehind(
  log: Read,
  message: { header(name: string): string },
  correlationId: string,
): Promise<RecordEntry[]> {
  const seq = Number(message.header(RECORD_SEQ_HEADER));
  const record = Number.isSafeInteger(seq) && seq > 0 ? await log.get(seq) : null;
  if (record === null) return [];
  const stored = storedEntries(record.data);
  const ofTask = ({ correlationid }: RecordEntry): boolean => correlationid === correlationId;
  const earlier = await earlierTexts(log, stored.filter(ofTask), correlationId);
  return restoredEntries(stored, earlier).filter(ofTask);
}

/** All entries but the record itself, with long texts put back where they were only referred to. */
export function entriesOf(data: Uint8Array): RecordEntry[] {
  return restoredEntries(storedEntries(data), new Map());
}

/** By event, its long texts in order; what could not be put back keeps its place among them. */
type Texts = Map<string, readonly unknown[]>;

function storedEntries(data: Uint8Array): RecordEntry[] {
  const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
  return Array.isArray(value) ? (value.slice(1) as RecordEntry[]) : [];
}

function restoredEntries(stored: readonly RecordEntry[], texts: Texts): RecordEntry[] {
  return stored.map((entry) => {
    const whole = 'entry' in entry && entry.entry === 'input' ? entry : { ...entry, data: restored(entry.data, texts) };
    texts.set(entry.id, slotsIn(whole.data));
    return whole as RecordEntry;
  });
}

interface Reference {
  readonly $ref: string;
  /** Of the record that has the text, when it is not the one that refers to it. */
  readonly logseq?: string;
}

const REFERENCE = /^#([^/]+)\/(\d+)$/;
/** More records than entries of one task refer to. */
const EARLIER_RECORDS_MAX = 32;

/** Texts of the task in earlier records. One that the log has dropped, or has elsewhere since it was made anew, is missing. */
async function earlierTexts(log: Read, stored: readonly RecordEntry[], correlationId: string): Promise<Texts> {
  const seqs = new Set(stored.flatMap(({ data }) => referencesIn(data).map(({ logseq }) => Number(logseq))));
  const texts: Texts = new Map();
  for (const seq of [...seqs].filter((one) => Number.isSafeInteger(one) && one > 0).slice(0, EARLIER_RECORDS_MAX)) {
    const record = await log.get(seq);
    for (const { id, data, correlationid } of record === null ? [] : entriesAt(record.data))
      if (correlationid === correlationId) texts.set(id, slotsIn(data));
  }
  return texts;
}

function entriesAt(data: Uint8Array): RecordEntry[] {
  try {
    return entriesOf(data);
  } catch {
    // Another log, which has something else there.
    return [];
  }
}

function isReference(value: object): value is Reference {
  return '$ref' in value && typeof value.$ref === 'string' && REFERENCE.test(value.$ref);
}

function referencesIn(value: unknown): Reference[] {
  if (typeof value !== 'object' || value === null) return [];
  return isReference(value) ? [value] : Object.values(value).flatMap(referencesIn);
}

/** A reference names the event that has the text, and which of its long texts it is. */
function restored(value: unknown, texts: Texts): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => restored(item, texts));
  if (isReference(value)) {
    const [, id = '', index = '0'] = REFERENCE.exec(value.$ref) ?? [];
    return texts.get(id)?.[Number(index)] ?? value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restored(item, texts)]));
}

/** `textsIn`, where a text that is missing is the reference to it. */
function slotsIn(value: unknown): unknown[] {
  if (typeof value === 'string') return textsIn(value);
  if (typeof value !== 'object' || value === null) return [];
  return isReference(value) && value.logseq !== undefined ? [value] : Object.values(value).flatMap(slotsIn);
}

/** A shorter text is written again: the reference would be as long. */
export const LONG_TEXT_CHARACTERS = 200;

/** The long texts of an event's data, in the order of its keys. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.length < LONG_TEXT_CHARACTERS ? [] : [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
