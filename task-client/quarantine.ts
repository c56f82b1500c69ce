/**
 * What could not be accepted, for every door. Owns: reading an entry, listing, sending it again as it came. Does not own: the
 * judgement, or the form in which it is kept (actors/runtime).
 */

import type { Bus, StoredMessage } from '../bus/port.ts';
import { headerValue } from '../schemas/events/event-content.ts';
import { JOURNAL_LANE, QUARANTINE_FILTER } from '../schemas/events/subjects.ts';

export interface QuarantineEntry {
  readonly seq: number;
  readonly atMs: number;
  /** Who refused it. */
  readonly role: string;
  readonly code: string;
  readonly reason: string;
  readonly originSubject: string;
  /** Its number in the log; 0 when it had none. */
  readonly originSeq: number;
  /** Only the beginning is kept. */
  readonly truncated: boolean;
  readonly bytes: number;
}

export function entryOf(message: StoredMessage): QuarantineEntry {
  return {
    ...{ seq: message.seq, atMs: message.atMs },
    role: message.subject.split('.').at(-1) ?? '',
    code: message.header('mesh-code'),
    reason: headerValue(message.header('mesh-reason')),
    originSubject: headerValue(message.header('mesh-origin-subject')),
    originSeq: Number(message.header('mesh-origin-seq')),
    truncated: message.header('mesh-truncated') === 'true',
    bytes: message.data.byteLength,
  };
}

/** The latest, oldest first. @throws BusError */
export async function listQuarantine(bus: Bus, max: number): Promise<QuarantineEntry[]> {
  const { firstSeq, lastSeq } = await bus.streamInfo('quarantine');
  const found: QuarantineEntry[] = [];
  const reader = await bus.read({
    stream: 'quarantine',
    filter: QUARANTINE_FILTER,
    fromSeq: Math.max(firstSeq, lastSeq - max + 1),
    onMessage: (message) => found.push(entryOf(message)),
  });
  await reader.caughtUp;
  await reader.stop();
  return found;
}

/** Headers that say what a message is: an event in binary mode is another one without them. */
const TELLING_HEADERS = [
  ...['specversion', 'id', 'source', 'type', 'time', 'datacontenttype', 'correlationid', 'traceparent'].map(
    (attribute) => `ce-${attribute}`,
  ),
  ...['content-type', 'correlationid', 'traceparent', 'mesh-key'],
];

/** Sends it again to where it first came from, whole and with its headers. A text says why it cannot be. @throws BusError */
export async function redrive(
  bus: Bus,
  message: StoredMessage,
): Promise<{ readonly sentAs: number; readonly subject: string } | string> {
  const { originSubject: subject, originSeq, truncated, code, role } = entryOf(message);
  if (role === JOURNAL_LANE) return 'it stood in a journal, where hosts alone write: it is not sent there again';
  const origin = originSeq === 0 ? null : await bus.get(originSeq);
  if (origin === null) {
    const gone = `number ${originSeq} has left the log`;
    if (truncated) return `${gone} and only its beginning is kept: it cannot be sent again`;
    if (code === 'unknown_type' && !new TextDecoder().decode(message.data).includes('specversion'))
      return `${gone} with the headers that said what it is: it cannot be sent again`;
  }
  const headers = TELLING_HEADERS.map((name) => [name, origin?.header(name) ?? ''] as const);
  const { seq: sentAs } = await bus.publish({
    ...{ subject, body: (origin ?? message).data },
    headers: Object.fromEntries(headers.filter(([, text]) => text !== '')),
  });
  return { sentAs, subject };
}
