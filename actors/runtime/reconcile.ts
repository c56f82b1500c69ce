/**
 * Compares the ledger with the log at a start (S10). Owns: finding out which of the two has lost something, and what is
 * to be done. Does not own: doing it.
 *
 * - The ledger is new and the log is not: fold the whole log again, sending only what is missing in it.
 * - The log is another one than before, or shorter: everything that it no longer holds is sent again from the outbox,
 *   and all cursors begin anew; the inbox keeps anything from happening twice.
 * - The log has dropped events that this ledger had not read: that is loss, and is said aloud.
 */
import type { Bus, StoredMessage, StreamInfo } from '../../bus/port.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Ledger, OutboxRow } from './ledger/port.ts';
import type { RuntimeLog } from './ports.ts';

const IDENTITY = 'stream';

/** The last message that a host has passed, as it knew it: a log that has another one there was cut and written on. */
export const TAIL = 'tail';

export function tailOf({ seq, atMs }: Pick<StoredMessage, 'seq' | 'atMs'>): string {
  return `${seq}@${atMs}`;
}

export interface Plan {
  readonly kind: 'continue' | 'rebuild' | 'republish';
  readonly stream: StreamInfo;
  /** Acknowledged once, but gone from the log. */
  readonly resend: readonly OutboxRow[];
  /** To be called when everything is in place: remembers which log this ledger belongs to. */
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
  const settled = (commits: CommitQueue): void => {
    if (known !== stream.identity) commits.meta(IDENTITY, stream.identity);
  };
  if (ledger.condition.kind === 'set_aside') {
    const { movedTo, reason } = ledger.condition;
    log.warn({ movedTo, reason }, 'the ledger was unreadable and was set aside; it is folded again from the log');
  }
  if (known === null && furthest === 0) {
    if (stream.firstSeq > 1) {
      log.error(
        { firstSeq: stream.firstSeq },
        'LOSS: ledger and the beginning of the log are both gone; tasks begun before it cannot be restored',
      );
    }
    return { kind: stream.lastSeq === 0 ? 'continue' : 'rebuild', stream, resend: [], settled };
  }
  if (known !== null && known !== stream.identity) {
    const resend = ledger.ackedAfter(0);
    log.error(
      { outputs: resend.length },
      'the log is a new one: everything in the outbox is published again; submissions not yet read are lost',
    );
    return { kind: 'republish', stream, resend, settled };
  }
  if (stream.lastSeq < furthest) {
    const resend = ledger.ackedAfter(stream.lastSeq);
    log.error(
      { lastSeq: stream.lastSeq, furthest, outputs: resend.length },
      'the log is shorter than it was: its lost end is published again',
    );
    return { kind: 'republish', stream, resend, settled };
  }
  if (await wasCut(host, stream)) {
    const resend = ledger.ackedAfter(0);
    log.error(
      { outputs: resend.length },
      'the log was cut and written on: everything in the outbox is published again',
    );
    return { kind: 'republish', stream, resend, settled };
  }
  if (stream.firstSeq > furthest + 1) {
    log.error(
      { from: furthest + 1, to: stream.firstSeq - 1 },
      'LOSS: the log dropped events by age before they were read',
    );
  }
  return { kind: 'continue', stream, resend: [], settled };
}

async function wasCut({ bus, ledger }: { bus: Bus; ledger: Ledger }, stream: StreamInfo): Promise<boolean> {
  const tail = ledger.meta(TAIL);
  const seq = Number(tail?.split('@')[0]);
  if (tail === null || seq < stream.firstSeq) return false;
  const message = await bus.get(seq);
  return message !== null && tailOf(message) !== tail;
}
