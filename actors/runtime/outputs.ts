/**
 * What leaves an actor, on its way to the log. Owns: the numbers of the outbox, and what an output may weigh. Does not
 * own: sending (publisher), storing (ledger), or what is sent.
 *
 * Invariants:
 * 1. Every output has its row in the batch of the event it follows from (S3).
 * 2. An output that the log would refuse is never recorded: it could not leave, and would hold up what follows (S8, S9).
 */
import type { Bus, StoredMessage } from '../../bus/port.ts';
import { type MeshEvent, messageId, PAYLOAD_MAX_BYTES } from '../../schemas/events/envelope.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Ledger, OutboxRow } from './ledger/port.ts';
import type { Publisher } from './publisher.ts';

/** Room for the headers of an output: the log's limit counts them too. */
const HEADERS_MAX_BYTES = 1024;

export interface Outputs {
  /** Bytes of JSON that an output may have. */
  readonly maxBytes: number;
  isTooLarge(body: string): boolean;
  /**
   * Gives an event to the publisher. Returns its number.
   *
   * @param instance 0 when it is no actor's
   * @param gated it waits until the current batch is durable
   * @param body its JSON, when that is known already
   */
  send(instance: number, subject: string, event: MeshEvent, gated: boolean, body?: string): number;
  /** The same for a row that is no event of the mesh. */
  record(row: Omit<OutboxRow, 'n'>, traceparent: string, gated: boolean): number;
  /** Takes an event of the log into the outbox, so that the log can be published again from there too (S10). */
  adopt(instance: number, message: StoredMessage, event: MeshEvent): void;
}

export interface OutputsOptions {
  readonly bus: Pick<Bus, 'maxPayloadBytes'>;
  readonly ledger: Pick<Ledger, 'highest'>;
  readonly commits: CommitQueue;
  readonly publisher: Pick<Publisher, 'send'>;
  readonly commitMode?: 'group' | 'hop';
}

export function createOutputs({ bus, ledger, commits, publisher, commitMode }: OutputsOptions): Outputs {
  const maxBytes = Math.min(PAYLOAD_MAX_BYTES, bus.maxPayloadBytes) - HEADERS_MAX_BYTES;
  let last = ledger.highest().outbox;

  const record: Outputs['record'] = (row, traceparent, gated) => {
    last += 1;
    const numbered = { ...row, n: last };
    commits.outbox(numbered);
    publisher.send(numbered, traceparent, gated || commitMode === 'hop');
    if (commitMode === 'hop') commits.hurry();
    return last;
  };
  return {
    maxBytes,
    isTooLarge: (body) => Buffer.byteLength(body) > maxBytes,
    send: (instance, subject, event, gated, body = JSON.stringify(event)) =>
      record({ instance, eventId: event.id, subject, msgId: messageId(event), body }, event.traceparent, gated),
    record,
    adopt(instance, message, event) {
      last += 1;
      const row = { n: last, instance, eventId: event.id, subject: message.subject };
      commits.outbox({ ...row, msgId: messageId(event), body: Buffer.from(message.data).toString('utf8') });
      commits.acked(last, message.seq);
    },
  };
}
