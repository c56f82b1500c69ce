/** Several events in one message: the batch form of CloudEvents, its limits, and what is told apart in it (S8, S9). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CloudEvent, HTTP } from 'cloudevents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BATCH_CONTENT_TYPE,
  BATCH_EVENTS_MAX,
  EVENT_CONTENT_TYPE,
  factMessages,
  type MeshEvent,
  NESTING_MAX,
  PAYLOAD_MAX_BYTES,
  parseEvent,
  parseEvents,
  serializeFacts,
} from '../../../schemas/events/envelope.ts';
import { eventNames } from '../../../schemas/events/generated.ts';

const folder = join(import.meta.dirname, '../../../schemas/events/golden');
const golden = eventNames.map((name): MeshEvent => {
  const parsed = parseEvent(readFileSync(join(folder, `${name}.json`)));
  if (!parsed.ok) throw new Error(`${name}: ${parsed.rejection.reason}`);
  return parsed.value;
});
const progress = golden.find(({ type }) => type === 'dev.agentmesh.hop.progress.v1');
if (progress?.type !== 'dev.agentmesh.hop.progress.v1') throw new Error('there is no golden hop.progress');
const noted = (note: string): MeshEvent => ({ ...progress, data: { ...progress.data, note } });

function refusal(body: string | Uint8Array): string {
  const parsed = parseEvents(Buffer.from(body));
  return parsed.ok ? 'ok' : `${parsed.rejection.code}: ${parsed.rejection.reason}`;
}

describe('the form', () => {
  test('one fact is the event itself, as every release reads it', () => {
    for (const event of golden) {
      expect(serializeFacts([event])).toEqual({ body: JSON.stringify(event), contentType: EVENT_CONTENT_TYPE });
    }
  });

  test('several facts are an array of them, in their order', () => {
    const { body, contentType } = serializeFacts(golden);
    expect(contentType).toBe('application/cloudevents-batch+json');
    expect(body).toBe(`[${golden.map((event) => JSON.stringify(event)).join(',')}]`);
    expect(parseEvents(Buffer.from(body))).toEqual({ ok: true, value: golden });
  });

  test('the cloudevents library reads the same events from a batch', () => {
    const { body, contentType } = serializeFacts(golden);
    const read = HTTP.toEvent({ headers: { 'content-type': contentType }, body }) as CloudEvent<unknown>[];
    expect(read.map((event) => JSON.parse(JSON.stringify(event)))).toEqual(golden);
    expect(contentType).toBe(BATCH_CONTENT_TYPE);
  });

  test('a batch of one is read as well, whoever wrote it', () => {
    expect(parseEvents(Buffer.from(JSON.stringify([progress])))).toEqual({ ok: true, value: [progress] });
  });

  test('no message without facts', () => {
    expect(() => serializeFacts([])).toThrow(RangeError);
    expect(factMessages([])).toEqual([]);
  });

  test('where one event is expected, a batch is refused', () => {
    expect(parseEvent(Buffer.from(JSON.stringify([progress])))).toMatchObject({
      rejection: { code: 'invalid_envelope' },
    });
  });
});

describe('S9: a batch is refused', () => {
  const text = JSON.stringify(progress);
  test.each([
    ['without events', '[]', /^invalid_envelope: a batch without events$/],
    ['with something else in it', `[${text},7]`, /^invalid_envelope: event 2 of 2: envelope must be object/],
    ['with a batch in it', `[${text},[${text}]]`, /^invalid_envelope: event 2 of 2: /],
    ['with null in it', `[null,${text}]`, /^invalid_envelope: event 1 of 2: /],
    [
      'with a type that is not known',
      `[${text},${text.replace('progress.v1', 'progress.v9')}]`,
      /^unknown_type: event 2/,
    ],
    [
      'with data that do not fit',
      `[${text},${text.replace('"note":', '"notes":')},${text}]`,
      /^invalid_data: event 2 of 3/,
    ],
    ['with a forbidden key', `[${text},{"__proto__":{}}]`, /^forbidden_key: event 2 of 2: /],
    ['that is cut off', `[${text},`, /^not_json: /],
    ['that is no text', Buffer.from([0x5b, 0xff, 0x5d]), /^not_json: /],
    ['in lines', `${text}\n${text}`, /^not_json: /],
  ])('%s', (_what, body, expected) => {
    expect(refusal(body)).toMatch(expected);
  });
});

describe('S8: limits', () => {
  test('of bytes: those of one event', () => {
    const { body } = serializeFacts([progress, progress]);
    expect(refusal(body.padEnd(PAYLOAD_MAX_BYTES))).toBe('ok');
    expect(refusal(body.padEnd(PAYLOAD_MAX_BYTES + 1))).toMatch(/^too_large/);
  });

  test('of events', () => {
    const many = (count: number): string => `[${Array(count).fill('7').join(',')}]`;
    expect(refusal(many(BATCH_EVENTS_MAX))).toMatch(/^invalid_envelope: event 1 of/);
    expect(refusal(many(BATCH_EVENTS_MAX + 1))).toMatch(/^too_large: a batch of 1025 events; the limit is 1024/);
  });

  test('of depth: an event may be as deep in a batch as alone', () => {
    const nested = (depth: number): string =>
      JSON.stringify({ ...progress, data: JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`) });
    for (const depth of [NESTING_MAX, NESTING_MAX + 1]) {
      const alone = refusal(nested(depth)).split(':')[0];
      expect(alone).toBe(depth === NESTING_MAX ? 'invalid_data' : 'too_deep');
      expect(refusal(`[${nested(depth)},${nested(depth)}]`).split(':')[0]).toBe(alone);
    }
  });

  test('more than a message holds is divided, in order, always in the same way, and each message is read', () => {
    const sizes = fc.array(fc.oneof(fc.nat(200), fc.integer({ min: 400, max: 500 })), { maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 800, max: 5000 }), (lengths, bytesMax) => {
        const facts = lengths.map((length) => noted('ü'.repeat(length)));
        const messages = factMessages(facts, bytesMax);
        const read = messages.map(({ body }) => {
          const parsed = parseEvents(Buffer.from(body));
          return parsed.ok ? parsed.value : [];
        });
        expect(read.flat()).toEqual(facts);
        expect(factMessages(facts, bytesMax)).toEqual(messages);
        for (const [at, { body, contentType }] of messages.entries()) {
          const count = read[at]?.length ?? 0;
          expect(contentType).toBe(count === 1 ? EVENT_CONTENT_TYPE : BATCH_CONTENT_TYPE);
          if (count > 1) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(bytesMax);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('as few messages as the limits allow: to the byte, and to the event', () => {
    const { body } = serializeFacts([progress, progress]);
    expect(factMessages([progress, progress], Buffer.byteLength(body))).toHaveLength(1);
    expect(factMessages([progress, progress], Buffer.byteLength(body) - 1)).toHaveLength(2);
    expect(factMessages(Array(BATCH_EVENTS_MAX).fill(progress))).toHaveLength(1);
    expect(factMessages(Array(BATCH_EVENTS_MAX + 1).fill(progress))).toHaveLength(2);
    expect(() => serializeFacts(Array(BATCH_EVENTS_MAX + 1).fill(progress))).toThrow(/more than one message may hold/);
  });

  test('S9: whatever comes in, the answer is a value', () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), (one, other) => {
        for (const body of [one, `[${one},${other}]`]) expect(typeof parseEvents(Buffer.from(body)).ok).toBe('boolean');
      }),
    );
  });
});
