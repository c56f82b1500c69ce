/** Events as they are stored, one of each type: what a release wrote, every later one must read. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudEvent, HTTP } from 'cloudevents';
import { describe, expect, test } from 'vitest';
import { type EventName, type MeshEvent, nameOf, parseEvent, validateEvent } from '../../../schemas/events/envelope.ts';
import { eventNames } from '../../../schemas/events/generated.ts';
import { isCorrelationId } from '../../../schemas/events/subjects.ts';

const folder = join(import.meta.dirname, '../../../schemas/events/golden');
const BUILD = '6f1d2c84-5b7a-4c39-9e0d-2a1b3c4d5e6f';

function golden(name: EventName): { text: string; event: MeshEvent } {
  const text = readFileSync(join(folder, `${name}.json`), 'utf8');
  const parsed = parseEvent(Buffer.from(text));
  if (!parsed.ok) throw new Error(`${name}: ${parsed.rejection.reason}`);
  return { text, event: parsed.value };
}

test('there is a golden event of every type, and of no other', () => {
  expect(readdirSync(folder).sort()).toEqual(eventNames.map((name) => `${name}.json`).sort());
});

describe.each(eventNames)('%s', (name) => {
  test('S1: is accepted, under its own name', () => {
    expect(nameOf(golden(name).event.type)).toBe(name);
  });

  test('S5: parsing and writing it again changes nothing', () => {
    const { text, event } = golden(name);
    expect(event).toEqual(JSON.parse(text));
    expect(parseEvent(Buffer.from(JSON.stringify(event)))).toEqual({ ok: true, value: event });
    expect(JSON.stringify(event)).toBe(JSON.stringify(JSON.parse(text)));
  });

  test('is a strict CloudEvent', () => {
    const { event } = golden(name);
    const cloudEvent = new CloudEvent<unknown>({ ...event }, true);
    expect(cloudEvent.validate()).toBe(true);
    expect(cloudEvent.type).toBe(event.type);
  });

  test('comes back from the structured and the binary HTTP form', () => {
    const { event } = golden(name);
    const cloudEvent = new CloudEvent<unknown>({ ...event }, true);
    const structured = HTTP.toEvent(HTTP.structured(cloudEvent));
    expect(JSON.parse(JSON.stringify(structured))).toEqual(event);
    const binary = HTTP.binary(cloudEvent);
    expect(binary.headers['ce-correlationid']).toBe(event.correlationid);
    expect(JSON.parse(String(binary.body))).toEqual(event.data);
  });

  test('the time is RFC 3339 in UTC with milliseconds, as every host writes it', () => {
    const { event } = golden(name);
    expect(new Date(event.time).toISOString()).toBe(event.time);
  });
});

describe('together they tell of tasks', () => {
  const events = eventNames.map((name) => golden(name).event);

  test('the build task has its story under one correlation id', () => {
    const story = events.filter(({ correlationid }) => correlationid === BUILD).map(({ type }) => nameOf(type));
    expect(story).toEqual(
      expect.arrayContaining(['task.submitted', 'task.routed', 'loop.advanced', 'agent.message', 'task.completed']),
    );
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect(events.every(({ correlationid }) => isCorrelationId(correlationid))).toBe(true);
  });

  test('what the result says is what the other events said', () => {
    const { event } = golden('task.completed');
    if (event.type !== 'dev.agentmesh.task.completed.v1') throw new Error('not a result');
    const { result } = event.data;
    expect(result.outcome).toBe('accepted');
    expect(result.loops).toEqual({ used: 1, max: 2 });
    expect(result.hops.map(({ index, step }) => `${index} ${step}`)).toEqual([
      '1 retrieve',
      '2 code',
      '3 review',
      '4 code',
      '5 review',
    ]);
    expect(result.hops).toContainEqual((golden('hop.finished').event.data as { hop: unknown }).hop);
    expect(result.messages).toContainEqual(golden('agent.message').event.data);
    expect(result.route).toEqual((golden('task.routed').event.data as { route: unknown }).route);
  });

  test('the trace of the caller goes through all of it', () => {
    const traces = events.filter(({ correlationid }) => correlationid === BUILD).map((one) => one.traceparent);
    expect(new Set(traces.map((trace) => trace.split('-')[1]))).toEqual(new Set(['4bf92f3577b34da6a3ce929d0e0e4736']));
  });
});

test('an A2A message of the specification passes unmodified as data', () => {
  const { event } = golden('agent.message');
  const message = {
    messageId: '6dbc13b5-bd57-4c2b-b503-24e381b6c8d6',
    contextId: 'ctx-conversation-abc',
    taskId: '363422be-b0f9-4692-a24d-278670e7c7f1',
    role: 'ROLE_AGENT',
    parts: [
      { text: 'Here is the sales report.', metadata: { lang: 'en' } },
      { data: { series: [1, 2.5, null, true, { deep: [] }] }, mediaType: 'application/json' },
      { url: 'https://storage.example.com/report.pdf', filename: 'report.pdf', mediaType: 'application/pdf' },
      { raw: 'iVBORw0KGgo=', mediaType: 'image/png' },
    ],
    metadata: { 'example.com/priority': 'high' },
    extensions: ['https://example.com/extensions/citations/v1'],
    referenceTaskIds: ['0f4d2b1c'],
  };
  const carrier = { ...event, data: message };
  const parsed = validateEvent(JSON.parse(JSON.stringify(carrier)));
  expect(parsed).toEqual({ ok: true, value: carrier });
});
