/**
 * Derives every id of the mesh from what it is about, so that deriving it again gives the same (S2, S5). Owns: the
 * derivations. Does not own: any randomness, except for the id of a task that a caller did not name.
 */
import { hash, randomUUID } from 'node:crypto';

function uuidFrom(text: string, version: 4 | 8): string {
  const hex = hash('sha256', text, 'hex');
  const variant = '89ab'[Number.parseInt(hex.charAt(16), 16) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${version}${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** For callers that name no correlation id of their own. */
export function newCorrelationId(): string {
  return randomUUID();
}

/**
 * The correlation id of a submission that came without one: the same at every reading of the same stored message.
 * It has the form of a UUIDv4, as all correlation ids have, but is derived, not random.
 */
export function correlationIdFromLog(streamIdentity: string, seq: number): string {
  return uuidFrom(`${streamIdentity}/${seq}`, 4);
}

/**
 * The correlation id of what a caller sent by a protocol that gives its messages ids of their own: the same message is the
 * same task, also for a gateway that has just started.
 * @param protocol tells apart ids of different protocols
 */
export function correlationIdOfMessage(protocol: string, caller: string, messageId: string): string {
  return uuidFrom(JSON.stringify([protocol, caller, messageId]), 4);
}

/**
 * The correlation id of a task that its caller names in its own words: the same name of the same caller is the same task,
 * by every door. UUIDv8, RFC 9562 section 5.8.
 * @param caller whose name it is; empty for a caller who says no name
 */
export function correlationIdOfKey(caller: string, key: string): string {
  return uuidFrom(JSON.stringify(['key', caller, key]), 8);
}

/**
 * The correlation id of a task that came as a CloudEvent without one: source and id are what makes two events the same
 * (CloudEvents 1.0, section 3.1.1), by every door.
 * @param caller empty for a caller who says no name
 */
export function correlationIdOfEvent(caller: string, source: string, id: string): string {
  return uuidFrom(JSON.stringify(['event', caller, source, id]), 8);
}

/** Id of an event that a caller sends: correlation id + hop index + type (S5). UUIDv8, RFC 9562 section 5.8. */
export function ingressEventId(correlationId: string, type: string, discriminator: string): string {
  return uuidFrom(`${correlationId}/ingress/0/${type}/${discriminator}`, 8);
}

/** Id of the n-th output of an actor's n-th transition (S2). */
export function outputEventId(
  correlationId: string,
  role: string,
  transitionIndex: number,
  outputIndex: number,
): string {
  return uuidFrom(`${correlationId}/${role}/${transitionIndex}/${outputIndex}`, 8);
}

/** Id of what a host says about an actor (effect finished, timer fired): from the row it settles, not from a transition. */
export function settlementEventId(correlationId: string, role: string, what: string): string {
  return uuidFrom(`${correlationId}/${role}/settled/${what}`, 8);
}

/** The idempotency key of an effect: stable over crashes, restarts and rebuilds (S6). */
export function effectKey(correlationId: string, role: string, effect: string, armedVersion: number): string {
  return `${correlationId}/${role}/${effect}/${armedVersion}`;
}

/** 128 bits of SHA-256 over an event's content, hex: tells a repeated event from a forged one. */
export function contentHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32);
}
