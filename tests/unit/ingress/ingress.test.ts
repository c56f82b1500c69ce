/** What is understood on `mesh.tasks`, and what is refused with which reason (S1, S5, S9). */
import { describe, expect, test } from 'vitest';
import { ingress } from '../../../actors/ingress.ts';
import { RELEASE } from '../../../actors/release.ts';
import type { StoredMessage } from '../../../bus/port.ts';
import { contentDigest, type MeshEvent, validateEvent } from '../../../schemas/events/envelope.ts';
import { isCorrelationId } from '../../../schemas/events/subjects.ts';
import { START_MS, TASK, TRACE } from '../runtime/support/events.ts';

const IDENTITY = '2026-03-01T00:00:00Z';
type Headers = Readonly<Record<string, string>>;

function stored(data: string | Uint8Array, headers: Headers = {}, seq = 17): StoredMessage {
  return {
    ...{ seq, subject: 'mesh.tasks', atMs: START_MS, data: typeof data === 'string' ? Buffer.from(data) : data },
    header: (name) => headers[name] ?? '',
  };
}

function admit(data: string | Uint8Array, headers?: Headers, seq?: number): MeshEvent {
  const result = ingress.translate(stored(data, headers, seq), IDENTITY);
  if (!result.ok) throw new Error(`${result.rejection.code}: ${result.rejection.reason}`);
  return result.value;
}

function refusal(data: string | Uint8Array, headers?: Headers): string {
  const result = ingress.translate(stored(data, headers), IDENTITY);
  return result.ok ? 'accepted' : `${result.rejection.code}: ${result.rejection.reason}`;
}

const cloudEvent = (more: Record<string, unknown> = {}, name = 'task.submitted') =>
  JSON.stringify({
    ...{ specversion: '1.0', id: 'req-1', source: 'urn:caller', type: `dev.agentmesh.${name}.v1` },
    ...{ data: { prompt: 'Write a debounce function' }, ...more },
  });

describe('accepted', () => {
  test.each<[string, string, object]>([
    ['plain text', 'Write a debounce function', { prompt: 'Write a debounce function' }],
    ['text with space around it', '  hello \n', { prompt: 'hello' }],
    ['text over several lines', 'one\n\ttwo\r\nthree', { prompt: 'one\n\ttwo\r\nthree' }],
    ['text in any script', '写一个防抖函数 🙂', { prompt: '写一个防抖函数 🙂' }],
    ['a number', '42', { prompt: '42' }],
    ['a JSON text', '"hello"', { prompt: '"hello"' }],
    ['text that has braces inside', 'what does {"a": 1} mean', { prompt: 'what does {"a": 1} mean' }],
    ['bare JSON', '{"prompt":"hi"}', { prompt: 'hi' }],
    [
      'bare JSON with all it may say',
      '{"prompt":"hi","workflow":"build","caller":"me","deadlineMs":5000}',
      { prompt: 'hi', workflow: 'build', caller: 'me', deadlineMs: 5000 },
    ],
    ['bare JSON with an id', `{"id":"${TASK}","prompt":"hi"}`, { prompt: 'hi' }],
    ['bare JSON with a correlationId', `{"correlationId":"${TASK}","prompt":"hi"}`, { prompt: 'hi' }],
    ['a CloudEvent', cloudEvent({ correlationid: TASK }), { prompt: 'Write a debounce function' }],
    [
      'a CloudEvent with foreign extensions',
      cloudEvent({ partitionkey: 'x', comexampleothervalue: 5, sequence: '1' }),
      { prompt: 'Write a debounce function' },
    ],
    [
      'a CloudEvent with its content type',
      cloudEvent({ datacontenttype: 'application/json; charset=utf-8' }),
      { prompt: 'Write a debounce function' },
    ],
    [
      'a CloudEvent with a +json content type',
      cloudEvent({ datacontenttype: 'application/vnd.x+json' }),
      { prompt: 'Write a debounce function' },
    ],
  ])('%s', (_what, text, data) => {
    const event = admit(text);
    expect(event.data).toEqual(data);
    expect(event.type).toBe('dev.agentmesh.task.submitted.v1');
    expect(validateEvent(event)).toEqual({ ok: true, value: event });
  });

  test('the envelope is the mesh’s own', () => {
    expect(admit('hello')).toMatchObject({
      ...{ source: '/mesh/ingress', senderrole: 'ingress', recipientrole: 'orchestrator', release: RELEASE },
      ...{ hopindex: 0, remainingloops: 0, causationid: 'mesh.tasks/17', time: new Date(START_MS).toISOString() },
    });
  });

  test.each(['task.cancel.requested', 'task.input.provided'] as const)('%s with its task', (name) => {
    const data = name === 'task.input.provided' ? { text: 'yes' } : { reason: 'enough' };
    const event = admit(cloudEvent({ correlationid: TASK, data }, name));
    expect(event).toMatchObject({ type: `dev.agentmesh.${name}.v1`, correlationid: TASK, data });
  });
});

describe('the task’s id', () => {
  test.each<[string, string, Headers]>([
    ['id in bare JSON', `{"id":"${TASK}","prompt":"hi"}`, {}],
    ['correlationId in bare JSON', `{"correlationId":"${TASK}","prompt":"hi"}`, {}],
    ['correlationId before id', `{"correlationId":"${TASK}","id":"anything","prompt":"hi"}`, {}],
    ['correlationid of a CloudEvent', cloudEvent({ correlationid: TASK }), {}],
    ['a header', 'hi', { correlationid: TASK }],
  ])('%s names it', (_what, text, headers) => {
    expect(admit(text, headers).correlationid).toBe(TASK);
  });

  test('S5: without one it follows from the place in the log', () => {
    const event = admit('hello');
    expect(isCorrelationId(event.correlationid)).toBe(true);
    expect(admit('hello').correlationid).toBe(event.correlationid);
    expect(admit('hello', {}, 18).correlationid).not.toBe(event.correlationid);
  });
});

describe('the same again', () => {
  test.each(['hello', '{"prompt":"hi"}', cloudEvent(), cloudEvent({ correlationid: TASK })])(
    'S1: %s gives the same event',
    (text) => {
      expect(JSON.stringify(admit(text))).toBe(JSON.stringify(admit(text)));
    },
  );

  test('S5: submitted twice under one id it is the same event, wherever it is stored', () => {
    const text = `{"id":"${TASK}","prompt":"hi"}`;
    const [one, other] = [admit(text, {}, 17), admit(text, {}, 99)];
    expect(other.id).toBe(one.id);
    expect(contentDigest(other)).toBe(contentDigest(one));
  });

  test('S5: and whatever form it is sent in', () => {
    const bare = admit(`{"id":"${TASK}","prompt":"hi"}`);
    const event = admit(cloudEvent({ correlationid: TASK, data: { prompt: 'hi' } }));
    expect([event.id, contentDigest(event)]).toEqual([bare.id, contentDigest(bare)]);
  });

  test('S5: and in whatever order its fields are written', () => {
    const one = admit(`{"id":"${TASK}","prompt":"hi","caller":"me","workflow":"build"}`);
    const other = admit(`{"workflow":"build","caller":"me","prompt":"hi","id":"${TASK}"}`);
    expect([other.id, contentDigest(other)]).toEqual([one.id, contentDigest(one)]);
  });

  test('S5: another prompt under the same id has the same id and another content', () => {
    const one = admit(`{"id":"${TASK}","prompt":"hi"}`);
    const other = admit(`{"id":"${TASK}","prompt":"ho"}`);
    expect(other.id).toBe(one.id);
    expect(contentDigest(other)).not.toBe(contentDigest(one));
  });

  test('S5: two answers to questions of one task are two events; one sent twice is one', () => {
    const answer = (id: string) =>
      admit(cloudEvent({ id, correlationid: TASK, data: { text: 'yes' } }, 'task.input.provided'), {}, 40).id;
    expect(answer('a')).toBe(answer('a'));
    expect(answer('a')).not.toBe(answer('b'));
  });
});

describe('the trace', () => {
  test.each<[string, string, Headers]>([
    ['of the CloudEvent', cloudEvent({ traceparent: TRACE }), {}],
    ['of the header', 'hello', { traceparent: TRACE }],
    [
      'of the CloudEvent before the header',
      cloudEvent({ traceparent: TRACE }),
      { traceparent: TRACE.replace('4bf9', '0000') },
    ],
  ])('%s is kept', (_what, text, headers) => {
    expect(admit(text, headers).traceparent).toBe(TRACE);
  });

  test.each(['', 'garbage', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, TRACE.toUpperCase(), `${TRACE}-extra`])(
    '%j is replaced by the task’s own',
    (traceparent) => {
      const event = admit('hello', { traceparent });
      expect(event.traceparent.slice(3, 35)).toBe(event.correlationid.replaceAll('-', ''));
    },
  );
});

describe('refused', () => {
  test.each<[string, string | Uint8Array, RegExp]>([
    ['nothing', '', /^invalid_data: the message is empty/],
    ['only space', ' \n\t ', /^invalid_data: the message is empty/],
    ['bytes that are no text', Uint8Array.from([0xff, 0xfe, 0x00]), /^not_json: not UTF-8/],
    ['a binary', 'ELF\u0001\u0002\u0000', /^not_json: binary data/],
    ['too much', 'x'.repeat(1_048_577), /^too_large: 1048577 bytes/],
    ['a prompt that is too long', 'x'.repeat(262_145), /^invalid_data: data\.prompt/],
    ['broken JSON', '{"prompt": "hi"', /^not_json: not JSON/],
    ['an array', '[{"prompt":"hi"}]', /^invalid_data: an array is not a task/],
    ['no prompt', '{}', /^invalid_data: data must have required property 'prompt'/],
    ['an empty prompt', '{"prompt":""}', /^invalid_data: data\.prompt/],
    ['a prompt that is no text', '{"prompt":{"text":"hi"}}', /^invalid_data: data\.prompt must be string/],
    [
      'a field nobody knows',
      '{"prompt":"hi","model":"x"}',
      /^invalid_data: data must NOT have additional properties \(model\)/,
    ],
    ['an id that is a number', '{"id":7,"prompt":"hi"}', /^invalid_data: id must be a UUIDv4 as a string/],
    ['an id that is no UUID', '{"id":"seven","prompt":"hi"}', /^invalid_envelope: the correlation id must be a UUIDv4/],
    ['an id in upper case', `{"id":"${TASK.toUpperCase()}","prompt":"hi"}`, /^invalid_envelope: .*lower case/],
    ['an empty id', '{"id":"","prompt":"hi"}', /^invalid_envelope/],
    ['an id that would be a subject', '{"id":"*.>","prompt":"hi"}', /^invalid_envelope/],
    ['a prototype key', '{"prompt":"hi","__proto__":{"a":1}}', /^forbidden_key/],
    ['a prototype key in disguise', '{"prompt":"hi","\\u005f\\u005fproto\\u005f_":{"a":1}}', /^forbidden_key/],
    ['JSON that is too deep', `{"prompt":${'['.repeat(40)}${']'.repeat(40)}}`, /^too_deep/],
    ['CloudEvents 0.3', cloudEvent({ specversion: '0.3' }), /^invalid_envelope: specversion/],
    ['a CloudEvent without an id', cloudEvent({ id: undefined }), /^invalid_envelope: id must/],
    ['a CloudEvent with an empty id', cloudEvent({ id: '' }), /^invalid_envelope: id must/],
    ['a CloudEvent without a source', cloudEvent({ source: undefined }), /^invalid_envelope: source must/],
    ['a CloudEvent without a type', cloudEvent({ type: undefined }), /^invalid_envelope: type must/],
    [
      'a CloudEvent of another type',
      cloudEvent({ type: 'com.example.order' }),
      /^unknown_type: .*accepted are dev\.agentmesh\.task\.submitted\.v1/,
    ],
    [
      'an event that only the mesh sends',
      cloudEvent({ data: { step: 'x', attempt: 1, status: 'completed' } }, 'hop.replied'),
      /^unknown_type/,
    ],
    ['a CloudEvent in XML', cloudEvent({ datacontenttype: 'text/xml' }), /^invalid_envelope: datacontenttype/],
    ['a CloudEvent without data', cloudEvent({ data: undefined }), /^invalid_data/],
    ['data as base64', cloudEvent({ data: undefined, data_base64: 'e30=' }), /^invalid_data/],
    [
      'a correlation id that is a number',
      cloudEvent({ correlationid: 7 }),
      /^invalid_envelope: correlationid must be a string/,
    ],
    [
      'a cancel without its task',
      cloudEvent({ data: {} }, 'task.cancel.requested'),
      /^invalid_envelope: task\.cancel\.requested needs/,
    ],
    [
      'an answer without its task',
      cloudEvent({ data: { text: 'yes' } }, 'task.input.provided'),
      /^invalid_envelope: task\.input\.provided needs/,
    ],
    [
      'an empty answer',
      cloudEvent({ correlationid: TASK, data: { text: '' } }, 'task.input.provided'),
      /^invalid_data: data\.text/,
    ],
  ])('S9: %s', (_what, data, reason) => {
    expect(refusal(data)).toMatch(reason);
  });

  test('S9: text that is said to be JSON', () => {
    expect(refusal('hello', { 'content-type': 'application/cloudevents+json' })).toMatch(/^not_json/);
  });

  test('S9: a header with a bad id', () => {
    expect(refusal('hello', { correlationid: 'seven' })).toMatch(/^invalid_envelope/);
  });
});
