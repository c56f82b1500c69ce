/**
 * From a message of the log to an input. Owns: which partition a message is for, whether it can be accepted, and the
 * input that it becomes. Does not own: reading, what an input means, or recording it.
 *
 * Invariants:
 * 1. The same message gives the same input wherever it is read (S5).
 * 2. What cannot be accepted becomes an input too, and goes into quarantine because of it (S9).
 */
import type { StoredMessage } from '../../../bus/port.ts';
import { type MeshEvent, PAYLOAD_MAX_BYTES, type Parsed, parseEvent } from '../../../schemas/events/envelope.ts';
import { inboxesOf, PARTITIONS, parseSubject, partitionOf } from '../../../schemas/events/subjects.ts';
import type { Quarantined } from '../journal/record.ts';
import { AGAIN_HEADER, ENVELOPE_MAX_BYTES } from './messages.ts';
import { quarantined } from './quarantine.ts';

/** Turns messages from outside into events for an actor. */
export interface Ingress {
  /** The word it has in lanes and in quarantine. */
  readonly name: string;
  readonly filter: string;
  /** The role that is told. */
  readonly role: string;
  /** What is told, or why nothing. The same message gives the same event at every reading. */
  translate(message: StoredMessage, streamIdentity: string): Parsed<MeshEvent>;
}

/** What a message is to the host. */
export type Received =
  | { readonly kind: 'event'; readonly role: string; readonly event: MeshEvent; readonly again: boolean }
  | { readonly kind: 'quarantined'; readonly message: Quarantined };

/** A lane of messages: a role's inboxes, or the ingress. */
export interface LaneOf {
  readonly name: string;
  /** Of a message; those that are not properly addressed are for partition 0, which puts them into quarantine. */
  partitionOf(message: StoredMessage): number;
  receive(message: StoredMessage): Received;
}

const ZERO = '0'.charCodeAt(0);

export function roleLane(role: string, maxPayloadBytes: number): LaneOf {
  const at = `${inboxesOf(role)}.`.length;
  return {
    name: role,
    partitionOf({ subject }) {
      const partition = subject.charCodeAt(at) - ZERO;
      return partition >= 0 && partition < PARTITIONS ? partition : 0;
    },
    receive(message) {
      const refuse = (code: string, reason: string): Received => {
        return { kind: 'quarantined', message: quarantined(role, message, code, reason) };
      };
      if (message.distrust !== undefined) return refuse('not_trusted', message.distrust);
      const parsed = parseEvent(message.data);
      if (!parsed.ok) return refuse(parsed.rejection.code, parsed.rejection.reason);
      const event = parsed.value;
      const tooLarge = sizeProblem(message.data.byteLength, maxPayloadBytes);
      if (tooLarge !== null) return refuse('too_large', tooLarge);
      if (!isFor(role, message, event)) {
        const whose = `${event.recipientrole} of ${event.correlationid}`;
        return refuse('misaddressed', `${message.subject} is not for ${whose}`);
      }
      return { kind: 'event', role, event, again: message.header(AGAIN_HEADER) !== '' };
    },
  };
}

export function ingressLane(ingress: Ingress, streamIdentity: () => string, maxPayloadBytes: number): LaneOf {
  /** The last message that was looked at: it is asked about twice. */
  let last: { message: StoredMessage; event: Parsed<MeshEvent> } | null = null;
  const eventOf = (message: StoredMessage): Parsed<MeshEvent> => {
    if (last?.message !== message) last = { message, event: ingress.translate(message, streamIdentity()) };
    return last.event;
  };
  return {
    name: ingress.name,
    partitionOf(message) {
      const event = eventOf(message);
      return event.ok ? partitionOf(event.value.correlationid) : 0;
    },
    receive(message) {
      const refuse = (code: string, reason: string): Received => {
        return { kind: 'quarantined', message: quarantined(ingress.name, message, code, reason) };
      };
      if (message.distrust !== undefined) return refuse('not_trusted', message.distrust);
      const event = eventOf(message);
      if (!event.ok) return refuse(event.rejection.code, event.rejection.reason);
      const tooLarge = sizeProblem(Buffer.byteLength(JSON.stringify(event.value)), maxPayloadBytes);
      if (tooLarge !== null) return refuse('too_large', tooLarge);
      return { kind: 'event', role: ingress.role, event: event.value, again: message.header(AGAIN_HEADER) !== '' };
    },
  };
}

/** Bytes that an event may have which a record holds and a message carries. */
export function eventMaxBytes(maxPayloadBytes: number): number {
  return Math.min(PAYLOAD_MAX_BYTES, maxPayloadBytes) - ENVELOPE_MAX_BYTES;
}

function sizeProblem(bytes: number, maxPayloadBytes: number): string | null {
  const limit = eventMaxBytes(maxPayloadBytes);
  return bytes <= limit ? null : `as an event it has ${bytes} bytes; the limit is ${limit}`;
}

/** What is relayed between agents names the one that it is meant for, not the one that relays it. */
function isFor(role: string, message: StoredMessage, event: MeshEvent): boolean {
  const address = parseSubject(message.subject);
  if (address.kind !== 'inbox' || address.correlationId !== event.correlationid) return false;
  return event.recipientrole === role || event.type === 'dev.agentmesh.agent.message.v1';
}
