/**
 * The one builder of envelopes. Owns: which attributes an event of the mesh has, in which order they are written, and what
 * whoever is outside says of a request. Does not own: ids and trace (`ids.ts`, `trace-context.ts`), or checking
 * (`envelope.ts`).
 *
 * Invariant: the same attributes give the same bytes.
 */
import { type EventName, type MeshEvent, typeOf } from './envelope.ts';
import type { DataByName } from './generated.ts';
import { timeText } from './time-text.ts';

/** What an event says beside its type and data; CloudEvents 1.0 and the mesh's extension attributes under their own names. */
export interface EventAttributes {
  readonly id: string;
  /** Who made it: the role, or `ingress`, `gateway`. */
  readonly maker: string;
  /** The task. */
  readonly correlationId: string;
  /** Id of the event that it follows from, or the place of the message. */
  readonly cause: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly hop: number;
  readonly loops: number;
  /** Of whom it is told: the maker, or whose message it relays. */
  readonly from: string;
  readonly to: string;
  readonly release: number;
  readonly traceparent: string;
}

export function makeEvent<N extends EventName>(
  name: N,
  attributes: EventAttributes,
  data: DataByName[N],
): MeshEvent<N> {
  const { id, maker, correlationId, cause, atMs, hop, loops, from, to, release, traceparent } = attributes;
  return {
    specversion: '1.0',
    id,
    source: `/mesh/${maker}`,
    type: typeOf(name),
    subject: correlationId,
    time: timeText(atMs),
    datacontenttype: 'application/json',
    correlationid: correlationId,
    causationid: cause,
    hopindex: hop,
    remainingloops: loops,
    senderrole: from,
    recipientrole: to,
    release,
    traceparent,
    data,
  } as MeshEvent<N>;
}

/** What is asked of a task from outside: the rest of the envelope is the ingress's to say. */
export interface Request<N extends EventName> {
  readonly id: string;
  /** URI-reference of whoever asks. */
  readonly source: string;
  readonly name: N;
  readonly correlationId: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly traceparent: string | null;
  readonly data: DataByName[N];
}

/** A CloudEvent for `mesh.tasks`. */
export function makeRequest<N extends EventName>(request: Request<N>): object {
  const { id, source, name, correlationId, atMs, traceparent, data } = request;
  return {
    specversion: '1.0',
    id,
    source,
    type: typeOf(name),
    correlationid: correlationId,
    time: timeText(atMs),
    datacontenttype: 'application/json',
    ...(traceparent === null ? {} : { traceparent }),
    data,
  };
}
