/**
 * A second process with the name or the ledger of this one, as a copied folder or a name given twice makes it. Owns: telling
 * it by its records, and the sentence with which one of the two ends. Does not own: who may write at all: that is the log's
 * word (J4).
 *
 * The older writer ends, when it finds that the other one has claimed what it writes. Where it writes without a pause the
 * other one never comes to claim: then that ends, which has nothing to lose.
 */
import type { Bus } from '../../../bus/port.ts';
import { journalSubject } from '../../../schemas/events/subjects.ts';
import { FatalError } from '../errors.ts';
import { readJournal } from '../journal/journal-end.ts';
import type { RecordHead } from '../journal/record.ts';
import type { Clock } from '../ports.ts';

export interface Twins {
  isOne(head: RecordHead): boolean;
  /** The end of this process because of such a record. */
  error(other: RecordHead): FatalError;
  /** This process claims a partition, after what stands at `seq` in the log. */
  claims(partition: number, seq: number): void;
  /**
   * A claim was refused, since `other` was written meanwhile. True when that is such a process, and has kept this one out
   * of the partition for longer than a lease lives: of one that has ended no more than one record comes late.
   */
  keepsOut(partition: number, other: RecordHead): boolean;
  /**
   * Of such a process a record after the last claim of this one, others after both perhaps; null when there is none. The
   * claim may have been in the log without its knowing. The log is asked: a ledger that went on from a checkpoint lacks what
   * that stands for.
   *
   * @param last the last record of the journal in the log
   * @throws BusError
   */
  writerSince(partition: number, last: RecordHead | null): Promise<RecordHead | null>;
}

export interface TwinsOptions {
  readonly service: string;
  readonly bus: Bus;
  readonly clock: Clock;
  /** Of this process: its nonce, its host's name, and the id of its ledger. */
  readonly process: string;
  readonly name: string;
  readonly ledger: string;
}

export function createTwins({ service, bus, clock, process: self, name, ledger }: TwinsOptions): Twins {
  /** By partition, after which place of the log this process claimed it last. */
  const claimedAfter = new Map<number, number>();
  /** By partition, who wrote before a claim of this process, and when it was found first. */
  const keptOut = new Map<number, { readonly by: string; readonly sinceMs: number }>();
  const isOne = (head: RecordHead): boolean => head.process !== self && (head.ledger === ledger || head.host === name);
  return {
    isOne,
    error(other) {
      const what =
        other.ledger === ledger
          ? 'the ledger of this one, or a copy of it: delete the copy, it is made anew from the log'
          : `the name of this one, ${name}: give each process a name of its own with MESH_HOST_ID`;
      const text = `another process (${other.process}) writes these tasks now and has ${what}`;
      return new FatalError(text, { exitCode: 2 });
    },
    claims: (partition, seq) => void claimedAfter.set(partition, seq),
    keepsOut(partition, other) {
      const nowMs = clock.elapsed();
      const before = keptOut.get(partition);
      if (before?.by !== other.process) keptOut.set(partition, { by: other.process, sinceMs: nowMs });
      return isOne(other) && before?.by === other.process && nowMs - before.sinceMs > bus.leases.ttlMs;
    },
    async writerSince(partition, last) {
      const after = claimedAfter.get(partition);
      // Whom the log let write last was overtaken by nobody.
      if (after === undefined || last === null || last.process === self) return null;
      let wrote = false;
      let twin: RecordHead | null = null;
      await readJournal(bus, journalSubject(service, partition), after + 1, (head) => {
        if (wrote && isOne(head)) twin ??= head;
        wrote ||= head.process === self;
      });
      return twin;
    },
  };
}
