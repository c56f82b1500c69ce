/**
 * The mesh's front door on `mesh.tasks`, for everybody, and behind the other doors. Owns: the event that the orchestrator is
 * told, and the id of its task. Does not own: the forms of messages (`submission.ts`), reading, remembering, quarantine.
 *
 * Invariants:
 * 1. The same stored message gives the same event, at every reading (S1, S5).
 * 2. The same CloudEvent (source and id), and the same key of a caller, is the same task wherever it is stored (S5).
 * 3. Who asks, and by which door, is believed of the mesh's own doors alone: nobody else may publish where they do. A name
 *    that anybody wrote on `mesh.tasks` stands behind `nats:`, which no caller of a door can be called.
 */
import type { Ingress } from '../actors/runtime/messages/receiver.ts';
import { RELEASE } from '../actors/runtime/role.ts';
import type { StoredMessage } from '../bus/port.ts';
import { claimedCaller } from '../schemas/events/callers.ts';
import {
  canonicalJson,
  type MeshEvent,
  type Parsed,
  type Rejection,
  validateData,
} from '../schemas/events/envelope.ts';
import { headerValue } from '../schemas/events/event-content.ts';
import type { DataByName } from '../schemas/events/generated.ts';
import {
  correlationIdFromLog,
  correlationIdOfEvent,
  correlationIdOfKey,
  ingressEventId,
} from '../schemas/events/ids.ts';
import { makeEvent } from '../schemas/events/make-event.ts';
import {
  BELOW_INGRESS,
  DOORS_SUBJECT,
  INGRESS_SUBJECT,
  readCorrelationId,
  whyNoId,
} from '../schemas/events/subjects.ts';
import { readTraceparent, traceparentFor } from '../schemas/events/trace-context.ts';
import { type Admitted, headerOf, isRecord, type Submission, understand } from './submission.ts';

/** Names the task of a text, which has no field for it. */
const KEY_HEADER = 'mesh-key';

function reject<T>(code: Rejection['code'], reason: string): Parsed<T> {
  return { ok: false, rejection: { code, reason } };
}

/**
 * Tells apart several cancels or answers of one task. The mesh derives the ids of its own events from what they say, so
 * that the same answer by two doors is one; foreign ids are only unique to their source.
 */
function originOf({ event }: Submission, message: StoredMessage): string {
  if (event === undefined) return String(message.seq);
  const isOwn = message.subject === DOORS_SUBJECT && event.source.startsWith('/mesh/');
  return isOwn ? event.id : JSON.stringify([event.source, event.id]);
}

function envelope(submission: Submission, message: StoredMessage, correlationId: string): MeshEvent {
  const { name, data } = submission;
  // A task is submitted once; a cancel or an answer may come several times, each an event of its own.
  const id = ingressEventId(correlationId, name, name === 'task.submitted' ? '' : originOf(submission, message));
  const given = readTraceparent(submission.traceparent ?? headerOf(message, 'traceparent'));
  return makeEvent(
    name,
    {
      ...{
        id,
        maker: 'ingress',
        from: 'ingress',
        to: 'orchestrator',
        correlationId,
        hop: 0,
        loops: 0,
        release: RELEASE,
      },
      ...{ cause: `${message.subject}/${message.seq}`, atMs: message.atMs },
      traceparent: given ?? traceparentFor(correlationId, id),
    },
    // A caller's second writing of the same task may order its fields otherwise.
    JSON.parse(canonicalJson(data)) as DataByName[Admitted],
  );
}

/** With the key that a header names; one in the data comes first. */
function withKey(submission: Submission, message: StoredMessage): Submission {
  const { name, data } = submission;
  const key = headerOf(message, KEY_HEADER);
  if (key === undefined || name !== 'task.submitted' || !isRecord(data) || 'key' in data) return submission;
  return { ...submission, data: { ...data, key: headerValue(key) } };
}

/** As anybody may say it: what only a door knows is refused, and the name is marked as a claim; an answer has one always. */
function claimed(submission: Submission): Parsed<Submission> {
  const { data } = submission;
  if (!isRecord(data)) return { ok: true, value: submission };
  if ('door' in data) return reject('invalid_data', 'door is for the doors of the mesh to say: leave it out');
  const { caller = submission.name === 'task.input.provided' ? '' : undefined } = data;
  if (typeof caller !== 'string') return { ok: true, value: submission };
  return { ok: true, value: { ...submission, data: { ...data, caller: claimedCaller(caller) } } };
}

interface Named {
  readonly named: string | null;
  readonly caller: string;
  readonly key: string | undefined;
}

/** The task of a submission; its data is valid. */
function taskOf(submission: Submission, { named, caller, key }: Named, atLog: () => string): Parsed<string> {
  if (key !== undefined) {
    const derived = correlationIdOfKey(caller, key);
    if (named !== null && named !== derived) {
      return reject('invalid_envelope', 'id and key name different tasks: send one of them');
    }
    return { ok: true, value: derived };
  }
  if (named !== null) return { ok: true, value: named };
  const { event } = submission;
  return { ok: true, value: event === undefined ? atLog() : correlationIdOfEvent(caller, event.source, event.id) };
}

function admitted(read: Submission, message: StoredMessage, streamIdentity: string): Parsed<MeshEvent> {
  const submission = withKey(read, message);
  const given = submission.correlationId ?? headerOf(message, 'correlationid');
  const named = given === undefined ? null : readCorrelationId(given);
  if (given !== undefined && named === null) {
    const shown = JSON.stringify(given.slice(0, 80));
    return reject('invalid_envelope', `the id ${shown} ${whyNoId(given)}`);
  }
  if (named === null && submission.name !== 'task.submitted') {
    return reject('invalid_envelope', `${submission.name} needs the correlationid of its task`);
  }
  const data = validateData(submission.name, submission.data);
  if (!data.ok) return data;
  const { caller = '', key } = 'prompt' in data.value ? data.value : {};
  const task = taskOf(submission, { named, caller, key }, () => correlationIdFromLog(streamIdentity, message.seq));
  return task.ok ? { ok: true, value: envelope(submission, message, task.value) } : task;
}

/** What anybody may ask who reaches the log. */
export const ingress: Ingress = {
  name: 'ingress',
  filter: INGRESS_SUBJECT,
  role: 'orchestrator',
  translate(message, streamIdentity) {
    const understood = understand(message);
    const submission = understood.ok ? claimed(understood.value) : understood;
    return submission.ok ? admitted(submission.value, message, streamIdentity) : submission;
  },
};

/**
 * What the mesh's own doors ask for their callers. What was published beside it, where nothing is read, is a slip that its
 * sender would never hear of: it is set aside.
 */
export const doors: Ingress = {
  name: 'doors',
  filter: BELOW_INGRESS,
  role: 'orchestrator',
  translate(message, streamIdentity) {
    const { subject } = message;
    if (subject !== DOORS_SUBJECT)
      return reject('misaddressed', `nothing is read on ${subject.slice(0, 200)}; tasks go to ${INGRESS_SUBJECT}`);
    const understood = understand(message);
    return understood.ok ? admitted(understood.value, message, streamIdentity) : understood;
  },
};
