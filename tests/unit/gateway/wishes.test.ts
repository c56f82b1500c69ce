/** The wishes of a task as the metadata of an A2A message and as the data of an event from Dapr. */
import { Message } from '@a2a-js/sdk';
import { describe, expect, test } from 'vitest';
import { wishesOf } from '../../../gateway/a2a/prompt.ts';
import { parseDaprEvent, submissionOf } from '../../../gateway/dapr/event.ts';

const wishes = { timeLimitMs: 90_000, priority: 'high', waitForModel: true };

const message = (metadata: Record<string, unknown>): Message =>
  Message.fromJSON({ messageId: 'm1', role: 'ROLE_USER', parts: [{ text: 'hello' }], metadata });

describe('A2A', () => {
  test('the metadata of a message is read', () => {
    expect(wishesOf(message({ ...wishes, workflow: 'answer' }))).toEqual({ ...wishes, workflow: 'answer' });
    expect(wishesOf(message({}))).toEqual({});
  });

  test.each([
    ['priority', 'urgent', /high, normal or low/],
    ['waitForModel', 'yes', /true or false/],
    ['timeLimitMs', '10s', /number of milliseconds/],
  ])('%s of %j is refused by its name', (name, value, said) => {
    const read = (): unknown => wishesOf(message({ [name]: value }));
    expect(read).toThrow(said);
    expect(read).toThrow(`message.metadata.${name}`);
  });
});

describe('Dapr', () => {
  const read = (data: unknown): unknown => {
    const event = { specversion: '1.0', id: '1', source: 'shop', type: 'com.dapr.event.sent' };
    const parsed = parseDaprEvent(JSON.stringify({ ...event, datacontenttype: 'application/json', data }));
    if (!parsed.ok) throw new Error(parsed.reason);
    return submissionOf(parsed.value);
  };

  test('the fields of a task are read', () => {
    const { timeLimitMs: deadlineMs, ...others } = wishes;
    expect(read({ prompt: 'hello', deadlineMs, ...others })).toEqual({ prompt: 'hello', ...wishes });
  });

  test('a priority that is none is refused', () => {
    expect(() => read({ prompt: 'hello', priority: 'urgent' })).toThrow(/^data: give a text/);
  });
});
