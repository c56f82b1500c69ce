/**
 * The end of a partition's journal in the log. Owns: reading a journal there, and finding its last record behind what is
 * none. Does not own: what follows from it (`recovery.ts`, `log-writer.ts`).
 *
 * With the owner's key of NATS anybody may publish on a journal's subject. What is no record stops nobody: the next record
 * follows it in the log, and the last record in its chain (J4). It stays where it is, and goes into quarantine (S9).
 */
import type { Bus, StoredMessage } from '../../../bus/port.ts';
import { AGAIN_HEADER } from '../messages/messages.ts';
import { headIn, type RecordHead } from './record.ts';

export interface LastRecord {
  readonly head: RecordHead;
  readonly seq: number;
  /** It was given again to a log that had lost it: whoever gave it has not said yet that all of it is there. */
  readonly again: boolean;
}

export interface EndInLog {
  /** The last record; null when there is none. */
  readonly record: LastRecord | null;
  /** Of the last message, which the next record is to follow; 0 when there is none. */
  readonly seq: number;
  /** What stands after the last record and is none, in order. */
  readonly strays: readonly StoredMessage[];
}

/** @throws BusError; FatalError for what a newer release wrote */
export async function endInLog(bus: Bus, subject: string): Promise<EndInLog> {
  const last = await bus.getLast(subject);
  const head = last === null ? null : headIn(last.data);
  if (last === null || head !== null)
    return { record: last && head && lastOf(last, head), seq: last?.seq ?? 0, strays: [] };
  const end: { record: EndInLog['record']; seq: number; strays: StoredMessage[] } = {
    record: null,
    seq: 0,
    strays: [],
  };
  const note = (message: StoredMessage, read: RecordHead | null): void => {
    end.seq = message.seq;
    if (read === null) end.strays.push(message);
    else Object.assign(end, { record: lastOf(message, read), strays: [] });
  };
  await readAll(bus, subject, 1, note);
  return end;
}

function lastOf(message: StoredMessage, head: RecordHead): LastRecord {
  return { head, seq: message.seq, again: message.header(AGAIN_HEADER) !== '' };
}

/** Records of a journal from a place of the log on. */
export function readJournal(
  bus: Bus,
  subject: string,
  fromSeq: number,
  onRecord: (head: RecordHead, message: StoredMessage) => void,
): Promise<void> {
  return readAll(bus, subject, fromSeq, (message, head) => {
    if (head !== null) onRecord(head, message);
  });
}

async function readAll(
  bus: Bus,
  subject: string,
  fromSeq: number,
  onMessage: (message: StoredMessage, head: RecordHead | null) => void,
): Promise<void> {
  let problem: unknown = null;
  const reader = await bus.read({
    filter: subject,
    fromSeq,
    onMessage(message) {
      try {
        onMessage(message, headIn(message.data));
      } catch (error) {
        problem ??= error;
      }
    },
  });
  await reader.caughtUp;
  await reader.stop();
  if (problem !== null) throw problem;
}
