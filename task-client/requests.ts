/**
 * What the gateway writes to the log. Owns: the form and the ids of its requests, so that the same call written twice is
 * one (S5). Does not own: what a request leads to.
 */
import type { Bus, PubAck } from '../bus/port.ts';
import {
  canonicalJson,
  EVENT_CONTENT_TYPE,
  type EventName,
  type MeshEvent,
  messageId,
  typeOf,
  validateData,
  validateEvent,
} from '../schemas/events/envelope.ts';
import type { DataByName, Message } from '../schemas/events/generated.ts';
import { contentHash, ingressEventId } from '../schemas/events/ids.ts';
import { makeEvent, makeRequest } from '../schemas/events/make-event.ts';
import { DOORS_SUBJECT, inboxSubject } from '../schemas/events/subjects.ts';
import { traceparentFor } from '../schemas/events/trace-context.ts';
import { invalidField } from './errors.ts';

/** The sender of what callers say, in the envelope. */
const GATEWAY_ROLE = 'gateway';
const SOURCE = `/mesh/${GATEWAY_ROLE}`;
const HEADERS = { 'content-type': EVENT_CONTENT_TYPE };

export type RequestName = 'task.submitted' | 'task.cancel.requested' | 'task.input.provided';

/** Names of data fields as the protocol has them. */
const fieldNames: Readonly<Record<string, string>> = {
  deadlineMs: 'time_limit',
  waitForModel: 'wait_for_model',
  correlationId: 'correlation_id',
};

/** @throws MeshError that names the field */
export function checkData<N extends RequestName>(name: N, data: DataByName[N]): void {
  const valid = validateData(name, data);
  if (valid.ok) return;
  const [, field = 'request', problem = valid.rejection.reason] =
    /^data\.?([\w]*)(?:[.\w]*)\s+(.*)$/.exec(valid.rejection.reason) ?? [];
  throw invalidField(fieldNames[field] ?? (field === '' ? 'request' : field), problem);
}

/**
 * Publishes a request to the ingress.
 * @param discriminator tells apart requests of one kind to one task
 * @throws BusError, or MeshError when the data is not what its schema allows
 */
export async function publishRequest<N extends RequestName>(
  bus: Bus,
  correlationId: string,
  request: { readonly name: N; readonly data: DataByName[N]; readonly discriminator: string },
  traceparent: string | null,
): Promise<PubAck> {
  const { name, data } = request;
  checkData(name, data);
  const type = typeOf(name);
  const id = ingressEventId(correlationId, type, request.discriminator);
  const event = makeRequest({ id, source: SOURCE, name, correlationId, atMs: Date.now(), traceparent, data });
  // Within its window the log stores the same request once; later the orchestrator knows it by its id.
  const msgId = `${id}.${contentHash(canonicalJson(data)).slice(0, 8)}`;
  return bus.publish({ subject: DOORS_SUBJECT, body: JSON.stringify(event), msgId, headers: HEADERS });
}

/**
 * Sends an Agent2Agent message by way of the orchestrator, as a role would.
 * @throws BusError, or MeshError when the message is not what its schema allows
 */
export async function publishMessage(
  bus: Bus,
  correlationId: string,
  order: { readonly recipientRole: string; readonly message: Message; readonly release: number },
  traceparent: string | null,
): Promise<void> {
  const id = ingressEventId(correlationId, typeOf('agent.message'), order.message.messageId);
  const event = makeEvent(
    'agent.message',
    {
      // The orchestrator stamps the true place in the task on what it relays.
      ...{ id, maker: GATEWAY_ROLE, correlationId, cause: id, atMs: Date.now(), hop: 0, loops: 0 },
      ...{ from: GATEWAY_ROLE, to: order.recipientRole, release: order.release },
      traceparent: traceparent ?? traceparentFor(correlationId, id),
    },
    order.message,
  );
  const valid = validateEvent(event);
  if (!valid.ok) throw invalidField('parts', valid.rejection.reason.replace(/^data\.?(parts\.)?/, ''));
  await bus.publish({
    subject: inboxSubject('orchestrator', correlationId),
    body: JSON.stringify(event),
    msgId: messageId(event),
    headers: HEADERS,
  });
}

/** True for a fact of that name. */
export function isNamed<N extends EventName>(
  event: MeshEvent,
  name: N,
): event is Extract<MeshEvent, { type: `dev.agentmesh.${N}.v1` }> {
  return event.type === typeOf(name);
}

/** As it travels, about: of the envelope nothing is the caller's. */
export function bytesOf(data: object): number {
  return Buffer.byteLength(JSON.stringify(data));
}
