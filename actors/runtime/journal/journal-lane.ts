/**
 * How far one partition's journal is: in memory, in the ledger, in the log. Owns: that state, and gathering inputs into
 * records that are not too large. Does not own: making records (`journal.ts`), or sending them (`log-writer.ts`).
 */
import { journalSubject } from '../../../schemas/events/subjects.ts';
import type { RuntimeLimits } from '../limits.ts';
import { draft, type Entry, type RecordHead } from './record.ts';
import { ToldTexts } from './told-texts.ts';

/** The end of a partition's journal, where it is written on. */
export interface JournalEnd {
  readonly n: number;
  readonly id: string;
  /** Of the last message of its subject in the log; 0 when there is none. */
  readonly seq: number;
  /** Id of the record that it is; empty when it is none. */
  readonly idInLog: string;
}

/** A record as it is stored. */
export interface Written {
  readonly n: number;
  readonly id: string;
  readonly body: Uint8Array;
  /** As the log is sent it, where that is less. */
  readonly zstd?: Uint8Array | undefined;
}

interface Pending {
  readonly entries: Entry[];
  /** Bytes of the inputs. */
  size: number;
}

export interface JournalLane {
  readonly partition: number;
  readonly subject: string;
  /** Last record made. */
  n: number;
  id: string;
  /** What the next records will hold; the last of them is still open. */
  readonly pending: Pending[];
  word: RecordHead['word'] | 'time' | undefined;
  inLedger: number;
  inLog: number;
  /** Of the last message of its subject in the log that is known, a record of this host or none at all. */
  seq: number;
  idInLog: string;
  /** Where the log has the last records, by number. */
  readonly places: Map<number, number>;
  /** Very long texts that its records have. */
  readonly texts: ToldTexts;
  /** Made, and not yet in the log, in order. */
  readonly toLog: Written[];
  sending: boolean;
  sentAtMs: number;
  told: number;
  waiting: { readonly n: number; readonly callback: () => void }[];
}

export function openLane(service: string, partition: number, { n, id, seq, idInLog }: JournalEnd): JournalLane {
  const places = new Map<number, number>();
  return {
    ...{ partition, subject: journalSubject(service, partition), n, id, pending: [], word: undefined },
    ...{
      inLedger: n,
      inLog: n,
      seq,
      idInLog,
      places,
      texts: new ToldTexts((record) => places.get(record)),
      toLog: [],
      sending: false,
      sentAtMs: 0,
    },
    ...{ told: n, waiting: [] },
  };
}

/** Something is to be recorded. */
export function isPending({ pending, word }: JournalLane): boolean {
  return pending.length > 0 || word !== undefined;
}

/** Number of the record that is still open. */
export function numberOf({ n, pending }: JournalLane): number {
  return n + Math.max(1, pending.length);
}

/** Records that are not told yet, those not yet made included. */
export function untoldIn({ n, told, pending, word }: JournalLane): number {
  return n - told + Math.max(pending.length, word === undefined ? 0 : 1);
}

/** A record that would become too large is closed, and the entry begins the next one. */
export function addTo({ pending }: JournalLane, entry: Entry, limits: RuntimeLimits): void {
  const { entry: drafted, size } = draft(entry);
  const open = pending.at(-1);
  const fits = open && open.size + size <= limits.recordBytesMax && open.entries.length < limits.recordInputsMax;
  if (fits) {
    open.entries.push(drafted);
    open.size += size;
  } else pending.push({ entries: [drafted], size });
}
