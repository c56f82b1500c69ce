/**
 * What nobody should send, on the front door and past it: each is quarantined with its reason, and work goes on (S9).
 */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { typeOf } from '../../../schemas/events/envelope.ts';
import { correlationIdOfEvent, newCorrelationId } from '../../../schemas/events/ids.ts';
import { INGRESS_SUBJECT, inboxSubject, partitionOf } from '../../../schemas/events/subjects.ts';
import { useMesh } from '../../support/mesh.ts';
import { answerPrompt } from '../../support/prompts.ts';

const LIMIT_MS = 90_000;
const MIB = 1_048_576;
const id = newCorrelationId();
const prompt = 'hello';

function nested(depth: number): string {
  return `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
}

const cloudEvent = {
  specversion: '1.0',
  id: 'one',
  source: '/tests',
  type: typeOf('task.submitted'),
  data: { prompt },
};
const json = (value: unknown): string => JSON.stringify(value);
const bytes = randomBytes(4096).fill(0xff, 0, 16);

/** What is sent to `mesh.tasks`, the code it is refused with, and a word of the reason. */
const atTheDoor: readonly (readonly [string, string | Uint8Array, string, RegExp])[] = [
  ['broken JSON', '{"prompt": "hello"', 'not_json', /JSON/],
  ['an empty message', '', 'invalid_data', /empty/],
  ['only blanks', ' \n\t ', 'invalid_data', /empty/],
  ['a list', '["hello"]', 'invalid_data', /array/],
  ['bytes that are no text', bytes, 'not_json', /UTF-8/],
  ['control characters', Buffer.from('PK\u0003\u0004\u0000\u0000binary'), 'not_json', /binary/],
  ['no prompt', '{}', 'invalid_data', /prompt/],
  ['an empty prompt', json({ prompt: '' }), 'invalid_data', /prompt/],
  ['a prompt that is a number', json({ prompt: 7 }), 'invalid_data', /prompt.*string/],
  ['a prompt beyond its limit', json({ prompt: 'x'.repeat(262_145) }), 'invalid_data', /262144/],
  ['an unknown field', json({ prompt, urgency: 'high' }), 'invalid_data', /urgency/],
  ['a deadline that is a text', json({ prompt, deadlineMs: 'soon' }), 'invalid_data', /deadlineMs/],
  ['a deadline below its limit', json({ prompt, deadlineMs: 1 }), 'invalid_data', /deadlineMs/],
  ['an id that is no UUID', json({ prompt, id: 'task-1' }), 'invalid_envelope', /"task-1".*key/],
  ['an id of too few digits', json({ prompt, id: id.slice(1) }), 'invalid_envelope', /UUID/],
  ['an id that is a number', json({ prompt, id: 7 }), 'invalid_data', /UUID/],
  ['an id with a wildcard', json({ prompt, id: '>' }), 'invalid_envelope', /UUID/],
  ['two MiB', 'x'.repeat(2 * MIB), 'too_large', /1048576/],
  ['10,000 levels', nested(10_000), 'too_deep', /32/],
  ['__proto__', '{"prompt":"hello","__proto__":{"admin":true}}', 'forbidden_key', /__proto__/],
  ['constructor, escaped', '{"prompt":"hello","\\u0063onstructor":{}}', 'forbidden_key', /constructor/],
  ['another specversion', json({ ...cloudEvent, specversion: '0.3' }), 'invalid_envelope', /specversion/],
  ['an event without an id', json({ ...cloudEvent, id: undefined }), 'invalid_envelope', /id/],
  ['an event without a source', json({ ...cloudEvent, source: '' }), 'invalid_envelope', /source/],
  ['an unknown version', json({ ...cloudEvent, type: 'dev.agentmesh.task.submitted.v2' }), 'unknown_type', /v2/],
  ['a type of the inside', json({ ...cloudEvent, type: typeOf('hop.replied') }), 'unknown_type', /not accepted here/],
  ['data that is a number', json({ ...cloudEvent, data: 7 }), 'invalid_data', /object/],
  ['data that is a blank text', json({ ...cloudEvent, data: ' ' }), 'invalid_data', /prompt/],
  ['no data', json({ ...cloudEvent, data: undefined }), 'invalid_data', /has no data/],
  ['data of XML', json({ ...cloudEvent, datacontenttype: 'text/xml' }), 'invalid_envelope', /application\/json/],
  [
    'a cancel of nothing',
    json({ ...cloudEvent, type: typeOf('task.cancel.requested'), data: {} }),
    'invalid_envelope',
    /correlationid/,
  ],
];

function internal(over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    specversion: '1.0',
    id: newCorrelationId().replace(/^(.{14})4/, '$18'),
    source: '/mesh/tools',
    type: typeOf('hop.replied'),
    subject: id,
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    correlationid: id,
    causationid: 'test',
    hopindex: 1,
    remainingloops: 0,
    senderrole: 'tools',
    recipientrole: 'orchestrator',
    release: 1,
    traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
    data: { step: 'tools', attempt: 1, status: 'failed' },
    ...over,
  };
}

const door = inboxSubject('orchestrator', id);
const elsewhere = (partitionOf(id) + 1) % 8;
/** What is published past the door: subject, message, code and a word of the reason. */
const inside: readonly (readonly [string, string, string | Uint8Array, string, RegExp])[] = [
  ['no JSON', door, 'hello', 'not_json', /JSON/],
  ['bytes', door, bytes, 'not_json', /UTF-8/],
  ['two MiB', door, 'x'.repeat(2 * MIB), 'too_large', /1048576/],
  ['10,000 levels', door, nested(10_000), 'too_deep', /32/],
  ['prototype', door, '{"prototype":1}', 'forbidden_key', /prototype/],
  ['an empty object', door, '{}', 'invalid_envelope', /envelope/],
  ['null', door, 'null', 'invalid_envelope', /envelope/],
  ['a hop index that is a text', door, json(internal({ hopindex: '1' })), 'invalid_envelope', /hopindex/],
  ['a negative hop index', door, json(internal({ hopindex: -1 })), 'invalid_envelope', /hopindex/],
  ['an unknown attribute', door, json(internal({ priority: 'high' })), 'invalid_envelope', /priority/],
  ['a time that is none', door, json(internal({ time: 'yesterday' })), 'invalid_envelope', /time/],
  ['an unknown type', door, json(internal({ type: 'dev.agentmesh.hop.rewound.v1' })), 'unknown_type', /rewound/],
  ['an unknown version', door, json(internal({ type: 'dev.agentmesh.hop.replied.v9' })), 'unknown_type', /v9/],
  ['data of another type', door, json(internal({ data: { prompt } })), 'invalid_data', /data/],
  ['a subject of another task', door, json(internal({ subject: newCorrelationId() })), 'invalid_envelope', /subject/],
  ['another task', door, json(internal({ correlationid: newCorrelationId() })), 'invalid_envelope', /correlationid/],
  ['another role', door, json(internal({ recipientrole: 'coder' })), 'misaddressed', /coder/],
  ['a wrong partition', `mesh.in.orchestrator.${elsewhere}.${id}`, json(internal()), 'misaddressed', /orchestrator/],
  ['no partition', `mesh.in.orchestrator.x.${id}`, json(internal()), 'misaddressed', /orchestrator/],
  ['more tokens', `${door}.more`, json(internal()), 'misaddressed', /more/],
  ['a reply for an unknown task', door, json(internal()), 'unknown_task', /no task/],
  [
    'a settlement for an unknown task',
    door,
    json(internal({ type: typeOf('timer.fired'), senderrole: 'orchestrator', data: { timer: 't', armedVersion: 1 } })),
    'unknown_task',
    /no task/,
  ],
];

describe('bad input', () => {
  const mesh = useMesh('bad-input');

  const worksOn = async (): Promise<void> => {
    const ended = await mesh().watch.result(await mesh().submit(answerPrompt));
    expect(ended.result.outcome).toBe('answered');
  };

  test.each(atTheDoor)('S9: at the door, %s', async (_what, body, code, reason) => {
    const seq = await mesh().publish(INGRESS_SUBJECT, body);
    const entry = await mesh().watch.refusal(({ originSeq }) => originSeq === seq, LIMIT_MS, code);
    expect(entry).toMatchObject({ role: 'ingress', code, originSubject: INGRESS_SUBJECT });
    expect(entry.reason).toMatch(reason);
    const sent = Buffer.from(body);
    expect(entry.truncated).toBe(sent.length > 65_536);
    expect(sent.subarray(0, 65_536).equals(entry.data)).toBe(true);
  });

  test('S9: below the front door, where nothing is read', async () => {
    const subject = `${INGRESS_SUBJECT}.urgent`;
    const seq = await mesh().publish(subject, json({ prompt }));
    const entry = await mesh().watch.refusal(({ originSeq }) => originSeq === seq, LIMIT_MS, 'misaddressed');
    expect(entry).toMatchObject({ role: 'doors', code: 'misaddressed', originSubject: subject });
    expect(entry.reason).toContain(`nothing is read on ${subject}`);
  });

  test.each(inside)('S9: inside, %s', async (_what, subject, body, code, reason) => {
    const seq = await mesh().publish(subject, body);
    const entry = await mesh().watch.refusal(({ originSeq }) => originSeq === seq, LIMIT_MS, code);
    expect(entry).toMatchObject({ code, originSubject: subject });
    expect(entry.reason).toMatch(reason);
  });

  test('S9: nothing of it was taken for a task, and a later task runs', async () => {
    await worksOn();
    expect(mesh().watch.facts(id)).toEqual([]);
    expect(mesh().services.map(({ lives }) => lives.length)).toEqual([1, 1, 1]);
  });

  test('S9: what only looks odd is a task: ids of another version and in capitals, a text as data', async () => {
    const given = newCorrelationId();
    const other = `${given.slice(0, 14)}1${given.slice(15)}`;
    await mesh().publish(INGRESS_SUBJECT, json({ prompt: answerPrompt, id: other }));
    await mesh().publish(INGRESS_SUBJECT, json({ prompt: answerPrompt, id: given.toUpperCase() }));
    await mesh().publish(INGRESS_SUBJECT, json({ ...cloudEvent, data: answerPrompt }));
    for (const task of [other, given, correlationIdOfEvent('', cloudEvent.source, cloudEvent.id)]) {
      expect((await mesh().watch.result(task)).result.outcome).toBe('answered');
    }
  });

  test('S8 S9: a flood of 12,000 bad messages while the service is down is passed in one life', {
    timeout: 120_000,
  }, async () => {
    const agents = mesh().service('agents');
    const before = mesh().watch.quarantined().length;
    await agents.down('SIGTERM');
    const lives = agents.lives.length;
    for (let round = 0; round < 12; round += 1) {
      await Promise.all(Array.from({ length: 1000 }, () => mesh().publish(INGRESS_SUBJECT, '{"prompt"')));
    }
    await agents.start();
    await mesh().watch.refusals(before + 12_000, 60_000);
    await worksOn();
    expect(agents.lives).toHaveLength(lives + 1);
  });
});
