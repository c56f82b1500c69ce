/**
 * What could not be accepted. Owns: the form in which it is kept. Does not own: the judgement, or sending. A message in
 * quarantine is an input of the journal like any other, so it is sent from there, once (S9).
 */
import type { StoredMessage } from '../../../bus/port.ts';
import { EVENT_CONTENT_TYPE } from '../../../schemas/events/envelope.ts';
import { headerText } from '../../../schemas/events/event-content.ts';
import { inboxesOf, quarantineSubject } from '../../../schemas/events/subjects.ts';
import type { Quarantined } from '../journal/record.ts';
import type { Refused } from '../tasks/task.ts';

/** Larger messages keep only their beginning here; the whole is in the log under its origin sequence. */
const KEPT_MAX_BYTES = 65_536;
/** A sentence; what quotes more of a message than that says no more. */
const REASON_MAX_CHARS = 500;

/** Header values are printable ASCII on one line: anything else is percent-encoded. */
function inHeader(text: string): string {
  return headerText(text, REASON_MAX_CHARS);
}

/** @param lane the role whose inbox it was in, or the ingress */
export function quarantined(lane: string, message: StoredMessage, code: string, reason: string): Quarantined {
  const { subject, seq, atMs, data } = message;
  return {
    ...{ lane, subject, seq, storedAtMs: atMs, code, reason: reason.slice(0, REASON_MAX_CHARS) },
    base64: Buffer.from(data.subarray(0, KEPT_MAX_BYTES)).toString('base64'),
    truncated: data.byteLength > KEPT_MAX_BYTES,
  };
}

export interface QuarantineForm {
  readonly subject: string;
  readonly body: string;
  readonly encoding: 'text' | 'base64';
  readonly headers: Readonly<Record<string, string>>;
}

/** The message as sent: the raw bytes, the reason in headers. */
export function quarantineForm(message: Quarantined): QuarantineForm {
  return {
    subject: quarantineSubject(message.lane),
    body: message.base64,
    encoding: 'base64',
    headers: {
      'mesh-code': inHeader(message.code),
      'mesh-reason': inHeader(message.reason),
      'mesh-origin-subject': inHeader(message.subject),
      'mesh-origin-seq': String(message.seq),
      'mesh-truncated': String(message.truncated),
    },
  };
}

/** The same for what an actor of this host said and another could not take; it has no place in the log. */
export function refusedForm({ role, event, code, reason }: Refused): QuarantineForm {
  return {
    subject: quarantineSubject(role),
    body: JSON.stringify(event),
    encoding: 'text',
    headers: {
      'content-type': EVENT_CONTENT_TYPE,
      'mesh-code': inHeader(code),
      'mesh-reason': inHeader(reason),
      'mesh-origin-subject': inboxesOf(role),
      'mesh-origin-seq': '0',
      'mesh-truncated': 'false',
    },
  };
}
