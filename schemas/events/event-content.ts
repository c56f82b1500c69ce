/**
 * What a foreign CloudEvent says, for every door that takes one. Owns: reading its data from the forms in which SDKs and
 * sidecars send it (CloudEvents JSON format, section 3.1; NATS binding, section 3.1.2), and the names of attributes in
 * headers. Does not own: what becomes of it.
 */
import { decodeText, type Parsed, parseJson, type Rejection } from './envelope.ts';

/** Where the data of an event may stand. */
export interface EventContent {
  readonly contentType: string | undefined;
  /** As the JSON form has it: `data`. */
  readonly value?: unknown;
  /** As the JSON form has it: `data_base64`. */
  readonly base64?: unknown;
  /** As the binary form has it: the body. */
  readonly bytes?: Uint8Array;
}

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;
const OCTETS = /^application\/octet-stream\s*(?:;|$)/i;
const TEXT_TYPE = /^text\/(?:plain|markdown)\s*(?:;|$)/i;
/** RFC 4648, section 4, with or without padding and line ends. */
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;
/** Control characters that no text has: a sign of a binary. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const BINARY = /[\u0000-\u0008\u000e-\u001f]/;

export function looksBinary(text: string): boolean {
  return BINARY.test(text);
}

function reject<T>(code: Rejection['code'], reason: string): Parsed<T> {
  return { ok: false, rejection: { code, reason } };
}

/**
 * The data of an event: an object, a text, another JSON value, or undefined when there is none. A text that holds a JSON
 * object is read as one unless its type says that it is text: sidecars wrap JSON that they do not know into a text.
 */
export function contentOf({ contentType: said, value, base64, bytes }: EventContent): Parsed<unknown> {
  // What SDKs and sidecars write for bytes of which they know nothing.
  const contentType = said === undefined || OCTETS.test(said) ? undefined : said;
  if (contentType !== undefined && !JSON_TYPE.test(contentType) && !TEXT_TYPE.test(contentType)) {
    const shown = JSON.stringify(contentType.slice(0, 80));
    return reject('invalid_envelope', `datacontenttype ${shown} is not taken: send application/json or text/plain`);
  }
  const isText = contentType !== undefined && TEXT_TYPE.test(contentType);
  if (bytes !== undefined) return ofBytes(bytes, contentType, isText);
  if (base64 !== undefined && base64 !== null) {
    if (value !== undefined) return reject('invalid_envelope', 'send data or data_base64, not both');
    if (typeof base64 !== 'string' || !BASE64.test(base64))
      return reject('invalid_envelope', 'data_base64 must be a text in base64');
    return ofBytes(Buffer.from(base64, 'base64'), contentType, isText);
  }
  if (isText && value !== undefined && typeof value !== 'string')
    return reject('invalid_envelope', `data must be a text, as datacontenttype ${contentType} says`);
  return typeof value === 'string' && !isText ? unwrapped(value) : { ok: true, value };
}

function ofBytes(bytes: Uint8Array, contentType: string | undefined, isText: boolean): Parsed<unknown> {
  const text = decodeText(bytes);
  if (!text.ok) return text;
  if (text.value.trim() === '') return { ok: true, value: undefined };
  if (isText) return asText(text.value);
  const json = parseJson(text.value.trim());
  if (json.ok) return typeof json.value === 'string' ? unwrapped(json.value) : json;
  // Nobody said that it is JSON, and it does not begin like it.
  const isPlain = contentType === undefined && json.rejection.code === 'not_json' && !/^\s*[{[]/.test(text.value);
  return isPlain ? asText(text.value) : json;
}

function asText(text: string): Parsed<unknown> {
  return looksBinary(text) ? reject('not_json', 'binary data: send text or JSON') : { ok: true, value: text };
}

function unwrapped(text: string): Parsed<unknown> {
  if (!text.trimStart().startsWith('{')) return asText(text);
  const json = parseJson(text);
  return json.ok || json.rejection.code !== 'not_json' ? json : asText(text);
}

/** Decodes the value of a header of the binary form (NATS binding, section 3.1.3.2). What is no escape stays as it is. */
export function headerValue(text: string): string {
  const unquoted = /^"(?:[^"\\]|\\.)*"$/.test(text) ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text;
  try {
    return decodeURIComponent(unquoted);
  } catch {
    return unquoted;
  }
}

/** The inverse, for sentences in headers: spaces stay, so that they can be read as they are. */
export function headerText(text: string, charsMax: number): string {
  const line = text.toWellFormed().replaceAll(/[\r\n]+/g, ' ');
  return [...line]
    .slice(0, charsMax)
    .join('')
    .replaceAll(/[^\x20-\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character));
}
