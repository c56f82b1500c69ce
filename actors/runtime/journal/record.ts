/**
 * The form of a record: what one commit adds to a partition's journal. Owns: writing and reading it. Does not own: when
 * one is made, or where it is stored; its bytes are the same in the ledger and in the log (J1).
 *
 * A record is a CloudEvents batch (JSON array, CloudEvents JSON format section 4), so whoever reads the log with `nats`
 * sees what happened:
 *
 *   [ the record itself, then in the order of what happened: each input, followed by what actors of this host said to
 *     each other because of it ]
 *
 * Only the inputs are read back. What they caused is derived from them again; it is written for people and tools, and a
 * long text that stands in the same record already is only referred to: `{"$ref": "#<id of the event that has it>/<which of its long texts>"}`.
 * A very long one that stands in an earlier record (`told-texts.ts`) is referred to with that record's place in the log:
 * `{"$ref": …, "logseq": "<sequence>"}`.
 */

import { type MeshEvent, PAYLOAD_MAX_BYTES, parseJson } from '../../../schemas/events/envelope.ts';
import { timeText } from '../../../schemas/events/time-text.ts';
import { traceparentFor } from '../../../schemas/events/trace-context.ts';
import { FatalError } from '../errors.ts';
import type { Versions } from '../role.ts';
import { RecordTexts, type ToldTexts } from './told-texts.ts';

/**
 * Raised when a record of this release could not be read by an older one.
 * - 1: actors began on the machine that the release of their task gives.
 * - 2: an input says on which versions actors began because of it (`machines`). A record without such an input is written
 *   in form 1.
 */
const RECORD_VERSION = 2;
const WITHOUT_MACHINES = 1;

const RECORD_TYPE = 'dev.agentmesh.journal.record.v1';
const QUARANTINED_TYPE = 'dev.agentmesh.message.quarantined.v1';
/** Room for headers: the server's limit counts them too. */
const HEADERS_MAX_BYTES = 1024;
/** What an entry has beside its input, bytes. */
const ATTRIBUTES_BYTES = 300;

/** Where an input came from in the log. */
export interface Place {
  /** The role whose inbox it was in, or the ingress. */
  readonly lane: string;
  readonly seq: number;
}

/** An event that an actor is told from outside. */
export interface EventInput {
  readonly kind: 'event';
  /** Whose actor is told. */
  readonly role: string;
  readonly event: MeshEvent;
  readonly atMs: number;
  readonly upMs: number;
  readonly place: Place | null;
  /** The log had it once, lost it, and was given it again (J5). */
  readonly again: boolean;
  /** On what actors began because of it, where the release does not say that; absent before it is applied. */
  readonly began?: Versions;
}

/** A message that could not be accepted (S9). */
export interface QuarantinedInput {
  readonly kind: 'quarantined';
  readonly message: Quarantined;
  readonly atMs: number;
  readonly upMs: number;
  readonly place: Place;
}

export interface Quarantined {
  readonly lane: string;
  readonly subject: string;
  readonly seq: number;
  readonly storedAtMs: number;
  readonly code: string;
  readonly reason: string;
  /** The message as it was, base64; only its beginning when it was large. */
  readonly base64: string;
  readonly truncated: boolean;
}

export type Input = EventInput | QuarantinedInput;

/** A role elsewhere, which had asked for something, says that the task is over. */
export function isOverWord({ event }: EventInput): boolean {
  return event.type === 'dev.agentmesh.task.over.v1';
}

/** What a record says of itself. */
export interface RecordHead {
  readonly service: string;
  readonly partition: number;
  /** From 1, without gaps. */
  readonly n: number;
  /** Unlike any other record's: `<process>.<partition>.<n>`. */
  readonly id: string;
  /** Id of the record before it; empty for the first one. */
  readonly previous: string;
  /** Id of the ledger of the host that wrote it. */
  readonly ledger: string;
  /** Of the process that wrote it: tells two with one ledger apart (J4). */
  readonly process: string;
  /** What that process calls itself, for people. */
  readonly host: string;
  /** When it was made, milliseconds since the epoch, by that host's clock. */
  readonly atMs: number;
  /** How long the partition has been up until then, milliseconds. */
  readonly upMs: number;
  /** Which log the places below are places of. */
  readonly log: string;
  /** By lane: everything for this partition up to there has been dealt with. */
  readonly read: Readonly<Record<string, number>>;
  /** The furthest message that the host had met, as `<seq>@<time>`; empty when none. */
  readonly tail: string;
  /** The furthest message of the host that each stream had taken, as `placeOf` writes it; empty when none. */
  readonly stored: Readonly<Record<'log' | 'quarantine', string>>;
  /** Everything that left because of records up to this one is in the log. */
  readonly sent: number;
  /** A word of its own: the partition has a new owner, or its owner stops in order. */
  readonly word?: 'claimed' | 'stopped';
}

export interface Entry {
  readonly input: Input;
  /** What actors of this host said to each other because of it. */
  readonly caused: readonly MeshEvent[];
  /** The input as it is written, when that is known. */
  readonly text?: string;
}

/** Writes the input once, for the size and for the record: bytes, roughly. */
export function draft(entry: Entry): { readonly entry: Entry; readonly size: number } {
  const text = bareText(entry.input);
  return { entry: { ...entry, text }, size: ATTRIBUTES_BYTES + Buffer.byteLength(text) };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * @param maxBytes what a server takes as one message
 * @param told very long texts of this journal's earlier records; those of this one are added
 */
export function encodeRecord(
  head: RecordHead,
  entries: readonly Entry[],
  maxBytes = PAYLOAD_MAX_BYTES,
  told?: ToldTexts,
): Uint8Array {
  const limit = maxBytes - HEADERS_MAX_BYTES;
  // What was caused can be derived: only its envelopes are told then, or nothing of it.
  for (const caused of ['whole', 'envelopes'] as const) {
    const texts = new RecordTexts(told, head.n);
    const text = textOf(head, entries, caused, texts);
    if (text.length > limit) continue;
    const bytes = encoder.encode(text);
    if (bytes.byteLength > limit) continue;
    texts.remember();
    return bytes;
  }
  const texts = new RecordTexts(told, head.n);
  const bytes = encoder.encode(textOf(head, entries, 'nothing', texts));
  texts.remember();
  return bytes;
}

function textOf(
  head: RecordHead,
  entries: readonly Entry[],
  told: 'whole' | 'envelopes' | 'nothing',
  texts: RecordTexts,
): string {
  const parts = [headText(head, entries.some(beginsByVersion) ? RECORD_VERSION : WITHOUT_MACHINES)];
  for (const { input, caused, text = bareText(input) } of entries) {
    parts.push(`${attributesText(input, head.upMs)},${text.slice(1)}`);
    if (input.kind === 'event') texts.input(input.event);
    for (const event of told === 'nothing' ? [] : caused) {
      parts.push(causedText(event, told === 'whole' ? texts.write(event) : undefined));
    }
  }
  return `[${parts.join(',\n')}]`;
}

function beginsByVersion({ input }: Entry): boolean {
  return input.kind === 'event' && Object.keys(input.began ?? {}).length > 0;
}

function headText(head: RecordHead, version: number): string {
  const { service, partition, id, atMs, ...data } = head;
  return JSON.stringify({
    specversion: '1.0',
    id,
    source: `/mesh/${service}`,
    type: RECORD_TYPE,
    subject: `${service}.${partition}`,
    time: timeText(atMs),
    datacontenttype: 'application/json',
    entry: 'record',
    data: { version, service, partition, ...data },
  });
}

/** Extension attributes of an input, its closing brace left out: where it came from, and when it was applied. */
function attributesText(input: Input, upMs: number): string {
  const { atMs, place } = input;
  const attributes = {
    entry: 'input',
    appliedat: timeText(atMs),
    // Of the partition's clock, before or after the record's own reading of it.
    offsetms: Math.round(input.upMs - upMs),
    ...(place === null ? {} : { lane: place.lane, logseq: String(place.seq) }),
    ...(input.kind === 'event' ? { actor: input.role } : {}),
    ...(input.kind === 'event' && input.again ? { again: true } : {}),
    ...(input.kind === 'event' ? machinesAttribute(input) : {}),
  };
  return JSON.stringify(attributes).slice(0, -1);
}

/** As one text, since attributes of a CloudEvent are no objects: `coder=5 reviewer=6`. */
function machinesAttribute({ began = {} }: EventInput): { readonly machines?: string } {
  const machines = Object.entries(began).map(([role, version]) => `${role}=${version}`);
  return machines.length === 0 ? {} : { machines: machines.join(' ') };
}

function versionsIn(machines: unknown): Versions {
  if (typeof machines !== 'string') return {};
  return Object.fromEntries(
    machines.split(' ').map((word): [string, number] => {
      const [role = '', version] = word.split('=');
      return [role, Number(version)];
    }),
  );
}

/** The input by itself. What a host says about its own actor needs no more of its envelope than this. */
function bareText(input: Input): string {
  if (input.kind === 'quarantined') {
    const { message } = input;
    const { lane, seq } = message;
    const kept = { specversion: '1.0', id: `q.${lane}.${seq}`, source: `/mesh/${lane}`, type: QUARANTINED_TYPE };
    return JSON.stringify({ ...kept, datacontenttype: 'application/json', data: message });
  }
  if (input.place !== null) return JSON.stringify(input.event);
  const { specversion, id, source, type, correlationid, data } = input.event;
  return JSON.stringify({ specversion, id, source, type, correlationid, data });
}

/** The rest of its envelope is that of the input which it follows. */
function causedText(event: MeshEvent, data: unknown): string {
  const { specversion, id, source, type, correlationid, hopindex, remainingloops, senderrole, recipientrole } = event;
  const names = { entry: 'caused', specversion, id, source, type, correlationid };
  return JSON.stringify({ ...names, hopindex, remainingloops, senderrole, recipientrole, data });
}

interface StoredEntry extends Record<string, unknown> {
  readonly entry: string;
}

export interface DecodedRecord {
  readonly head: RecordHead;
  readonly inputs: readonly Input[];
}

/** @throws FatalError exit code 2 for what a newer release wrote; 1 for what is no record */
export function decodeRecord(bytes: Uint8Array): DecodedRecord {
  const entries = entriesOf(bytes);
  const head = headOf(entries[0]);
  const inputs: Input[] = [];
  for (const entry of entries) if (entry.entry === 'input') inputs.push(inputOf(entry, head.upMs));
  return { head, inputs };
}

/** What a record says of itself, without the inputs. @throws FatalError */
export function decodeHead(bytes: Uint8Array): RecordHead {
  return headOf(entriesOf(bytes)[0]);
}

/**
 * The same of a message of the log: null when that is no record. Whoever may publish there may publish anything, and what is
 * no record was told by nobody. @throws FatalError for what a newer release wrote
 */
export function headIn(bytes: Uint8Array): RecordHead | null {
  const value = parseJson(decoder.decode(bytes));
  const first: unknown = value.ok && Array.isArray(value.value) ? value.value[0] : null;
  if (!isObject(first) || first.type !== RECORD_TYPE || typeof first.id !== 'string' || !isObject(first.data))
    return null;
  const { version, n, previous } = first.data;
  if (!Number.isSafeInteger(version) || !Number.isSafeInteger(n) || typeof previous !== 'string') return null;
  return headOf({ ...first, entry: 'head' });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function entriesOf(bytes: Uint8Array): StoredEntry[] {
  const value: unknown = JSON.parse(decoder.decode(bytes));
  if (!Array.isArray(value)) throw new FatalError('the journal holds something that is no record');
  return value as StoredEntry[];
}

function headOf(entry: StoredEntry | undefined): RecordHead {
  if (entry?.type !== RECORD_TYPE) throw new FatalError('the journal holds something that is no record');
  const { version, ...data } = entry.data as Omit<RecordHead, 'id' | 'atMs'> & { readonly version: number };
  if (version > RECORD_VERSION) {
    const versions = `form ${version}, this release reads up to ${RECORD_VERSION}`;
    throw new FatalError(`a newer release wrote the journal (${versions}): upgrade Agent Mesh`, { exitCode: 2 });
  }
  return { ...data, id: String(entry.id), atMs: Date.parse(String(entry.time)) };
}

function inputOf(entry: StoredEntry, baseMs: number): Input {
  const { entry: _entry, appliedat, offsetms, lane, logseq, actor, again, machines, ...event } = entry;
  const when = { atMs: Date.parse(String(appliedat)), upMs: baseMs + Number(offsetms) };
  const place = typeof lane === 'string' ? { lane, seq: Number(logseq) } : null;
  if (event.type === QUARANTINED_TYPE && place)
    return { kind: 'quarantined', message: event.data as Quarantined, ...when, place };
  const role = String(actor);
  const whole = place === null ? ownEvent(event, role, String(appliedat)) : event;
  const began = versionsIn(machines);
  return { kind: 'event', role, event: whole as unknown as MeshEvent, ...when, place, again: again === true, began };
}

/** What a host said about its own actor, as an event: what was left out follows from the actor, or says nothing of it. */
function ownEvent(event: Record<string, unknown>, role: string, time: string): Record<string, unknown> {
  return {
    ...{ subject: event.correlationid, time, datacontenttype: 'application/json', causationid: event.id },
    ...{ hopindex: 0, remainingloops: 0, senderrole: role, recipientrole: role, release: 1 },
    traceparent: traceparentFor(String(event.correlationid), String(event.id)),
    ...event,
  };
}
