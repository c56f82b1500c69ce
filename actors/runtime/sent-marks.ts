/**
 * How far each stream is known to hold this host's outputs. Owns: the mark of the furthest one, and finding out that a
 * stream which was away has come back without it (S10). Does not own: sending again.
 */
import type { Bus, StoredMessage, StreamName } from '../../bus/port.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Ledger, OutboxRow } from './ledger/port.ts';
import { isQuarantine, quarantinedEventId } from './quarantine.ts';

const KEYS: Readonly<Record<StreamName, string>> = { log: 'sent', quarantine: 'sent.quarantine' };
const streams = Object.keys(KEYS) as readonly StreamName[];

export interface SentMarks {
  /** The stream has stored this output there. */
  note(row: OutboxRow, seq: number): void;
  /** Goes on from what a ledger remembers; not for a ledger whose log was made anew. */
  recall(ledger: Ledger): void;
  /** The connection is lost: what is stored from here on says nothing about what was stored before. */
  doubt(): void;
  /** True when a stream no longer holds what it had acknowledged; ends the doubt when not. @throws BusError */
  missing(bus: Bus): Promise<boolean>;
}

export function createSentMarks(commits: () => CommitQueue): SentMarks {
  const marks = new Map<StreamName, { seq: number; mark: string }>();
  /** Noted while in doubt; the marks of before stay, so that a crash does not forget what to look for. */
  const later = new Map<StreamName, { seq: number; mark: string }>();
  let doubted = 0;
  return {
    note(row, seq) {
      const stream = isQuarantine(row) ? 'quarantine' : 'log';
      if (seq <= (marks.get(stream)?.seq ?? 0)) return;
      const mark = markOf(seq, row.eventId);
      if (doubted > 0) {
        if (seq > (later.get(stream)?.seq ?? 0)) later.set(stream, { seq, mark });
        return;
      }
      marks.set(stream, { seq, mark });
      commits().meta(KEYS[stream], mark);
    },
    recall(ledger) {
      for (const [stream, mark] of remembered(ledger)) marks.set(stream, { seq: seqOf(mark), mark });
    },
    doubt() {
      doubted += 1;
    },
    async missing(bus) {
      const about = doubted;
      for (const [stream, { mark }] of [...marks]) if (await lacks(bus, stream, mark)) return true;
      // The connection was lost again while the streams were asked: the next answer counts.
      if (about !== doubted) return false;
      doubted = 0;
      for (const [stream, { seq, mark }] of later) {
        marks.set(stream, { seq, mark });
        commits().meta(KEYS[stream], mark);
      }
      later.clear();
      return false;
    },
  };
}

/** True when a stream no longer holds what this ledger knows it to have acknowledged. @throws BusError */
export async function hasLostSent(bus: Bus, ledger: Ledger): Promise<boolean> {
  for (const [stream, mark] of remembered(ledger)) if (await lacks(bus, stream, mark)) return true;
  return false;
}

function remembered(ledger: Ledger): [StreamName, string][] {
  return streams.flatMap((stream): [StreamName, string][] => {
    const mark = ledger.meta(KEYS[stream]);
    return mark === null ? [] : [[stream, mark]];
  });
}

/** What went by age does not count. */
async function lacks(bus: Bus, stream: StreamName, mark: string): Promise<boolean> {
  const seq = seqOf(mark);
  // In this order: between the two the stream may grow over the place, and would seem to have lost it by age.
  const { lastSeq } = await bus.streamInfo(stream);
  if (seq > lastSeq) return true;
  const message = await bus.get(seq, stream);
  return message !== null && markOf(seq, idOf(message, stream)) !== mark;
}

function markOf(seq: number, eventId: string): string {
  return `${seq}@${eventId}`;
}

function seqOf(mark: string): number {
  return Number(mark.split('@', 1)[0]);
}

/** The id of what is stored, read without validating it; empty for what has none. */
function idOf(message: StoredMessage, stream: StreamName): string {
  if (stream === 'quarantine') return quarantinedEventId(message);
  try {
    const { id } = JSON.parse(Buffer.from(message.data).toString('utf8')) as { id?: unknown };
    return String(id);
  } catch (error) {
    if (error instanceof SyntaxError) return '';
    throw error;
  }
}
