/** Reading a record as people and tools do. */
import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../../actors/runtime/journal/record.ts';
import { ToldTexts } from '../../../actors/runtime/journal/told-texts.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { entriesOf, eventsBehind, RECORD_SEQ_HEADER } from '../../../schemas/events/journal.ts';
import { eventOf, idOf } from '../runtime/support/events.ts';
import { fromLog, headAt } from '../runtime/support/records.ts';

const long = (letter: string) => letter.repeat(300);
const message = (id: string, ...texts: string[]) =>
  eventOf(
    'agent.message',
    { messageId: id, role: 'ROLE_AGENT', parts: texts.map((text) => ({ text })) },
    { id: idOf(id) },
  );

const cause = message('cause', long('a'), 'short', long('b'));
const caused = [message('one', long('b'), long('c')), message('two', long('c'), long('a'), long('d'))];
const record = encodeRecord(headAt(1), [{ input: fromLog(cause, 'courier'), caused }]);

describe('the entries of a record', () => {
  test('long texts that were only referred to stand where they belong', () => {
    expect(entriesOf(record).map(({ data }) => data)).toEqual([cause, ...caused].map(({ data }) => data));
  });

  test('what is no record has none', () => {
    expect(entriesOf(Buffer.from('{}'))).toEqual([]);
  });
});

describe('what a fact rests on', () => {
  const at = (seq: string) => ({ header: (name: string) => (name === RECORD_SEQ_HEADER ? seq : '') });
  const log = { get: async (seq: number) => (seq === 7 ? { data: record } : null) };

  test('is found by the place that the fact names, for its task alone', async () => {
    const found = await eventsBehind(log, at('7'), cause.correlationid);
    expect(found.map(({ id }) => id)).toEqual([cause, ...caused].map(({ id }) => id));
    expect(await eventsBehind(log, at('7'), 'another task')).toEqual([]);
  });

  test.each(['', '0', '8', 'x'])('is nothing when the fact names %j', async (seq) => {
    expect(await eventsBehind(log, at(seq), cause.correlationid)).toEqual([]);
  });
});

describe('a very long text of an earlier record', () => {
  const prompt = (letter: string) => letter.repeat(5000);
  const places = new Map<number, number>();
  const told = new ToldTexts((n) => places.get(n));
  const write = (n: number, causing: typeof cause, ...said: (typeof cause)[]) =>
    encodeRecord(headAt(n), [{ input: fromLog(causing, 'courier'), caused: said }], undefined, told);
  const submitted = message('submitted', prompt('p'), long('s'));
  const first = write(1, submitted);
  const unknown = write(2, message('x', 'y'), message('unacknowledged', prompt('p')));
  places.set(2, 20);
  const asked = [message('asked', long('q'), prompt('p'), long('r')), message('again', prompt('p'), long('r'))];
  const second = write(3, message('cause of it', long('z')), ...asked);
  const at = (seq: string) => ({ header: (name: string) => (name === RECORD_SEQ_HEADER ? seq : '') });
  const logOf = (records: Readonly<Record<number, Uint8Array | string>>) => ({
    async get(seq: number) {
      const data = records[seq];
      return data === undefined ? null : { data: typeof data === 'string' ? Buffer.from(data) : data };
    },
  });

  test('is referred to once it is known where the log has that record, and is written whole before', () => {
    expect(Buffer.from(first).toString()).toContain(prompt('p'));
    expect(Buffer.from(unknown).toString()).toContain(prompt('p'));
    expect(Buffer.from(second).toString()).not.toContain(prompt('p'));
    expect(Buffer.from(second).toString()).toContain(`{"$ref":"#${idOf('unacknowledged')}/0","logseq":"20"}`);
  });

  test('is put back by whoever reads what a fact rests on', async () => {
    const found = await eventsBehind(logOf({ 20: unknown, 30: second }), at('30'), cause.correlationid);
    expect(found.slice(1).map(({ data }) => data)).toEqual(asked.map(({ data }) => data));
  });

  test.each([
    ['has dropped it', {}],
    ['was made anew, and has a text there', { 20: 'no JSON' }],
    ['was made anew, and has another record there', { 20: record }],
    ['was made anew, and has facts there', { 20: '[{"id":"x"},{"id":"y"}]' }],
  ])('stays a reference where the log %s; what stands beside it is right', async (_what, more) => {
    const found = await eventsBehind(logOf({ 30: second, ...more }), at('30'), cause.correlationid);
    const missing = { $ref: `#${idOf('unacknowledged')}/0`, logseq: '20' };
    expect(found[1]?.data).toMatchObject({ parts: [{ text: long('q') }, { text: missing }, { text: long('r') }] });
    expect(found[2]?.data).toMatchObject({ parts: [{ text: missing }, { text: long('r') }] });
  });

  test('what somebody wrote as a reference is no reference', async () => {
    const forged = eventOf(
      'agent.message',
      { messageId: 'f', role: 'ROLE_AGENT', parts: [{ data: { $ref: `#${idOf('cause')}/0`, logseq: '20' } }] },
      { id: idOf('f') },
    );
    const [, read] = entriesOf(
      encodeRecord(
        headAt(4),
        [cause, forged].map((one) => ({ input: fromLog(one, 'courier'), caused: [] })),
      ),
    );
    expect(read?.data).toEqual(forged.data);
  });

  test('nobody is given a text of another task', async () => {
    const other = { ...message('other', prompt('p')), correlationid: newCorrelationId() };
    const written = write(5, message('cause of other', 'x'), other);
    expect(Buffer.from(written).toString()).toContain(prompt('p'));
    const made = JSON.stringify([
      {},
      {
        entry: 'caused',
        id: 'm',
        correlationid: other.correlationid,
        data: { $ref: `#${idOf('unacknowledged')}/0`, logseq: '20' },
      },
    ]);
    const [read] = await eventsBehind(logOf({ 20: unknown, 30: made }), at('30'), other.correlationid);
    expect(read?.data).toHaveProperty('$ref');
  });

  test('only the latest are remembered', () => {
    const few = new ToldTexts(() => 1);
    few.note(prompt('a'), { task: 't', place: '#a/0', n: 1 });
    for (let n = 0; n < 300; n += 1) few.note(`${n}${prompt('b')}`, { task: 't', place: `#b/${n}`, n });
    expect(few.find(prompt('a'), 't')).toBeNull();
    expect(few.find(`299${prompt('b')}`, 't')).toEqual({ place: '#b/299', seq: 1 });
    expect(few.find(`299${prompt('b')}`, 'another task')).toBeNull();
    expect(few.find('short', 't')).toBeNull();
  });
});
