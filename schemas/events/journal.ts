/**
 * A record of a journal, for those who read the log: what was told to actors, and what they said to each other because of
 * it. Owns: finding the record that a fact rests on, and reading its entries. Does not own: writing records
 * (`actors/runtime/record.ts`).
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
  return record === null ? [] : entriesOf(record.data).filter((entry) => entry.correlationid === correlationId);
}

/** All entries but the record itself, with long texts put back where they were only referred to. */
export function entriesOf(data: Uint8Array): RecordEntry[] {
  const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
  if (!Array.isArray(value)) return [];
  const [, ...entries] = value as RecordEntry[];
  const texts = new Map<string, string[]>();
  return entries.map((entry) => {
    const whole = { ...entry, data: restored(entry.data, texts) };
    texts.set(entry.id, textsIn(whole.data));
    return whole as RecordEntry;
  });
}

/** A reference names the event that has the text, and which of its long texts it is. */
function restored(value: unknown, texts: ReadonlyMap<string, readonly string[]>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => restored(item, texts));
  if ('$ref' in value && typeof value.$ref === 'string') {
    const [, id = '', index = '0'] = /^#([^/]+)\/(\d+)$/.exec(value.$ref) ?? [];
    return texts.get(id)?.[Number(index)] ?? value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restored(item, texts)]));
}

/** A shorter text is written again: the reference would be as long. */
export const LONG_TEXT_CHARACTERS = 200;

/** The long texts of an event's data, in the order of its keys. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return value.length < LONG_TEXT_CHARACTERS ? [] : [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
