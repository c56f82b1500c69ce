/** Events that Dapr delivers, against the schema that the CloudEvents project publishes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { CloudEvent } from 'cloudevents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { parseDaprEvent, submissionOf } from '../../../gateway/dapr/event.ts';

const ajv = new Ajv({ allowUnionTypes: true });
addFormats.default(ajv);
const published = ajv.compile(
  JSON.parse(readFileSync(join(projectRoot, 'schemas', 'cloudevents', 'cloudevents.json'), 'utf8')),
);

const event = {
  ...{ specversion: '1.0', id: '1', source: 'shop', type: 'com.dapr.event.sent', time: '2026-01-31T12:00:00Z' },
  ...{ topic: 'mesh.tasks', pubsubname: 'orders', datacontenttype: 'application/json', data: { prompt: 'hello' } },
  ...{ traceid: '', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: '' },
};
const parse = (value: unknown) => parseDaprEvent(JSON.stringify(value));

describe('an event from Dapr', () => {
  test.each([
    ['as Dapr makes it', event],
    ['with attributes that say nothing', { ...event, datacontenttype: null, subject: null, data_base64: null }],
    [
      'as the cloudevents library makes it',
      new CloudEvent({ source: '/shop', type: 'order', data: { prompt: 'hello' } }),
    ],
  ])('%s is taken, and keeps to the schema', (_what, value) => {
    const parsed = parse(value);
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(published(JSON.parse(JSON.stringify(value)))).toBe(true);
    expect(submissionOf(parsed.value)).toEqual({ prompt: 'hello' });
  });

  test.each([
    ['no id', { id: undefined }, 'id'],
    ['an empty id', { id: '' }, 'id'],
    ['a source that is no URI reference', { source: 'my shop' }, 'source'],
    ['a time that is none', { time: 'yesterday' }, 'time'],
    ['a subject that is no text', { subject: 5 }, 'subject'],
    ['a schema that is no URI', { dataschema: 'here' }, 'dataschema'],
    ['another version', { specversion: '0.3' }, 'specversion'],
  ])('%s is refused, and the reason names it', (_what, change, attribute) => {
    const parsed = parse({ ...event, ...change });
    expect(parsed).toMatchObject({ ok: false, reason: expect.stringContaining(attribute) });
  });

  test('every wish of a task may stand in its data, and so may a key', () => {
    const data = { prompt: 'hello', workflow: 'direct', key: 'order 7', priority: 'high', waitForModel: true };
    const parsed = parse({ ...event, data: { ...data, deadlineMs: 90_000 } });
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(submissionOf(parsed.value)).toEqual({ ...data, timeLimitMs: 90_000 });
  });

  test.each(['task.cancel.requested', 'task.input.provided', 'task.completed', 'task.submitted.v2'])(
    'a text of the mesh’s type %s is no prompt',
    (name) => {
      const type = name.endsWith('v2') ? `dev.agentmesh.${name}` : `dev.agentmesh.${name}.v1`;
      const parsed = parse({ ...event, type, datacontenttype: 'text/plain', data: 'no longer wanted' });
      if (!parsed.ok) throw new Error(parsed.reason);
      expect(() => submissionOf(parsed.value)).toThrow(`${type} is not taken by Dapr`);
    },
  );

  test('nothing that the schema refuses is taken', () => {
    const attributes = [
      ...(['id', 'source', 'specversion', 'type', 'datacontenttype'] as const),
      ...(['dataschema', 'subject', 'time', 'data', 'data_base64'] as const),
    ];
    const odd = fc.oneof(fc.string(), fc.webUrl(), fc.constantFrom(null, '', 5, true, [], {}, '1.0', 'a b', '%'));
    const change = fc.dictionary(fc.constantFrom(...attributes), odd, { maxKeys: 3 });
    fc.assert(
      fc.property(change, (changed) => {
        const value: unknown = JSON.parse(JSON.stringify({ ...event, ...changed }));
        const isTaken = parse(value).ok;
        expect(isTaken && !published(value)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});
