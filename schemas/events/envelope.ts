/**
 * The event as the mesh knows it: a CloudEvents 1.0 envelope whose `data` fits its type, alone or several in a batch.
 * Owns: types, naming, parsing with limits, serialising. Does not own: where an event goes.
 *
 * Invariants:
 * 1. `parseEvent` and `parseEvents` never throw and never return an event that its schema does not allow (S9).
 * 2. An event is accepted in a batch when it is accepted alone, and the other way round.
 * 3. Two events are the same when id and `contentDigest` are.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type DataByName, type Envelope, eventNames } from './generated.ts';
import { contentHash } from './ids.ts';
import { readSchemas } from './schema-files.ts';

export type EventName = keyof DataByName;

/** An event of a known type; `name` is the short name, `data` what its schema says. */
export type MeshEvent<N extends EventName = EventName> = {
  [K in N]: Omit<Envelope, 'data' | 'type'> & { type: `dev.agentmesh.${K}.v1`; data: DataByName[K] };
}[N];

/** NATS' default limit of a message; larger work goes by reference (a path, a URL). */
export const PAYLOAD_MAX_BYTES = 1_048_576;
/** Deeper JSON than this is nobody's prompt; the limit keeps validation and canonical hashing cheap. */
export const NESTING_MAX = 32;
/** More than the facts of any commit; half of what a watcher may have waiting, so that one batch never cuts it off. */
export const BATCH_EVENTS_MAX = 1024;

/** One event in the structured form of CloudEvents. */
export const EVENT_CONTENT_TYPE = 'application/cloudevents+json';
/** A JSON array of events: the batch form of CloudEvents. */
export const BATCH_CONTENT_TYPE = 'application/cloudevents-batch+json';

const TYPE_PREFIX = 'dev.agentmesh.';
const VERSION_SUFFIX = '.v1';
/** Made once: an event is looked up by its type several times, and a text that is made anew is hashed anew. */
const typesByName: ReadonlyMap<EventName, string> = new Map(
  eventNames.map((name) => [name, `${TYPE_PREFIX}${name}${VERSION_SUFFIX}`]),
);
const namesByType: ReadonlyMap<string, EventName> = new Map([...typesByName].map(([name, type]) => [type, name]));

export function typeOf<N extends EventName>(name: N): MeshEvent<N>['type'] {
  return typesByName.get(name) as MeshEvent<N>['type'];
}

/** The short name of a type, or null when this release does not know it. */
export function nameOf(type: string): EventName | null {
  return namesByType.get(type) ?? null;
}

/** Why something was not accepted: a stable code and one sentence. */
export interface Rejection {
  readonly code:
    | 'too_large'
    | 'not_json'
    | 'too_deep'
    | 'forbidden_key'
    | 'invalid_envelope'
    | 'misaddressed'
    | 'unknown_type'
    | 'invalid_data';
  readonly reason: string;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; rejection: Rejection };

const schemas = readSchemas();
/** The schemas are checked against JSON Schema's own by a test; at a start that would take longer than all the rest. */
const ajv = new Ajv2020({ allErrors: false, strict: true, strictRequired: false, validateSchema: false });
addFormats.default(ajv);
ajv.addSchema(schemas.common);
/** Compiled at their first use: a process starts sooner, and most processes see few types. */
let envelopeValidator: ValidateFunction<Omit<Envelope, 'data'> & { data: unknown }> | null = null;
const dataValidators = new Map<EventName, ValidateFunction>();

function dataValidator(name: EventName): ValidateFunction {
  let validate = dataValidators.get(name);
  if (!validate) {
    const schema = schemas.data.get(name);
    if (!schema) throw new Error(`no schema for ${name}`);
    validate = ajv.compile(schema);
    dataValidators.set(name, validate);
  }
  return validate;
}

function explain(errors: ErrorObject[] | null | undefined, what: string): string {
  const error = errors?.[0];
  if (!error) return `${what} is not valid`;
  const where = error.instancePath === '' ? what : `${what}${error.instancePath.replaceAll('/', '.')}`;
  const extra = error.params.additionalProperty ?? error.params.allowedValues?.join(', ') ?? error.params.allowedValue;
  return `${where} ${error.message ?? 'is not valid'}${extra === undefined ? '' : ` (${extra})`}`.slice(0, 500);
}

/** Keys that no event may have, at any depth. */
export const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
/** Spares most texts the check of every key; an escape may hide a letter of a key anywhere in it. */
const suspicious = /"(?:__proto__|constructor|prototype)|\\u/;

function structureProblem(value: unknown, depth: number, checkKeys: boolean): Rejection | null {
  if (typeof value !== 'object' || value === null) return null;
  if (depth > NESTING_MAX) return { code: 'too_deep', reason: `nested deeper than ${NESTING_MAX} levels` };
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = structureProblem(item, depth + 1, checkKeys);
      if (problem) return problem;
    }
    return null;
  }
  for (const [key, item] of Object.entries(value)) {
    if (checkKeys && forbiddenKeys.has(key)) return { code: 'forbidden_key', reason: `the key ${key} is not allowed` };
    const problem = structureProblem(item, depth + 1, checkKeys);
    if (problem) return problem;
  }
  return null;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function reject<T>(code: Rejection['code'], reason: string): Parsed<T> {
  return { ok: false, rejection: { code, reason } };
}

/** UTF-8 text within the payload limit. */
export function decodeText(bytes: Uint8Array): Parsed<string> {
  if (bytes.byteLength > PAYLOAD_MAX_BYTES) {
    return reject('too_large', `${bytes.byteLength} bytes; the limit is ${PAYLOAD_MAX_BYTES}`);
  }
  try {
    return { ok: true, value: decoder.decode(bytes) };
  } catch {
    return reject('not_json', 'not UTF-8 text');
  }
}

function parseText(text: string): Parsed<unknown> {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return reject('not_json', `not JSON: ${error instanceof Error ? error.message : String(error)}`.slice(0, 300));
  }
}

function withinLimits(value: unknown, checkKeys: boolean): Parsed<unknown> {
  const problem = structureProblem(value, 0, checkKeys);
  return problem ? { ok: false, rejection: problem } : { ok: true, value };
}

/** JSON within the limits of size, depth and keys. */
export function parseJson(text: string): Parsed<unknown> {
  const json = parseText(text);
  return json.ok ? withinLimits(json.value, suspicious.test(text)) : json;
}

/** An event of the mesh, whole: envelope, type and data. */
export function validateEvent(value: unknown): Parsed<MeshEvent> {
  envelopeValidator ??= ajv.compile<Omit<Envelope, 'data'> & { data: unknown }>(schemas.envelope);
  const validateEnvelope = envelopeValidator;
  if (!validateEnvelope(value)) return reject('invalid_envelope', explain(validateEnvelope.errors, 'envelope'));
  const name = nameOf(value.type);
  if (name === null) return reject('unknown_type', `unknown type or version: ${value.type}`);
  const data = validateData(name, value.data);
  if (!data.ok) return data;
  if (value.subject !== value.correlationid)
    return reject('invalid_envelope', 'envelope.subject differs from correlationid');
  return { ok: true, value: value as MeshEvent };
}

/** Only the data of an event. */
export function validateData<N extends EventName>(name: N, data: unknown): Parsed<DataByName[N]> {
  const validate = dataValidator(name);
  return validate(data)
    ? { ok: true, value: data as DataByName[N] }
    : reject('invalid_data', explain(validate.errors, 'data'));
}

export function parseEvent(bytes: Uint8Array): Parsed<MeshEvent> {
  const text = decodeText(bytes);
  if (!text.ok) return text;
  const json = parseJson(text.value);
  return json.ok ? validateEvent(json.value) : json;
}

/**
 * Each event of a message in its order, judged by itself; an event alone is a batch of one. Rejected as a whole is what
 * is no message of events at all.
 */
export function parseEach(bytes: Uint8Array): Parsed<Parsed<MeshEvent>[]> {
  const text = decodeText(bytes);
  if (!text.ok) return text;
  const json = parseText(text.value);
  if (!json.ok) return json;
  const items: unknown[] = Array.isArray(json.value) ? json.value : [json.value];
  if (items.length === 0) return reject('invalid_envelope', 'a batch without events');
  if (items.length > BATCH_EVENTS_MAX) {
    return reject('too_large', `a batch of ${items.length} events; the limit is ${BATCH_EVENTS_MAX}`);
  }
  const checkKeys = suspicious.test(text.value);
  const each = items.map((item): Parsed<MeshEvent> => {
    const limited = withinLimits(item, checkKeys);
    return limited.ok ? validateEvent(limited.value) : limited;
  });
  return { ok: true, value: each };
}

/** All events of a message, in their order: one as an object, or a batch as an array. */
export function parseEvents(bytes: Uint8Array): Parsed<MeshEvent[]> {
  const each = parseEach(bytes);
  if (!each.ok) return each;
  const events: MeshEvent[] = [];
  for (const [at, parsed] of each.value.entries()) {
    if (parsed.ok) {
      events.push(parsed.value);
      continue;
    }
    const { code, reason } = parsed.rejection;
    const which = each.value.length === 1 ? '' : `event ${at + 1} of ${each.value.length}: `;
    return reject(code, `${which}${reason}`.slice(0, 500));
  }
  return { ok: true, value: events };
}

/** Events as they are stored in one message. */
export interface EventMessage {
  readonly body: string;
  readonly contentType: typeof EVENT_CONTENT_TYPE | typeof BATCH_CONTENT_TYPE;
}

function messageOf(texts: readonly string[]): EventMessage {
  const [only] = texts;
  return texts.length === 1 && only !== undefined
    ? { body: only, contentType: EVENT_CONTENT_TYPE }
    : { body: `[${texts.join(',')}]`, contentType: BATCH_CONTENT_TYPE };
}

/**
 * Facts as one message, in the order of happening.
 * @throws RangeError for none at all, and for more than one message may hold: `factMessages` divides them
 */
export function serializeFacts(events: readonly MeshEvent[]): EventMessage {
  const [message, second] = factMessages(events);
  if (message === undefined) throw new RangeError('there is no message without facts');
  if (second !== undefined) throw new RangeError(`${events.length} facts are more than one message may hold`);
  return message;
}

/**
 * Facts as few messages as the limits allow, in the order of happening; the same facts are always divided in the same way.
 * A fact that is too large by itself has a message of its own, which the log refuses.
 */
export function factMessages(events: readonly MeshEvent[], bytesMax: number = PAYLOAD_MAX_BYTES): EventMessage[] {
  const messages: EventMessage[] = [];
  let texts: string[] = [];
  let bytes = 0;
  for (const event of events) {
    const text = JSON.stringify(event);
    // One bracket or comma before each, and the last bracket.
    const more = Buffer.byteLength(text) + 1;
    if (texts.length > 0 && (texts.length === BATCH_EVENTS_MAX || bytes + more + 1 > bytesMax)) {
      messages.push(messageOf(texts));
      texts = [];
      bytes = 0;
    }
    texts.push(text);
    bytes += more;
  }
  if (texts.length > 0) messages.push(messageOf(texts));
  return messages;
}

/**
 * What makes two events with one id the same event (S5). Left out is what differs between two sendings of the same
 * thing: the trace, the time and the cause; and of a task, who passed it on and by which door: the one that came first
 * has its task, and the doors refuse a task that is somebody else's.
 */
export function contentDigest(event: MeshEvent): string {
  const { type, correlationid, senderrole, recipientrole, hopindex, remainingloops } = event;
  const data = nameOf(type) === 'task.submitted' ? { ...event.data, caller: undefined, door: undefined } : event.data;
  return contentHash(
    `${type}|${correlationid}|${senderrole}|${recipientrole}|${hopindex}|${remainingloops}|${JSON.stringify(data)}`,
  );
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Canonical JSON: keys sorted at every level. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, sortedKeys);
}

/** The `Nats-Msg-Id`: id and content, so that the server never swallows a forged event in silence (S5). */
export function messageId(event: MeshEvent): string {
  return `${event.id}.${contentDigest(event).slice(0, 8)}`;
}
