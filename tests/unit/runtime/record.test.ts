/** The form of a record: what was applied is read back as it was, from either store (J1). */
import { CloudEvent } from 'cloudevents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeHead,
  decodeRecord,
  type Entry,
  type EventInput,
  encodeRecord,
  type Input,
} from '../../../actors/runtime/journal/record.ts';
import { submission } from './support/dispatcher.ts';
import { eventOf, idOf } from './support/events.ts';
import { fromLog, headAt, inputOf, quarantinedInput } from './support/records.ts';

const decoder = new TextDecoder();
const entriesOf = (bytes: Uint8Array): Record<string, unknown>[] => JSON.parse(decoder.decode(bytes));
const alone = (input: Input): Entry => ({ input, caused: [] });
const text = (length: number, letter = 'x') => letter.repeat(length);
const say = (what: string, id = what.slice(0, 8)) =>
  eventOf('task.submitted', { prompt: what }, { id: idOf(`say/${id}`) });

/** As it is read: its record names no version. */
const readBack = (input: EventInput): EventInput => ({ ...input, began: {} });

const ms = fc.integer({ min: 0, max: 4e12 });
const place = fc.record({ lane: fc.constantFrom('courier', 'ingress'), seq: fc.integer({ min: 1 }) });
/** As an event that was read has it: JSON knows no negative nought. */
const jsonData = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

const eventInput: fc.Arbitrary<Input> = fc
  .record({
    ...{ data: jsonData, atMs: ms, upMs: ms, place, again: fc.boolean(), id: fc.uuid(), text: fc.string() },
    began: fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/), fc.integer({ min: 1, max: 999 }), {
      noNullPrototype: true,
    }),
  })
  .map(({ data, id, text: prompt, ...rest }) => {
    // Whatever data an event may have one day; the record does not look into it.
    const event = { ...eventOf('task.submitted', { prompt }, { id }), data: { prompt, ...Object(data) } };
    return inputOf(event, 'orchestrator', rest);
  });
const refusedInput: fc.Arbitrary<Input> = fc
  .record({ seq: fc.integer({ min: 1 }), reason: fc.string(), bytes: fc.uint8Array(), truncated: fc.boolean() })
  .map(({ seq, reason, bytes, truncated }) =>
    quarantinedInput(seq, { reason, base64: Buffer.from(bytes).toString('base64'), truncated }),
  );

describe('a record', () => {
  test('J1: gives head and inputs back as they were, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(eventInput, refusedInput)), ms, ms, (inputs, atMs, upMs) => {
        const read = { courier: 17, ingress: 3 };
        const head = headAt(3, {
          atMs,
          upMs,
          read,
          tail: '9@1',
          stored: { log: '8@a/1.1', quarantine: '2@a/1.0' },
          sent: 2,
          word: 'stopped',
        });
        const entries = inputs.map((input, at) => ({ input, caused: at % 2 ? [submission()] : [] }));
        const bytes = encodeRecord(head, entries, 100_000_000);
        expect(decodeRecord(bytes)).toEqual({ head, inputs });
        expect(decodeHead(bytes)).toEqual(head);
        expect(encodeRecord(head, entries, 100_000_000)).toEqual(bytes);
      }),
      { numRuns: 60 },
    );
  });

  test('S5: an input that was read back is written to the same bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(eventInput, refusedInput)), (inputs) => {
        const bytes = encodeRecord(headAt(1), inputs.map(alone), 100_000_000);
        const again = decodeRecord(bytes);
        expect(encodeRecord(again.head, again.inputs.map(alone), 100_000_000)).toEqual(bytes);
      }),
      { numRuns: 60 },
    );
  });

  test('is a batch of strict CloudEvents, in the order of what happened', () => {
    const entries: Entry[] = [
      { input: fromLog(submission(), 'orchestrator', 4), caused: [say('one'), say('two')] },
      alone(quarantinedInput(5)),
    ];
    const events = entriesOf(encodeRecord(headAt(1), entries));
    expect(events.map(({ entry }) => entry)).toEqual(['record', 'input', 'caused', 'caused', 'input']);
    for (const event of events) expect(new CloudEvent<unknown>(event, true).validate()).toBe(true);
    expect(events[1]).toMatchObject({ actor: 'orchestrator', lane: 'orchestrator', logseq: '4' });
  });

  test('a word of its own is optional', () => {
    expect(decodeHead(encodeRecord(headAt(1, { word: 'claimed' }), [])).word).toBe('claimed');
    expect(decodeRecord(encodeRecord(headAt(2), []))).toEqual({ head: headAt(2), inputs: [] });
  });
});

describe('a long text that stands in the record already', () => {
  const long = text(200);

  test('is referred to where it was caused, and stands whole in the input', () => {
    const cause = say(long, 'cause');
    const [, input, caused] = entriesOf(
      encodeRecord(headAt(1), [{ input: fromLog(cause, 'courier'), caused: [say(long, 'echo')] }]),
    );
    expect(input?.data).toEqual({ prompt: long });
    expect(caused?.data).toEqual({ prompt: { $ref: `#${cause.id}/0` } });
  });

  test('is written once where only what was caused has it', () => {
    const [first, second] = [say(long, 'first'), say(long, 'second')];
    const written = entriesOf(
      encodeRecord(headAt(1), [{ input: fromLog(say('x'), 'courier'), caused: [first, second] }]),
    );
    expect(written.slice(2).map(({ data }) => data)).toEqual([
      { prompt: long },
      { prompt: { $ref: `#${first.id}/0` } },
    ]);
  });

  test('stands whole twice within one event; a later one is referred to its place among all long texts of that', () => {
    const [one, two] = [text(300), `${text(300)}!`];
    const speech = (id: string, ...texts: string[]) => {
      const parts = texts.map((part) => ({ text: part }));
      return eventOf('agent.message', { messageId: id, role: 'ROLE_AGENT', parts }, { id: idOf(id) });
    };
    const [first, second] = [speech('first', one, 'short', one, two), speech('second', two, one)];
    const written = entriesOf(
      encodeRecord(headAt(1), [{ input: fromLog(say('x'), 'courier'), caused: [first, second] }]),
    );
    expect(written.slice(2).map(({ data }) => data)).toEqual([
      { messageId: 'first', role: 'ROLE_AGENT', parts: [one, 'short', one, two].map((part) => ({ text: part })) },
      {
        messageId: 'second',
        role: 'ROLE_AGENT',
        parts: [{ text: { $ref: `#${first.id}/2` } }, { text: { $ref: `#${first.id}/0` } }],
      },
    ]);
    expect(first.data).toMatchObject({ parts: [{ text: one }, {}, {}, { text: two }] });
  });

  test('is never referred to by an input: inputs are read back', () => {
    const inputs = [fromLog(say(long, 'one'), 'courier'), fromLog(say(long, 'two'), 'courier')].map(readBack);
    const bytes = encodeRecord(headAt(1), inputs.map(alone));
    expect(entriesOf(bytes)[2]?.data).toEqual({ prompt: long });
    expect(decodeRecord(bytes).inputs).toEqual(inputs);
  });

  test('is found in lists and nested fields; a shorter one is written again', () => {
    const message = (one: string, id: string) =>
      eventOf('agent.message', { messageId: id, role: 'ROLE_AGENT', parts: [{ text: one }] }, { id: idOf(id) });
    const said = (one: string) => {
      const [, , caused] = entriesOf(
        encodeRecord(headAt(1), [{ input: fromLog(message(one, 'a'), 'courier'), caused: [message(one, 'b')] }]),
      );
      return (caused as { data: { parts: unknown[] } }).data.parts[0];
    };
    expect(said(long)).toEqual({ text: { $ref: `#${idOf('a')}/0` } });
    expect(said(text(199))).toEqual({ text: text(199) });
  });
});

test('what a host says about its own actor is read back with all that it says', () => {
  const event = eventOf('timer.fired', { timer: 'deadline', armedVersion: 3 }, { from: 'courier' });
  const [input] = decodeRecord(encodeRecord(headAt(1), [alone(inputOf(event, 'courier'))])).inputs;
  expect(input).toMatchObject({
    kind: 'event',
    role: 'courier',
    place: null,
    event: {
      id: event.id,
      type: event.type,
      correlationid: event.correlationid,
      senderrole: 'courier',
      data: event.data,
    },
  });
});

describe('what a server would not take', () => {
  const MAX_BYTES = 20_000;

  test.each([
    ['letters', 'x'],
    ['letters of three bytes', '写'],
    ['what JSON writes in six letters', '\u0001'],
  ])('S8: of %s: what was caused is told by its envelopes, the inputs whole', (_what, letter) => {
    const input = fromLog(say(text(1000, letter), 'in'), 'courier');
    const caused = Array.from({ length: 10 }, (_, at) => say(text(4000, letter) + at, `caused ${at}`));
    const bytes = encodeRecord(headAt(1), [{ input, caused }], MAX_BYTES);
    expect(bytes.byteLength).toBeLessThanOrEqual(MAX_BYTES - 1024);
    expect(decodeRecord(bytes).inputs).toEqual([readBack(input)]);
    const [, , first] = entriesOf(bytes);
    expect(first).toMatchObject({ entry: 'caused', id: caused[0]?.id, senderrole: caused[0]?.senderrole });
    expect(first).not.toHaveProperty('data');
  });

  test('S8: when even these are too many, nothing is told of it but the inputs', () => {
    const input = fromLog(say(text(15_000), 'in'), 'courier');
    const caused = Array.from({ length: 20 }, (_, at) => say(`${at}`, `caused ${at}`));
    const bytes = encodeRecord(headAt(1), [{ input, caused }], MAX_BYTES);
    expect(bytes.byteLength).toBeLessThanOrEqual(MAX_BYTES - 1024);
    expect(decodeRecord(bytes).inputs).toEqual([readBack(input)]);
  });

  test('a record that just fits is told whole', () => {
    const entries = [{ input: fromLog(say('in'), 'courier'), caused: [say(text(500), 'caused')] }];
    const whole = encodeRecord(headAt(1), entries);
    const fitting = encodeRecord(headAt(1), entries, whole.byteLength + 1024);
    expect(fitting).toEqual(whole);
    expect(encodeRecord(headAt(1), entries, whole.byteLength + 1023).byteLength).toBeLessThan(whole.byteLength);
  });
});

describe('what cannot be read', () => {
  test('S11: of a newer release ends the start, and says what to do', () => {
    const bytes = Buffer.from(
      Buffer.from(encodeRecord(headAt(1), []))
        .toString()
        .replace('"version":1', '"version":3'),
    );
    for (const read of [decodeRecord, decodeHead])
      expect(() => read(bytes)).toThrow(
        expect.objectContaining({ exitCode: 2, message: expect.stringMatching(/upgrade/) }),
      );
  });

  test.each([
    ['an object', '{}'],
    ['an empty batch', '[]'],
    ['a batch of other events', `[${JSON.stringify(submission())}]`],
  ])('%s is no record', (_what, body) => {
    expect(() => decodeRecord(Buffer.from(body))).toThrow(/holds something that is no record/);
  });
});
