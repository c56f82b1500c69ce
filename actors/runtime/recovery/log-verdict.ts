/**
 * Which log a host finds at its start. Owns: holding what its ledger knows of the log against the log, saying what is lost,
 * and what the log must go on to have. Does not own: telling logs apart (`witness.ts`), or giving a log what it lacks
 * (`recovery.ts`).
 */
import { partitionNumbers } from '../../../schemas/events/subjects.ts';
import type { HostContext } from '../host-context.ts';
import type { Journal } from '../journal/journal.ts';
import { decodeHead } from '../journal/record.ts';
import type { Sender } from '../messages/sender.ts';
import type { Succession } from '../partitions/succession.ts';
import { furthestMark, type Memory, seqOf } from './witness.ts';

/** What a ledger knows of the log is held against the log; what is lost is said. Returns whether the log has lost something. */
export async function judge(
  { ledger, witness, sender, log }: Pick<HostContext, 'ledger' | 'witness' | 'sender' | 'log'>,
  memory: Succession['memory'],
): Promise<boolean> {
  if (ledger.condition.kind === 'set_aside') {
    const { movedTo, reason } = ledger.condition;
    log.warn({ movedTo, reason }, 'the ledger was unreadable and was set aside; it is made anew from the log');
  }
  const ends = partitionNumbers.flatMap((partition) => {
    const last = ledger.lastRecord(partition);
    return last === null ? [] : [{ head: decodeHead(last.body), seq: last.seq ?? 0 }];
  });
  const known = [...ends.map(({ head }) => head), ...(memory === null ? [] : [{ ...memory, stored: nothingStored }])];
  const verdict = await witness.judge(known);
  const { firstSeq, lastSeq } = witness.stream;
  if (verdict === 'new')
    log.error({ lastSeq }, 'the log is a new one: the journal is published again; submissions not yet read are lost');
  if (verdict === 'cut') log.error({ lastSeq }, 'the log has lost its end: what it lacks is published again');
  const furthest = Math.max(0, ...ends.map(({ head, seq }) => Math.max(seq, seqOf(head.tail))));
  // A ledger that knows no place in the log was that of a host which died before it had read anything.
  if (verdict === 'same' && ends.length > 0 && firstSeq > furthest + 1) {
    log.error({ from: furthest + 1, to: firstSeq - 1 }, 'LOSS: the log dropped events by age before they were read');
  }
  if (verdict !== 'same') return true;
  const mark = (stream: 'log' | 'quarantine') => furthestMark(ends.map(({ head }) => head.stored[stream]));
  sender.recall({ log: mark('log'), quarantine: mark('quarantine') });
  return false;
}

/** The furthest message of this host that each stream has taken, its own records too. */
export function storedBy(sender: Sender, journal: Journal): Memory['stored'] {
  return { log: furthestMark([sender.stored.log, journal.furthest()]), quarantine: sender.stored.quarantine };
}

const nothingStored = { log: '', quarantine: '' };
