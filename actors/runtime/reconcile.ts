/**
 * Compares the ledger with the log at a start (S10). Owns: finding out which of the two has lost something, and what is
 * to be done. Does not own: doing it.
 *
 * - The ledger is new and the log is not: fold the whole log again, sending only what is missing in it. A ledger that
 *   does not know its log yet is new: a crash may have ended its first folding half-way.
 * - The log is another one than before, or has lost its end: what it no longer holds is sent again from the outbox, and
 *   all cursors begin anew; the inbox keeps anything from happening twice. A crash before the log has acknowledged all of
 *   it begins the same again.
 * - The log has dropped events that this ledger had not read: that is loss, and is said aloud.
 */
import type { Bus, StoredMessage, StreamInfo } from '../../bus/port.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Ledger, OutboxRow } from './ledger/port.ts';
import type { RuntimeLog } from './ports.ts';
import { hasLostSent } from './sent-marks.ts';

const IDENTITY = 'stream';
const REPUBLISHING = 'republishing';

/** The last message that a host has passed, as it knew it: a log that has another one there was cut and written on. */
export const TAIL = 'tail';

export function tailOf({ seq, atMs }: Pick<StoredMessage, 'seq' | 'atMs'>): string {
  return `${seq}@${atMs}`;
}

export interface Plan {
  readonly kind: 'continue' | 'rebuild' | 'republish';
  readonly stream: StreamInfo;
  /** Acknowledged once; the log may lack them now. */
  readonly resend: readonly OutboxRow[];
  /** To be called before anything is sent: from here to `settled` a crash begins the same plan again. */
  begun(commits: CommitQueue): void;
  /** To be called when everything is in place and sent: remembers which log this ledger belongs to. */
  settled(commits: CommitQueue): void;
}

export async function reconcile(host: { bus: Bus; ledger: Ledger; log: RuntimeLog }): Promise<Plan> {
  const { ledger, log } = host;
  const stream = await host.bus.streamInfo();
  const known = ledger.meta(IDENTITY);
  const furthest = Math.max(
    0,
    ...[...ledger.cursors()].filter(([channel]) => !channel.endsWith('.level')).map(([, seq]) => seq),
  );
  const remember = (commits: CommitQueue): void => {
    if (known !== stream.identity) commits.meta(IDENTITY, stream.identity);
  };
  const without = (kind: 'continue' | 'rebuild'): Plan => {
    return { kind, stream, resend: [], begun: () => undefined, settled: remember };
  };
  const republish = (why: string): Plan => {
    const resend = ledger.ackedAfter(0);
    log.error({ lastSeq: stream.lastSeq, furthest, outputs: resend.length }, why);
    return {
      ...{ kind: 'republish', stream, resend },
      begun: (commits) => commits.meta(REPUBLISHING, 'begun'),
      settled(commits) {
        remember(commits);
        commits.meta(REPUBLISHING, 'ended');
      },
    };
  };

  if (ledger.condition.kind === 'set_aside') {
    const { movedTo, reason } = ledger.condition;
    log.warn({ movedTo, reason }, 'the ledger was unreadable and was set aside; it is folded again from the log');
  }
  if (known !== null && known !== stream.identity)
    return republish('the log is a new one: the outbox is published again; submissions not yet read are lost');
  if (stream.lastSeq < furthest) return republish('the log is shorter than it was: what it lacks is published again');
  if (await wasCut(host, stream)) return republish('the log was cut and written on: what it lacks is published again');
  if (ledger.meta(REPUBLISHING) === 'begun')
    return republish('publishing to a log with losses was cut off: it begins again');
  if (stream.firstSeq > furthest + 1) {
    const fields = { from: furthest + 1, to: stream.firstSeq - 1 };
    if (furthest > 0) log.error(fields, 'LOSS: the log dropped events by age before they were read');
    else
      log.error(
        fields,
        'LOSS: ledger and the beginning of the log are both gone; tasks begun before it cannot be restored',
      );
  }
  return without(known === null && stream.lastSeq > 0 ? 'rebuild' : 'continue');
}

async function wasCut({ bus, ledger }: { bus: Bus; ledger: Ledger }, stream: StreamInfo): Promise<boolean> {
  if (await hasLostSent(bus, ledger)) return true;
  const tail = ledger.meta(TAIL);
  const seq = Number(tail?.split('@')[0]);
  if (tail === null || seq < stream.firstSeq) return false;
  const message = await bus.get(seq);
  return message !== null && tailOf(message) !== tail;
}
