/**
 * The mesh's front door on `mesh.tasks`: plain text, bare JSON or a structured CloudEvent becomes an event for the
 * orchestrator. Owns: what is understood. Does not own: reading, remembering, quarantine.
 *
 * Invariant: the same stored message gives the same event, at every reading (S1, S5).
 */
import type { StoredMessage } from '../bus/port.ts';
import {
  canonicalJson,
  decodeText,
  type EventName,
  type MeshEvent,
  nameOf,
  type Parsed,
  parseJson,
  type Rejection,
  typeOf,
  validateData,
} from '../schemas/events/envelope.ts';
import { correlationIdFromLog, ingressEventId, traceparentFor } from '../schemas/events/ids.ts';
import { INGRESS_SUBJECT, isCorrelationId } from '../schemas/events/subjects.ts';
import { RELEASE } from './release.ts';
import type { Ingress } from './runtime/receiver.ts';

type Admitted = 'task.submitted' | 'task.cancel.requested' | 'task.input.provided';
const admitted: ReadonlySet<string> = new Set<Admitted>([
  'task.submitted',
  'task.cancel.requested',
  'task.input.provided',
]);

interface Submission {
  readonly name: Admitted;
  readonly data: unknown;
  readonly correlationId: string | undefined;
  /** The caller's id of the event; tells two answers to one question apart. */
  readonly sourceId: string | undefined;
  readonly traceparent: string | undefined;
}

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** Control characters that no prompt has: a sign of a binary. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const BINARY = /[\u0000-\u0008\u000e-\u001f]/;

function reject<T>(code: Rejection['code'], reason: string): Parsed<T> {
  return { ok: false, rejection: { code, reason } };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fromText(text: string): Parsed<Submission> {
  if (BINARY.test(text)) return reject('not_json', 'binary data: send text or JSON');
  const nothing = { correlationId: undefined, sourceId: undefined, traceparent: undefined };
  return { ok: true, value: { name: 'task.submitted', data: { prompt: text.trim() }, ...nothing } };
}

function fromBareJson(value: Record<string, unknown>): Parsed<Submission> {
  const { id, correlationId = id, ...data } = value;
  if (correlationId !== undefined && typeof correlationId !== 'string')
    return reject('invalid_data', 'id must be a UUIDv4 as a string');
  return {
    ok: true,
    value: { name: 'task.submitted', data, correlationId, sourceId: undefined, traceparent: undefined },
  };
}

/** CloudEvents 1.0, section 3: unknown extension attributes are allowed and passed over. */
function fromCloudEvent(value: Record<string, unknown>): Parsed<Submission> {
  const { specversion, type, id, source, datacontenttype, correlationid, data } = value;
  if (specversion !== '1.0') return reject('invalid_envelope', 'specversion must be "1.0"');
  if (typeof id !== 'string' || id === '') return reject('invalid_envelope', 'id must be a non-empty string');
  if (typeof source !== 'string' || source === '')
    return reject('invalid_envelope', 'source must be a non-empty string');
  if (typeof type !== 'string') return reject('invalid_envelope', 'type must be a string');
  if (datacontenttype !== undefined && !/^application\/(?:[\w.-]+\+)?json\b/.test(String(datacontenttype))) {
    return reject('invalid_envelope', 'datacontenttype must be application/json');
  }
  if (correlationid !== undefined && typeof correlationid !== 'string')
    return reject('invalid_envelope', 'correlationid must be a string');
  const name = nameOf(type);
  if (name === null || !admitted.has(name)) {
    return reject(
      'unknown_type',
      `${type} is not accepted here; accepted are ${[...admitted].map((one) => typeOf(one as EventName)).join(', ')}`,
    );
  }
  const submission = {
    name: name as Admitted,
    data,
    correlationId: correlationid,
    sourceId: id,
    traceparent: textOf(value.traceparent),
  };
  return { ok: true, value: submission };
}

function understand(message: StoredMessage): Parsed<Submission> {
  const text = decodeText(message.data);
  if (!text.ok) return text;
  const trimmed = text.value.trim();
  if (trimmed === '') return reject('invalid_data', 'the message is empty: send a prompt');
  const looksJson = trimmed.startsWith('{') || message.header('content-type').includes('json');
  const json = parseJson(trimmed);
  if (!json.ok) return looksJson || json.rejection.code !== 'not_json' ? json : fromText(text.value);
  if (Array.isArray(json.value)) return reject('invalid_data', 'an array is not a task: send text or {"prompt": …}');
  if (!isRecord(json.value)) return fromText(text.value);
  return 'specversion' in json.value ? fromCloudEvent(json.value) : fromBareJson(json.value);
}

function envelope(submission: Submission, message: StoredMessage, correlationId: string): MeshEvent {
  const { name, data } = submission;
  const origin = submission.sourceId ?? String(message.seq);
  // A task is submitted once; a cancel or an answer may come several times, each an event of its own.
  const id = ingressEventId(correlationId, name, name === 'task.submitted' ? '' : origin);
  const given = submission.traceparent ?? message.header('traceparent');
  return {
    specversion: '1.0',
    id,
    source: '/mesh/ingress',
    type: typeOf(name),
    subject: correlationId,
    time: new Date(message.atMs).toISOString(),
    datacontenttype: 'application/json',
    correlationid: correlationId,
    causationid: `${INGRESS_SUBJECT}/${message.seq}`,
    hopindex: 0,
    remainingloops: 0,
    senderrole: 'ingress',
    recipientrole: 'orchestrator',
    release: RELEASE,
    traceparent: TRACEPARENT.test(given) ? given : traceparentFor(correlationId, id),
    // A caller's second writing of the same task may order its fields otherwise.
    data: JSON.parse(canonicalJson(data)) as unknown,
  } as MeshEvent;
}

export const ingress: Ingress = {
  name: 'ingress',
  filter: INGRESS_SUBJECT,
  role: 'orchestrator',
  translate(message, streamIdentity) {
    const understood = understand(message);
    if (!understood.ok) return understood;
    const submission = understood.value;
    const named = submission.correlationId ?? (message.header('correlationid') || undefined);
    if (named !== undefined && !isCorrelationId(named)) {
      return reject(
        'invalid_envelope',
        `the correlation id must be a UUIDv4 in lower case: ${JSON.stringify(named.slice(0, 80))}`,
      );
    }
    if (named === undefined && submission.name !== 'task.submitted') {
      return reject('invalid_envelope', `${submission.name} needs the correlationid of its task`);
    }
    const data = validateData(submission.name, submission.data);
    if (!data.ok) return data;
    const correlationId = named ?? correlationIdFromLog(streamIdentity, message.seq);
    return { ok: true, value: envelope(submission, message, correlationId) };
  },
};
