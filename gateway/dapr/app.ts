/**
 * The Dapr app channel: a pub/sub component of Dapr may feed tasks. Owns: its endpoints, and what each outcome means to
 * Dapr. Does not own: the mesh, or what a task is.
 *
 * SUCCESS: the mesh has the task on disk. RETRY: it may have it later. DROP: it never will, and the log says why.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { PAYLOAD_MAX_BYTES } from '../../schemas/events/envelope.ts';
import { correlationIdOfEvent } from '../../schemas/events/ids.ts';
import { INGRESS_SUBJECT, readCorrelationId } from '../../schemas/events/subjects.ts';
import { readTraceparent } from '../../schemas/events/trace-context.ts';
import type { Caller } from '../../task-client/caller.ts';
import { type MeshError, type MeshErrorCode, toMeshError } from '../../task-client/errors.ts';
import type { ClientLog } from '../../task-client/ports.ts';
import type { Submission } from '../../task-client/submissions.ts';
import { LOCAL_CALLER } from '../core/callers.ts';
import { type Doorkeepers, type Entry, enter } from '../core/entry.ts';
import type { Mesh } from '../core/mesh.ts';
import { certificateOf } from '../http/certificate.ts';
import { type DaprEvent, isOurs, parseDaprEvent, submissionOf } from './event.ts';

const SUBSCRIBE_PATH = '/dapr/subscribe';
const TASKS_PATH = '/dapr/tasks';

/** What Dapr sends; no form and no script of another page can, without asking first. */
const JSON_TYPE = /^application\/(?:cloudevents\+)?json *(?:;|$)/i;

type Verdict = 'SUCCESS' | 'RETRY' | 'DROP';

export interface DaprPorts extends Doorkeepers {
  readonly mesh: Mesh;
  readonly log: ClientLog;
  /** Name of the component; null asks Dapr for nothing. */
  readonly pubsub: string | null;
}

/** Dapr asks again after its own time; the mesh takes a task in milliseconds when it can. */
const TAKEN_WITHIN_MS = 15_000;

const retryable: ReadonlySet<MeshErrorCode> = new Set([
  'unavailable',
  'deadline_exceeded',
  'resource_exhausted',
  'cancelled',
  'internal',
]);

export function daprApp(ports: DaprPorts): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0];
    if (request.method === 'GET' && path === SUBSCRIBE_PATH) return json(response, 200, subscriptions(ports));
    if (request.method !== 'POST' || path !== TASKS_PATH) return json(response, 404, { error: 'no such endpoint' });
    if (!JSON_TYPE.test(request.headers['content-type'] ?? ''))
      return json(response, 415, { error: 'send application/cloudevents+json' });
    take(ports, request).then(
      (status) => json(response, 200, { status }),
      (error: unknown) => {
        const { code, message } = toMeshError(error);
        json(response, code === 'unauthenticated' ? 401 : 500, { error: message });
      },
    );
  };
}

function subscriptions({ pubsub }: DaprPorts): object[] {
  return pubsub === null ? [] : [{ pubsubname: pubsub, topic: INGRESS_SUBJECT, route: TASKS_PATH }];
}

async function take(ports: DaprPorts, request: IncomingMessage): Promise<Verdict> {
  const { callers, log } = ports;
  const credentials = { ...tokenOf(request), ...certificateOf(request.socket) };
  // Nothing is read of whom nobody knows.
  callers.identify(credentials);
  const text = await bodyOf(request);
  const event = text === null ? null : parseDaprEvent(text);
  if (event === null || !event.ok) {
    log.warn({ reason: event?.reason ?? 'larger than an event may be' }, 'an event from Dapr is dropped');
    return 'DROP';
  }
  let entry: Entry | null = null;
  try {
    entry = await enter(ports, credentials);
    return await submit(ports, event.value, entry);
  } catch (thrown) {
    return verdictOf(toMeshError(thrown), event.value, log);
  } finally {
    entry?.leave();
  }
}

async function submit({ mesh, log }: DaprPorts, event: DaprEvent, { caller, signal }: Entry): Promise<Verdict> {
  if (isOurs(event)) {
    // The topic lies on the mesh's own log: what comes from there is in the mesh already.
    log.debug({ id: event.id }, 'an event of the mesh itself came back by Dapr');
    return 'SUCCESS';
  }
  const asked = submissionOf(event);
  const submission = { ...asked, ...idOf(event, asked, caller) };
  const deadlineMs = Date.now() + TAKEN_WITHIN_MS;
  const traceparent = readTraceparent(event.traceparent);
  await mesh.tasks.submit(submission, { caller, door: 'dapr', signal, deadlineMs, traceparent });
  return 'SUCCESS';
}

/**
 * As for an event that is published on the log itself: its own id, the caller's key, or its source and id. Where nobody is
 * asked who they are, an event that comes by both doors is one task.
 */
function idOf(
  { source, id, correlationid }: DaprEvent,
  { key }: Submission,
  { name }: Caller,
): { correlationId?: string } {
  if (correlationid !== undefined && correlationid !== null)
    return { correlationId: readCorrelationId(correlationid) ?? correlationid };
  if (key !== undefined) return {};
  return { correlationId: correlationIdOfEvent(name === LOCAL_CALLER ? '' : name, source, id) };
}

function verdictOf(error: MeshError, { id, source }: DaprEvent, log: ClientLog): Verdict {
  // What is over a share for good says no time to come again after.
  const isOver = error.code === 'resource_exhausted' && error.retryAfterMs === null;
  const verdict = retryable.has(error.code) && !isOver ? 'RETRY' : 'DROP';
  log.warn({ id, source, reason: error.message, verdict }, 'an event from Dapr was not taken');
  return verdict;
}

/** Dapr sends the token that its app is to know it by in a header of its own. */
function tokenOf({ headers }: IncomingMessage): { authorization?: string } {
  const token = headers['dapr-api-token'];
  if (typeof token === 'string') return { authorization: `Bearer ${token}` };
  return headers.authorization === undefined ? {} : { authorization: headers.authorization };
}

/** Null for more than an event may have. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    const buffer = Buffer.from(piece as Uint8Array);
    bytes += buffer.byteLength;
    if (bytes <= PAYLOAD_MAX_BYTES) pieces.push(buffer);
  }
  return bytes > PAYLOAD_MAX_BYTES ? null : Buffer.concat(pieces).toString('utf8');
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
