/** What is understood on `mesh.tasks`, and what is refused with which reason (S1, S5, S9). */
import { describe, expect, test } from 'vitest';
import { RELEASE } from '../../../actors/runtime/role.ts';
import type { StoredMessage } from '../../../bus/port.ts';
import { doors, ingress } from '../../../ingress/ingress.ts';
import { contentDigest, type MeshEvent, validateEvent } from '../../../schemas/events/envelope.ts';
import { isCorrelationId } from '../../../schemas/events/subjects.ts';
import { START_MS, TASK, TRACE } from '../runtime/support/events.ts';

const IDENTITY = '2026-03-01T00:00:00Z';
type Headers = Readonly<Record<string, string>>;

function stored(data: string | Uint8Array, headers: Headers = {}, seq = 17): StoredMessage {
  return {
    ...{ seq, subject: 'mesh.tasks', atMs: START_MS, data: typeof data === 'string' ? Buffer.from(data) : data },
    header: (name) => headers[name] ?? '',
    headers: () => Object.entries(headers),
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
    ['a JSON text', ' "hello \\"you\\"" ', { prompt: 'hello "you"' }],
    ['text that has braces inside', 'what does {"a": 1} mean', { prompt: 'what does {"a": 1} mean' }],
    ['bare JSON', '{"prompt":"hi"}', { prompt: 'hi' }],
    [
      'bare JSON with all it may say',
      '{"prompt":"hi","workflow":"build","caller":"me","deadlineMs":5000}',
      { prompt: 'hi', workflow: 'build', caller: 'nats:me', deadlineMs: 5000 },
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
      'a CloudEvent whose attributes are null',
      cloudEvent({ datacontenttype: null, correlationid: null, data_base64: null, traceparent: null }),
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
    ['upper case', `{"id":"${TASK.toUpperCase()}","prompt":"hi"}`, {}],
    ['a URN', `{"id":"URN:UUID:${TASK}","prompt":"hi"}`, {}],
    ['braces', 'hi', { correlationid: `{${TASK}}` }],
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

describe('an event in binary mode', () => {
  const headers = (more: Headers = {}, name = 'task.submitted'): Headers => ({
    ...{ 'ce-specversion': '1.0', 'ce-id': 'req-1', 'ce-source': 'urn:caller', 'ce-type': `dev.agentmesh.${name}.v1` },
    ...{ 'content-type': 'application/json', ...more },
  });

  test('is the same event as in structured mode', () => {
    const binary = admit('{"prompt":"Write a debounce function"}', headers({ 'ce-correlationid': TASK }));
    const structured = admit(cloudEvent({ correlationid: TASK }));
    expect([binary.id, contentDigest(binary)]).toEqual([structured.id, contentDigest(structured)]);
  });

  test('keeps its correlation id and its trace', () => {
    const event = admit('{"prompt":"hi"}', headers({ 'ce-correlationid': TASK, 'ce-traceparent': TRACE }));
    expect(event).toMatchObject({ correlationid: TASK, traceparent: TRACE, data: { prompt: 'hi' } });
  });

  test.each<[string, string, Headers]>([
    ['by the header of the binding', 'hi', { 'content-type': '', 'ce-datacontenttype': 'text/plain' }],
    ['by the header of HTTP', 'hi', { 'content-type': 'text/plain; charset=utf-8' }],
    ['not at all', 'hi', { 'content-type': '' }],
  ])('may bring a text, whose type is said %s', (_what, body, more) => {
    expect(admit(body, headers(more)).data).toEqual({ prompt: 'hi' });
  });

  test('text that looks like JSON stays text when its type says so', () => {
    expect(admit('{"prompt":1}', headers({ 'content-type': 'text/plain' })).data).toEqual({ prompt: '{"prompt":1}' });
  });

  test('values are percent-decoded, and may be quoted', () => {
    const one = admit('hi', headers({ 'content-type': 'text/plain', 'ce-id': 'a b%25', 'ce-source': '/%C3%BC' }));
    const other = admit(cloudEvent({ id: 'a b%', source: '/ü', data: 'hi', datacontenttype: 'text/plain' }));
    expect(one.correlationid).toBe(other.correlationid);
    expect(
      admit('hi', headers({ 'content-type': '', 'ce-id': '"a b%25"', 'ce-source': '/%C3%BC' })).correlationid,
    ).toBe(other.correlationid);
  });

  test.each([
    ['in upper case', (name: string) => name.toUpperCase()],
    ['with capitals', (name: string) => name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())],
    [
      'as documents of HTTP write them',
      (name: string) => name.replace(/^ce-(.)/, (_all, first) => `CE-${first.toUpperCase()}`),
    ],
    ['somehow', (name: string) => name.replace('version', 'Version').replace('content', 'conTent')],
  ])('headers %s', (_what, written) => {
    const rewritten = (more: Headers): Headers =>
      Object.fromEntries(Object.entries(headers(more)).map(([name, value]) => [written(name), value]));
    expect(admit('{"prompt":"hi"}', rewritten({ 'ce-correlationid': TASK })).correlationid).toBe(TASK);
    expect(refusal('{"prompt":"hi"}', rewritten({ 'ce-type': 'com.acme.order.v1' }))).toMatch(/^unknown_type/);
  });

  test('cancels with and without a reason, and answers', () => {
    const named = { 'ce-correlationid': TASK };
    expect(admit('{"reason":"x"}', headers(named, 'task.cancel.requested')).data).toEqual({ reason: 'x' });
    expect(admit('', headers(named, 'task.cancel.requested')).data).toEqual({});
    expect(admit('{"text":"yes"}', headers(named, 'task.input.provided')).data).toEqual({
      text: 'yes',
      caller: 'nats:',
    });
    const asText = headers({ ...named, 'content-type': 'text/plain' }, 'task.input.provided');
    expect(admit('yes', asText).data).toEqual({ text: 'yes', caller: 'nats:' });
  });

  test.each<[string, string, Headers, RegExp]>([
    [
      'another type',
      '{"prompt":"tool:uuid {}"}',
      headers({ 'ce-type': 'com.acme.order.v1' }),
      /^unknown_type: com\.acme/,
    ],
    ['version 0.3', '{"prompt":"hi"}', headers({ 'ce-specversion': '0.3' }), /^invalid_envelope: specversion/],
    ['no type', '{"prompt":"hi"}', headers({ 'ce-type': '' }), /^invalid_envelope: type/],
    [
      'Kafka’s spelling',
      '{"prompt":"hi"}',
      { ce_specversion: '1.0', ce_type: 'com.acme' },
      /^invalid_envelope: .*on NATS/,
    ],
    ['AMQP’s spelling', '{"prompt":"hi"}', { 'cloudEvents:specversion': '1.0' }, /^invalid_envelope: .*on NATS/],
    ['no version', '{"prompt":"hi"}', headers({ 'ce-specversion': '' }), /^invalid_envelope: specversion/],
    ['broken JSON', '{"prompt"', headers(), /^not_json/],
    ['nothing', '', headers(), /^invalid_data: the event has no data: send the prompt/],
    ['a picture', 'x', headers({ 'content-type': 'image/png' }), /^invalid_envelope: datacontenttype "image\/png"/],
    ['a cancel of nobody', '{}', headers({}, 'task.cancel.requested'), /^invalid_envelope: .*needs the correlationid/],
  ])('S9: %s is refused', (_what, body, more, reason) => {
    expect(refusal(body, more)).toMatch(reason);
  });
});

describe('data of an event', () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  test.each<[string, Record<string, unknown>]>([
    ['a text', { data: 'hi' }],
    ['a text that says so', { data: 'hi', datacontenttype: 'text/plain' }],
    ['an object in a text, as sidecars send it', { data: '{"prompt":"hi"}' }],
    ['an object in base64', { data_base64: base64('{"prompt":"hi"}') }],
    [
      'an object in base64 that says so',
      { data_base64: base64('{"prompt":"hi"}'), datacontenttype: 'application/json' },
    ],
    ['a text in base64', { data_base64: base64('hi') }],
    ['a text as bytes', { data_base64: base64('hi'), datacontenttype: 'application/octet-stream' }],
    ['a text in base64 that says so', { data_base64: base64('hi'), datacontenttype: 'text/plain' }],
  ])('%s', (_what, more) => {
    expect(admit(cloudEvent({ data: undefined, ...more })).data).toEqual({ prompt: 'hi' });
  });
});

describe('the same task', () => {
  test('S5: an event of one source and id, wherever it is stored', () => {
    const task = (more: Record<string, unknown>, seq: number) => admit(cloudEvent(more), {}, seq).correlationid;
    expect(task({}, 99)).toBe(task({}, 17));
    expect(task({ id: 'req-2' }, 17)).not.toBe(task({}, 17));
    expect(task({ source: 'urn:other' }, 17)).not.toBe(task({}, 17));
    expect(task({ correlationid: TASK }, 17)).toBe(TASK);
  });

  test('S5: answers of two sources under one id are two', () => {
    const answer = (source: string) =>
      admit(cloudEvent({ source, correlationid: TASK, data: { text: 'yes' } }, 'task.input.provided')).id;
    expect(answer('urn:a')).not.toBe(answer('urn:b'));
  });

  test.each(['f47ac10b-58cc-11ec-a372-0e02b2c3d479', '0190b2f4-6c1e-7cc0-8b5e-2f6d1c3a9e77', TASK])(
    'an id of any version: %s, also in upper case and as a URN',
    (id) => {
      const shown = (text: string) => admit(`{"id":"${text}","prompt":"hi"}`).correlationid;
      expect([shown(id), shown(id.toUpperCase()), shown(`urn:uuid:${id}`)]).toEqual([id, id, id]);
      expect(admit('hi', { correlationid: id.toUpperCase() }).correlationid).toBe(id);
    },
  );

  test('S5: a key of a caller, in each form; that of another caller is another task', () => {
    const key = 'Bestellung №7 / draft';
    const bare = admit(JSON.stringify({ key, prompt: 'hi' }), {}, 3);
    expect(bare.data).toEqual({ key, prompt: 'hi' });
    expect(isCorrelationId(bare.correlationid)).toBe(true);
    const event = admit(cloudEvent({ data: { key, prompt: 'hi' } }), {}, 4);
    expect([event.id, contentDigest(event)]).toEqual([bare.id, contentDigest(bare)]);
    const text = admit('hi', { 'mesh-key': encodeURIComponent(key) }, 5);
    expect([text.id, contentDigest(text)]).toEqual([bare.id, contentDigest(bare)]);
    const named = admit(JSON.stringify({ key, prompt: 'hi', id: bare.correlationid }), {}, 6);
    expect(named.correlationid).toBe(bare.correlationid);
    const other = admit(JSON.stringify({ key, prompt: 'hi', caller: 'ci' }), {}, 3);
    expect(other.correlationid).not.toBe(bare.correlationid);
    expect(admit(JSON.stringify({ key: '🙂'.repeat(128), prompt: 'hi' })).data).toMatchObject({ prompt: 'hi' });
  });
});

test('S9: what was published below the subject for tasks is set aside, and told where tasks go', () => {
  const message = { ...stored('hello'), subject: 'mesh.tasks.foo' };
  expect(doors.translate(message, IDENTITY)).toEqual({
    ok: false,
    rejection: { code: 'misaddressed', reason: 'nothing is read on mesh.tasks.foo; tasks go to mesh.tasks' },
  });
});

describe('who asks', () => {
  const own = (data: string): StoredMessage => ({ ...stored(data), subject: 'mesh.tasks.doors' });
  const asked = (message: StoredMessage): MeshEvent => {
    const read = doors.translate(message, IDENTITY);
    if (!read.ok) throw new Error(read.rejection.reason);
    return read.value;
  };

  test('is believed of the doors of the mesh', () => {
    const event = asked(own('{"prompt":"hi","caller":"alice","door":"grpc"}'));
    expect(event.data).toEqual({ prompt: 'hi', caller: 'alice', door: 'grpc' });
    const answer = cloudEvent({ correlationid: TASK, data: { text: 'yes', caller: 'alice' } }, 'task.input.provided');
    expect(asked(own(answer)).data).toEqual({ text: 'yes', caller: 'alice' });
  });

  test.each(['alice', 'mesh run', 'nats:alice', ''])('is a claim of whoever writes on mesh.tasks: %j', (caller) => {
    const answer = cloudEvent({ correlationid: TASK, data: { text: 'yes', caller } }, 'task.input.provided');
    expect(admit(JSON.stringify({ prompt: 'hi', caller })).data).toEqual({ prompt: 'hi', caller: `nats:${caller}` });
    expect(admit(answer).data).toEqual({ text: 'yes', caller: `nats:${caller}` });
  });

  test('a key of a claimed name is not the key of the caller who has that name', () => {
    const task = JSON.stringify({ prompt: 'hi', key: 'order-1234', caller: 'alice' });
    expect(admit(task).correlationid).not.toBe(asked(own(task)).correlationid);
  });

  test.each(['cli', 'grpc', 'nonsense', null])(
    'door %j is not said on mesh.tasks: what acts outside would run unasked',
    (door) => {
      const refused = 'invalid_data: door is for the doors of the mesh to say: leave it out';
      expect(refusal(JSON.stringify({ prompt: 'hi', door }))).toBe(refused);
      expect(refusal(cloudEvent({ data: { prompt: 'hi', door } }))).toBe(refused);
      const binary = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/x', 'content-type': 'application/json' };
      const type = { 'ce-type': 'dev.agentmesh.task.submitted.v1' };
      expect(refusal(JSON.stringify({ prompt: 'hi', door }), { ...binary, ...type })).toBe(refused);
    },
  );

  test('an event that says it comes from the mesh has no id of the mesh by that', () => {
    const answer = { id: TASK, source: '/mesh/gateway', correlationid: TASK, data: { text: 'yes', messageId: 'm' } };
    const text = cloudEvent(answer, 'task.input.provided');
    expect(admit(text).id).not.toBe(asked(own(text)).id);
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
    ['an id that is a number', '{"id":7,"prompt":"hi"}', /^invalid_data: id must be a UUID as a string; .*key/],
    [
      'an id that is no UUID',
      '{"id":"seven","prompt":"hi"}',
      /^invalid_envelope: the id "seven" must be a UUID; .*key/,
    ],
    [
      'the nil UUID',
      `{"id":"${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}","prompt":"hi"}`,
      /the nil UUID, which names/,
    ],
    ['the max UUID', `{"id":"${'F'.repeat(8)}-FFFF-FFFF-FFFF-${'f'.repeat(12)}","prompt":"hi"}`, /the max UUID, which/],
    ['a key of no characters', '{"key":"","prompt":"hi"}', /^invalid_data: data\.key/],
    ['a key that is too long', `{"key":"${'k'.repeat(129)}","prompt":"hi"}`, /^invalid_data: data\.key/],
    ['an id and a key of two tasks', `{"id":"${TASK}","key":"k","prompt":"hi"}`, /^invalid_envelope: id and key name/],
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
    ['an empty object as base64', cloudEvent({ data: undefined, data_base64: 'e30=' }), /^invalid_data: .*'prompt'/],
    ['data in both forms', cloudEvent({ data_base64: 'e30=' }), /^invalid_envelope: send data or data_base64/],
    ['base64 that is none', cloudEvent({ data: undefined, data_base64: '!' }), /^invalid_envelope: data_base64/],
    ['an object as text', cloudEvent({ datacontenttype: 'text/plain' }), /^invalid_envelope: data must be a text/],
    [
      'a picture',
      cloudEvent({ data: undefined, data_base64: 'iVBORw==', datacontenttype: 'image/png' }),
      /^invalid_envelope: datacontenttype "image\/png"/,
    ],
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
