/** What leaves because of a record: the same record gives the same messages under the same ids (J1). */
import { describe, expect, test } from 'vitest';
import { defaultLimits } from '../../../actors/runtime/limits.ts';
import { type Message, RecordMessages, requestOf } from '../../../actors/runtime/messages/messages.ts';
import { applyToTask, type TaskStep } from '../../../actors/runtime/tasks/task.ts';
import { parseEvents } from '../../../schemas/events/envelope.ts';
import { factSubject, inboxSubject } from '../../../schemas/events/subjects.ts';
import { courier } from './support/courier.ts';
import { byName, dispatcher, submission, together } from './support/dispatcher.ts';
import { eventOf, loggedAt, TASK } from './support/events.ts';
import { quarantinedInput } from './support/records.ts';

const OTHER = '7c9e6679-7425-40de-944b-e07fc1f90002';
const MAX_BYTES = 1_048_576;

function stepOf(task = TASK, roles = byName(dispatcher)): TaskStep {
  const input = { role: 'orchestrator', logged: loggedAt(submission('a parcel', task)) };
  const result = applyToTask(roles, new Map(), input, defaultLimits);
  if (result.kind !== 'applied') throw new Error('not applied');
  return result;
}

/** A step that tells watchers so many things of so many letters. */
function telling(notes: number, letters: number, letter = 'x', task = TASK): TaskStep {
  const said = Array.from({ length: notes }, (_, at) => {
    const data = { role: 'courier', effect: `${at}`, note: letter.repeat(letters) };
    const event = eventOf('hop.progress', data, { to: 'watchers', correlationId: task });
    return { to: 'watchers', event, awaited: false, way: 'fact' as const };
  });
  return { kind: 'applied', actors: new Map(), said, refused: [], started: [], ended: [], began: {} };
}

function messagesOf(...steps: readonly TaskStep[]): Message[] {
  const messages = new RecordMessages();
  for (const step of steps) messages.add(step);
  return messages.messages('tests.3', 7, 'p1.7', MAX_BYTES);
}

/** As a server counts it: headers too, each with its colon and its end. */
function sizeOf(message: Message): number {
  const { headers = {}, body, msgId } = requestOf(message, null, '');
  const all = Object.entries({ ...headers, 'Nats-Msg-Id': msgId });
  const text = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.byteLength(`NATS/1.0\r\n${text}\r\n`) + Buffer.byteLength(body);
}

describe('messages', () => {
  test('J1: of the same record are the same, byte for byte', () => {
    const [one, other] = [messagesOf(stepOf(), stepOf(OTHER)), messagesOf(stepOf(), stepOf(OTHER))];
    expect(JSON.stringify(one)).toBe(JSON.stringify(other));
    expect(one.map(({ msgId }) => msgId)).toEqual(one.map((_, at) => `tests.3.p1.7.${at}`));
    expect(one.map(({ headers }) => headers['mesh-record'])).toEqual(one.map((_, at) => `7.${at}`));
    for (const { headers } of one) expect(headers['mesh-journal']).toBe('tests.3');
  });

  test('J1: text that is known already makes no difference', () => {
    const step = stepOf();
    const texts = new Map(step.said.map(({ event }) => [event, JSON.stringify(event)]));
    const messages = new RecordMessages();
    messages.add(step, texts);
    expect(messages.messages('tests.3', 7, 'p1.7', MAX_BYTES)).toEqual(messagesOf(step));
  });

  test('what stays in the host does not leave', () => {
    expect(messagesOf(stepOf(TASK, together)).map(({ kind }) => kind)).toEqual(['facts']);
  });

  test('a request goes to the inbox of who is asked, and says its trace', () => {
    const [, request] = messagesOf(stepOf());
    expect(request).toMatchObject({
      kind: 'request',
      subject: inboxSubject('courier', TASK),
      task: TASK,
      to: 'courier',
    });
    expect(request?.headers.traceparent).toBe(JSON.parse(request?.body ?? '').traceparent);
  });

  test('facts of one task are one message, in order; of another, another', () => {
    const messages = messagesOf(telling(2, 5), telling(1, 5, 'y', OTHER), telling(2, 5, 'z'));
    expect(messages.map(({ subject }) => subject)).toEqual([factSubject(TASK), factSubject(OTHER)]);
    expect(messages[0]?.headers['content-type']).toContain('cloudevents-batch+json');
    expect(messages[1]?.headers['content-type']).toContain('cloudevents+json');
    const notes = (JSON.parse(messages[0]?.body ?? '') as { data: { note: string } }[]).map(({ data }) => data.note);
    expect(notes).toEqual(['xxxxx', 'xxxxx', 'zzzzz', 'zzzzz']);
    for (const { body } of messages) expect(parseEvents(Buffer.from(body))).toMatchObject({ ok: true });
  });

  test.each([
    ['many', telling(250, 10)],
    ['large', telling(30, 60_000)],
    ['large in bytes', telling(30, 60_000, '写')],
    ['just too large together', telling(2, 523_640)],
  ])('S8: facts that are %s go in several messages, in order, and a server takes each', (_what, step) => {
    const messages = messagesOf(step);
    expect(messages.length).toBeGreaterThan(1);
    for (const message of messages) expect(sizeOf(message)).toBeLessThanOrEqual(MAX_BYTES);
    const told = messages.flatMap(({ body }) => {
      const value: unknown = JSON.parse(body);
      return (Array.isArray(value) ? value : [value]) as { data: { effect: string } }[];
    });
    expect(told.map(({ data }) => data.effect)).toEqual(step.said.map((_, at) => `${at}`));
  });

  test('S9: what was refused goes into quarantine, with its bytes and the reason', () => {
    const messages = new RecordMessages();
    const { message } = quarantinedInput(12, {
      reason: 'two\nlines ü',
      base64: Buffer.from([0xff, 1]).toString('base64'),
    });
    messages.quarantine(message);
    const event = eventOf('hop.requested', { step: 'x', attempt: 1, timeoutMs: 1, input: { prompt: 'x' } });
    messages.add({ ...telling(0, 0), refused: [{ role: courier.name, event, code: 'unknown_task', reason: 'no' }] });
    const [raw, refused] = messages.messages('tests.3', 7, 'p1.7', MAX_BYTES);
    if (!raw || !refused) throw new Error('two messages were expected');
    expect(requestOf(raw, null, '')).toMatchObject({
      subject: 'mesh.quarantine.courier',
      body: Buffer.from([0xff, 1]),
      headers: { 'mesh-code': 'not_json', 'mesh-reason': 'two lines %C3%BC', 'mesh-origin-seq': '12' },
    });
    expect(JSON.parse(String(requestOf(refused, null, '').body))).toEqual(event);
    expect(refused.headers).toMatchObject({ 'mesh-code': 'unknown_task' });
  });

  test('nothing follows from nothing', () => {
    expect(messagesOf(telling(0, 0))).toEqual([]);
  });
});
