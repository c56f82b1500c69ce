/**
 * Writes records to the log. Owns: sending those of a partition one by one in their order, again until they are there, and
 * what it means when one is refused. Does not own: making records, or the ledger (`journal.ts`).
 *
 * The log takes a record only after the one that its writer knows as the last (J4): a writer that is not the last one any
 * more learns it here, and sends nothing from then on.
 */
import { type Bus, BusError, type StoredMessage } from '../../../bus/port.ts';
import { BATCH_CONTENT_TYPE } from '../../../schemas/events/envelope.ts';
import { FatalError } from '../errors.ts';
import type { RuntimeLimits } from '../limits.ts';
import type { Clock } from '../ports.ts';
import { endInLog } from './journal-end.ts';
import type { JournalLane, Written } from './journal-lane.ts';
import { decodeHead, type RecordHead } from './record.ts';

/** What rests on a record is sent soon after it; what is sent again later does not say where it is. */
const PLACES_MAX = 1000;

export interface LogWriter {
  /** Sends the next record of a partition, unless one is on its way. */
  transmit(lane: JournalLane): void;
  stop(): void;
}

export interface LogWriterOptions {
  readonly service: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly limits: RuntimeLimits;
  /** The partitions that are open; the writer sends nothing of another one. */
  readonly lanes: ReadonlyMap<number, JournalLane>;
  /** Runs it when it is certain that the log is the same. */
  readonly whenCertain: (task: () => void) => void;
  /** The log has it; `lane` says where. */
  readonly onStored: (lane: JournalLane, record: Written) => void;
  /** The log has something else at its end: the head of that, or null when it has nothing. */
  readonly onRefused: (partition: number, other: RecordHead | null) => void;
  /** The log has something at its end that is no record: the writer goes on after it. */
  readonly onStrays: (partition: number, strays: readonly StoredMessage[]) => void;
  readonly onFatal: (error: FatalError) => void;
}

export function createLogWriter(options: LogWriterOptions): LogWriter {
  const { service, bus, clock, limits, lanes, onFatal } = options;
  let stopped = false;
  let cancelResend: (() => void) | undefined;
  const isAtWork = (lane: JournalLane): boolean => !stopped && lanes.get(lane.partition) === lane;

  const transmit = (lane: JournalLane): void => {
    const [record] = lane.toLog;
    if (!record || lane.sending || stopped) return;
    lane.sending = true;
    options.whenCertain(() => publish(lane, record));
  };
  const publish = (lane: JournalLane, record: Written): void => {
    if (!isAtWork(lane)) return;
    bus
      .publish({
        subject: lane.subject,
        body: record.body,
        zstd: record.zstd,
        msgId: `${service}.${lane.partition}.${record.id}`,
        headers: { 'content-type': BATCH_CONTENT_TYPE },
        expectLastSeq: lane.seq,
      })
      .then(
        ({ seq }) => {
          if (lanes.get(lane.partition) === lane) stored(lane, record, seq);
        },
        (error: unknown) => {
          lane.sending = false;
          if (isAtWork(lane)) failed(lane, record, error);
        },
      );
  };
  const stored = (lane: JournalLane, record: Written, seq: number): void => {
    lane.sending = false;
    lane.seq = seq;
    lane.idInLog = record.id;
    lane.places.set(record.n, seq);
    lane.places.delete(record.n - PLACES_MAX);
    lane.toLog.shift();
    lane.sentAtMs = clock.elapsed();
    options.onStored(lane, record);
  };
  const failed = (lane: JournalLane, record: Written, error: unknown): void => {
    if (!(error instanceof BusError)) {
      onFatal(new FatalError(`the journal cannot be written: ${String(error)}`, { cause: error }));
      return;
    }
    if (error.code === 'closed') return;
    if (error.code === 'conflict') {
      // Nothing more is written until it is known who wrote.
      lane.sending = true;
      refused(lane, record).catch((thrown: unknown) => {
        lane.sending = false;
        failed(lane, record, thrown);
      });
      return;
    }
    if (!error.retryable) {
      const message = `the log refused a record: ${error.message}`;
      onFatal(new FatalError(message, { exitCode: 3, cause: error }));
      return;
    }
    cancelResend ??= clock.after(limits.resendMs, resend);
  };
  /** Its acknowledgement may have been lost; or another one has written. */
  const refused = async (lane: JournalLane, record: Written): Promise<void> => {
    const { record: last, seq, strays } = await endInLog(bus, lane.subject);
    const { firstSeq } = await bus.streamInfo();
    if (!isAtWork(lane)) return;
    if (last?.head.id === record.id) {
      stored(lane, record, last.seq);
      return;
    }
    // Nothing was written for so long that the log has dropped all of it by age; or what was written since is no record.
    const isAged = last === null && lane.seq < firstSeq && (lane.seq > 0 || strays.length > 0);
    const isBehindStrays = strays.length > 0 && last?.head.id === decodeHead(record.body).previous;
    if (!isAged && !isBehindStrays) {
      options.onRefused(lane.partition, last?.head ?? null);
      return;
    }
    Object.assign(lane, { seq, idInLog: '', sending: false });
    options.onStrays(lane.partition, strays);
    transmit(lane);
  };
  const resend = (): void => {
    cancelResend?.();
    cancelResend = undefined;
    for (const lane of lanes.values()) transmit(lane);
  };
  const forgetConnection = bus.onConnection((connected) => {
    if (connected) resend();
  });

  return {
    transmit,
    stop() {
      stopped = true;
      cancelResend?.();
      forgetConnection();
    },
  };
}
