/**
 * What a message on `mesh.tasks` says. Owns: its forms: a text, bare JSON, and a CloudEvent in structured or binary mode
 * (NATS protocol binding for CloudEvents). Does not own: the event that the orchestrator is told (`ingress.ts`).
 */
import type { StoredMessage } from '../bus/port.ts';
import {
  decodeText,
  type EventName,
  nameOf,
  type Parsed,
  parseJson,
  type Rejection,
  typeOf,
} from '../schemas/events/envelope.ts';
import { contentOf, headerValue, looksBinary } from '../schemas/events/event-content.ts';

export type Admitted = 'task.submitted' | 'task.cancel.requested' | 'task.input.provided';
const admitted: ReadonlySet<string> = new Set<Admitted>([
  'task.submitted',
  'task.cancel.requested',
  'task.input.provided',
]);

/** The field that a text is, for those who send no object. */
const textField: Readonly<Record<Admitted, string>> = {
  'task.submitted': 'prompt',
  'task.cancel.requested': 'reason',
  'task.input.provided': 'text',
};

export interface Submission {
  readonly name: Admitted;
  readonly data: unknown;
  /** The task, as the sender wrote it. */
  readonly correlationId: string | undefined;
  /** Identity of the CloudEvent that it came in (CloudEvents 1.0, section 3.1.1). */
  readonly event: { readonly source: string; readonly id: string } | undefined;
  readonly traceparent: string | undefined;
}

/** Kafka's, and the two of AMQP. */
const OTHER_SPELLINGS = ['ce_specversion', 'cloudEvents:specversion', 'cloudEvents_specversion'] as const;

const EMPTY = 'the message is empty: send a prompt';
const STRUCTURED = /^application\/cloudevents\b/i;

function reject<T>(code: Rejection['code'], reason: string): Parsed<T> {
  return { ok: false, rejection: { code, reason } };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** A header of the sender's, in whatever case it is written: names of CloudEvents are alike, and libraries differ. */
export function headerOf(message: StoredMessage, name: string): string | undefined {
  const exact = message.header(name);
  if (exact !== '') return exact;
  for (const [other, value] of message.headers())
    if (other.toLowerCase() === name.toLowerCase() && value !== '') return value;
  return undefined;
}

/** @returns what the message asks, or why it can't be understood */
export function understand(message: StoredMessage): Parsed<Submission> {
  const contentType = headerOf(message, 'content-type');
  if (contentType !== undefined && STRUCTURED.test(contentType)) return fromBody(message, true);
  // Bindings for other transports spell them otherwise; passed over, a foreign event would run as a task.
  const misspelt = OTHER_SPELLINGS.find((name) => headerOf(message, name));
  if (misspelt !== undefined)
    return reject('invalid_envelope', `the header ${misspelt} is of another transport: on NATS it is ce-specversion`);
  const binary = ['ce-specversion', 'ce-type', 'ce-id', 'ce-source'].some((name) => headerOf(message, name));
  return binary
    ? fromHeaders(message, contentType)
    : fromBody(message, contentType !== undefined && /\bjson\b/i.test(contentType));
}

function fromBody(message: StoredMessage, saidJson: boolean): Parsed<Submission> {
  const text = decodeText(message.data);
  if (!text.ok) return text;
  const trimmed = text.value.trim();
  if (trimmed === '') return reject('invalid_data', EMPTY);
  const looksJson = trimmed.startsWith('{') || saidJson;
  const json = parseJson(trimmed);
  if (!json.ok) return looksJson || json.rejection.code !== 'not_json' ? json : fromText(text.value);
  if (Array.isArray(json.value)) return reject('invalid_data', 'an array is not a task: send text or {"prompt": …}');
  // A program that writes its prompt as JSON means what stands between the quotes.
  if (typeof json.value === 'string') return fromText(json.value);
  if (!isRecord(json.value)) {
    if (saidJson) return reject('invalid_data', `${trimmed.slice(0, 40)} is not a task: send text or {"prompt": …}`);
    return fromText(text.value);
  }
  return 'specversion' in json.value ? fromCloudEvent(json.value) : fromBareJson(json.value);
}

function fromText(text: string): Parsed<Submission> {
  if (text.trim() === '') return reject('invalid_data', EMPTY);
  if (looksBinary(text)) return reject('not_json', 'binary data: send text or JSON');
  const nothing = { correlationId: undefined, event: undefined, traceparent: undefined };
  return { ok: true, value: { name: 'task.submitted', data: { prompt: text.trim() }, ...nothing } };
}

function fromBareJson(value: Record<string, unknown>): Parsed<Submission> {
  const { id, correlationId = id, ...data } = value;
  if (correlationId !== undefined && typeof correlationId !== 'string')
    return reject('invalid_data', 'id must be a UUID as a string; a name of your own goes into key');
  const nothing = { event: undefined, traceparent: undefined };
  return { ok: true, value: { name: 'task.submitted', data, correlationId, ...nothing } };
}

/** The attributes stand in headers, and the body is the data: binary mode. */
function fromHeaders(message: StoredMessage, contentType: string | undefined): Parsed<Submission> {
  const attribute = (name: string): string | undefined => {
    const text = headerOf(message, `ce-${name}`);
    return text === undefined ? undefined : headerValue(text);
  };
  const attributes = {
    ...{ specversion: attribute('specversion'), type: attribute('type') },
    ...{ id: attribute('id'), source: attribute('source') },
    ...{ correlationid: attribute('correlationid'), traceparent: attribute('traceparent') },
  };
  // The binding names it like any other attribute; SDKs made for HTTP send the plain header.
  const type = attribute('datacontenttype') ?? contentType;
  return fromAttributes(attributes, () => contentOf({ contentType: type, bytes: message.data }));
}

function fromCloudEvent(value: Record<string, unknown>): Parsed<Submission> {
  // JSON format, section 2.2: an attribute that is null is unset.
  const { datacontenttype, data, data_base64: base64, ...rest } = value;
  const contentType = datacontenttype ?? undefined;
  if (contentType !== undefined && typeof contentType !== 'string')
    return reject('invalid_envelope', 'datacontenttype must be a string');
  const attributes = { ...rest, correlationid: rest.correlationid ?? undefined };
  return fromAttributes(attributes, () => contentOf({ contentType, value: data ?? undefined, base64 }));
}

/** CloudEvents 1.0, section 3: unknown extension attributes are allowed and passed over. */
function fromAttributes(attributes: Record<string, unknown>, content: () => Parsed<unknown>): Parsed<Submission> {
  const { specversion, type, id, source, correlationid } = attributes;
  if (specversion !== '1.0') return reject('invalid_envelope', 'specversion must be "1.0"');
  if (typeof id !== 'string' || id === '') return reject('invalid_envelope', 'id must be a non-empty string');
  if (typeof source !== 'string' || source === '')
    return reject('invalid_envelope', 'source must be a non-empty string');
  if (typeof type !== 'string') return reject('invalid_envelope', 'type must be a string');
  if (correlationid !== undefined && typeof correlationid !== 'string')
    return reject('invalid_envelope', 'correlationid must be a string');
  const name = nameOf(type);
  if (name === null || !isAdmitted(name)) {
    const accepted = [...admitted].map((one) => typeOf(one as EventName)).join(', ');
    return reject('unknown_type', `${type} is not accepted here; accepted are ${accepted}`);
  }
  const read = content();
  if (!read.ok) return read;
  if (read.value === undefined && name !== 'task.cancel.requested')
    return reject('invalid_data', `the event has no data: send the ${textField[name]}`);
  return {
    ok: true,
    value: {
      ...{ name, data: dataOf(name, read.value), correlationId: correlationid },
      ...{ event: { source, id }, traceparent: textOf(attributes.traceparent) },
    },
  };
}

function isAdmitted(name: EventName): name is Admitted {
  return admitted.has(name);
}

function dataOf(name: Admitted, content: unknown): unknown {
  if (typeof content === 'string') return { [textField[name]]: name === 'task.submitted' ? content.trim() : content };
  // A cancel needs no reason, and so no data.
  return content === undefined && name === 'task.cancel.requested' ? {} : content;
}
