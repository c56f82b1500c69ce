/**
 * What could not be accepted. Owns: the form in which it is kept. Does not own: the judgement. A quarantined message is
 * an output like any other: written to the outbox in the same commit as the cursor that passes it (S9), then sent.
 */
import type { PublishRequest, StoredMessage } from '../../bus/port.ts';
import { quarantineSubject } from '../../schemas/events/subjects.ts';
import type { OutboxRow } from './ledger/port.ts';

/** Larger messages keep only their beginning here; the whole is in the log under its origin sequence. */
const KEPT_MAX_BYTES = 65_536;
const PREFIX = 'mesh.quarantine.';

interface Kept {
  readonly headers: Record<string, string>;
  readonly base64: string;
}

/** Header values are printable ASCII on one line. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 500);
}

function quarantineEventId(role: string, originSeq: number | string): string {
  return `q.${role}.${originSeq}`;
}

export function quarantineRow(
  role: string,
  message: StoredMessage,
  code: string,
  reason: string,
): Omit<OutboxRow, 'n'> {
  const truncated = message.data.byteLength > KEPT_MAX_BYTES;
  const kept: Kept = {
    headers: {
      'mesh-code': headerText(code),
      'mesh-reason': headerText(reason),
      'mesh-origin-subject': headerText(message.subject),
      'mesh-origin-seq': String(message.seq),
      'mesh-truncated': String(truncated),
    },
    base64: Buffer.from(message.data.subarray(0, KEPT_MAX_BYTES)).toString('base64'),
  };
  const eventId = quarantineEventId(role, message.seq);
  return {
    instance: 0,
    eventId,
    subject: quarantineSubject(role),
    msgId: `${eventId}.${message.atMs}`,
    body: JSON.stringify(kept),
  };
}

export function isQuarantine(row: Pick<OutboxRow, 'subject'>): boolean {
  return row.subject.startsWith(PREFIX);
}

/** The message as sent: the raw bytes, the reason in headers. */
export function quarantineWireForm(row: OutboxRow): PublishRequest {
  const { headers, base64 } = JSON.parse(row.body) as Kept;
  return { subject: row.subject, body: Buffer.from(base64, 'base64'), msgId: row.msgId, headers };
}

/** The id under which a message of the quarantine stream was sent. */
export function quarantinedEventId(message: StoredMessage): string {
  return quarantineEventId(message.subject.slice(PREFIX.length), message.header('mesh-origin-seq'));
}
