/** Reading a record as people and tools do. */
import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../../actors/runtime/record.ts';
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
