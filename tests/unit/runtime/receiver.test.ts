/** From a message of the log to an input: which partition, whether it can be accepted, and as what (S5, S9). */
import { describe, expect, test } from 'vitest';
import { eventMaxBytes, ingressLane, type LaneOf, roleLane } from '../../../actors/runtime/messages/receiver.ts';
import type { StoredMessage } from '../../../bus/port.ts';
import { ingress } from '../../../ingress/ingress.ts';
import { PAYLOAD_MAX_BYTES } from '../../../schemas/events/envelope.ts';
import { inboxSubject, partitionOf } from '../../../schemas/events/subjects.ts';
import { eventOf, START_MS, TASK } from './support/events.ts';

const MAX_BYTES = 1_048_576;
const OTHER = '7c9e6679-7425-40de-944b-e07fc1f90002';
const request = { step: 'carry', attempt: 1, timeoutMs: 1000, input: { prompt: 'Carry it' } };

function message(subject: string, body: unknown, headers: Record<string, string> = {}): StoredMessage {
  const data = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    seq: 9,
    subject,
    atMs: START_MS,
    data,
    header: (name) => headers[name] ?? '',
    headers: () => Object.entries(headers),
  };
}

const couriers = roleLane('courier', MAX_BYTES);
const inbox = (body: unknown, headers?: Record<string, string>, task = TASK) =>
  message(inboxSubject('courier', task), body, headers);
const codeOf = (lane: LaneOf, one: StoredMessage) => {
  const received = lane.receive(one);
  return received.kind === 'quarantined' ? received.message.code : received.kind;
};

describe('an inbox', () => {
  test('gives the event that it holds to its role', () => {
    const event = eventOf('hop.requested', request);
    expect(couriers.receive(inbox(event))).toEqual({ kind: 'event', role: 'courier', event, again: false });
    expect(couriers.partitionOf(inbox(event))).toBe(partitionOf(TASK));
  });

  test('J5: sees that the log was given it again', () => {
    const received = couriers.receive(inbox(eventOf('hop.requested', request), { 'mesh-published-again': '1' }));
    expect(received).toMatchObject({ again: true });
  });

  test('takes what is relayed for another role', () => {
    const said = { messageId: 'm', role: 'ROLE_AGENT' as const, parts: [{ text: 'x' }] };
    expect(codeOf(couriers, inbox(eventOf('agent.message', said, { to: 'coder' })))).toBe('event');
  });

  test.each<[string, unknown, string]>([
    ['no JSON', '{', 'not_json'],
    ['an event for another role', eventOf('hop.requested', request, { to: 'coder' }), 'misaddressed'],
    ['an event of another task', eventOf('hop.requested', request, { correlationId: OTHER }), 'misaddressed'],
    [
      'an event of a type that nobody knows',
      { ...eventOf('hop.requested', request), type: 'com.example' },
      'invalid_envelope',
    ],
    [
      'an event with a word of the journal’s own',
      { ...eventOf('hop.requested', request), entry: 'caused' },
      'invalid_envelope',
    ],
  ])('S9: sets aside %s', (_what, body, code) => {
    expect(codeOf(couriers, inbox(body))).toBe(code);
  });

  test.each(['mesh.in.courier.8.x', 'mesh.in.courier.x', 'mesh.in.courier.', 'mesh.in.courier.-1.x'])(
    'S9: what is addressed as %s is for partition 0, which sets it aside',
    (subject) => {
      const one = message(subject, eventOf('hop.requested', request));
      expect([couriers.partitionOf(one), codeOf(couriers, one)]).toEqual([0, 'misaddressed']);
    },
  );

  test('S9: a task under the number of another partition is set aside', () => {
    const wrong = (partitionOf(TASK) + 1) % 8;
    const one = message(`mesh.in.courier.${wrong}.${TASK}`, eventOf('hop.requested', request));
    expect([couriers.partitionOf(one), codeOf(couriers, one)]).toEqual([wrong, 'misaddressed']);
  });

  test('S8: what is kept of a large one is its beginning, and a record has room for it', () => {
    const received = couriers.receive(inbox('x'.repeat(900_000)));
    if (received.kind !== 'quarantined') throw new Error('accepted');
    expect(received.message).toMatchObject({ lane: 'courier', seq: 9, storedAtMs: START_MS, truncated: true });
    expect(Buffer.from(received.message.base64, 'base64')).toHaveLength(65_536);
  });

  test('S8: an event is taken while a record and a message have room for it, and not beyond', () => {
    const sized = (bytes: number) => {
      const sizedAs = (prompt: string) => eventOf('hop.requested', { ...request, input: { prompt } });
      const empty = Buffer.byteLength(JSON.stringify(sizedAs('')));
      return inbox(sizedAs('x'.repeat(bytes - empty)));
    };
    const small = roleLane('courier', 20_000);
    expect([codeOf(small, sized(eventMaxBytes(20_000))), codeOf(small, sized(eventMaxBytes(20_000) + 1))]).toEqual([
      'event',
      'too_large',
    ]);
    expect(eventMaxBytes(64 * MAX_BYTES)).toBeLessThan(PAYLOAD_MAX_BYTES);
  });
});

describe('the ingress', () => {
  const lane = ingressLane(ingress, () => 'log-1', MAX_BYTES);

  test('S5: tells the orchestrator, in the partition of the task, the same at every reading', () => {
    const one = message('mesh.tasks', JSON.stringify({ id: TASK, prompt: 'hi' }));
    const first = lane.receive(one);
    expect(first).toMatchObject({ kind: 'event', role: 'orchestrator', event: { correlationid: TASK } });
    expect(lane.receive({ ...one })).toEqual(first);
    expect(lane.partitionOf(one)).toBe(partitionOf(TASK));
  });

  test('S5: two submissions that follow each other are not mixed up', () => {
    const [one, other] = [TASK, OTHER].map((id) => message('mesh.tasks', JSON.stringify({ id, prompt: 'hi' })));
    if (!one || !other) throw new Error('two were made');
    expect(lane.partitionOf(one)).toBe(partitionOf(TASK));
    expect(lane.receive(other)).toMatchObject({ event: { correlationid: OTHER } });
    expect(lane.receive(one)).toMatchObject({ event: { correlationid: TASK } });
  });

  test('S9: what is not understood is for partition 0, and set aside with the reason', () => {
    const one = message('mesh.tasks', '{"prompt":7}');
    expect(lane.partitionOf(one)).toBe(0);
    expect(lane.receive(one)).toMatchObject({
      kind: 'quarantined',
      message: { lane: 'ingress', code: 'invalid_data', reason: expect.stringContaining('prompt') },
    });
  });

  test('S8: a submission that would be too large as an event is set aside', () => {
    const small = ingressLane(ingress, () => 'log-1', 20_000);
    expect(codeOf(small, message('mesh.tasks', 'x'.repeat(19_000)))).toBe('too_large');
  });
});
