/** Ids are derived, never drawn: the same again for the same, another for anything else (S2, S5, S6). */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, contentDigest, type MeshEvent, messageId } from '../../../schemas/events/envelope.ts';
import {
  correlationIdFromLog,
  effectKey,
  ingressEventId,
  newCorrelationId,
  outputEventId,
  settlementEventId,
} from '../../../schemas/events/ids.ts';
import { isCorrelationId } from '../../../schemas/events/subjects.ts';
import { traceparentFor } from '../../../schemas/events/trace-context.ts';
import { eventOf, TASK } from '../runtime/support/events.ts';

const UUID8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ids = fc.uuid({ version: 4 });
const roles = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const numbers = fc.nat(100_000);

describe('derived ids', () => {
  test('S2: stored ones never change', () => {
    expect(outputEventId(TASK, 'coder', 3, 1)).toMatchInlineSnapshot(`"99b35020-1210-8762-985e-1ab0f5599575"`);
    expect(settlementEventId(TASK, 'tools', 'finished/x')).toMatchInlineSnapshot(
      `"01bfc7ba-a212-8e97-90de-d4dcf87500f3"`,
    );
    expect(ingressEventId(TASK, 'task.submitted', '')).toMatchInlineSnapshot(`"5abde5a1-c307-8701-83f4-0ad80dc07d73"`);
    expect(correlationIdFromLog('2026-03-02T09:00:00Z', 17)).toMatchInlineSnapshot(
      `"269e2eee-2e14-4e0f-99ba-fd39947ab6c2"`,
    );
    expect(effectKey(TASK, 'tools', 'run', 4)).toMatchInlineSnapshot(
      `"7c9e6679-7425-40de-944b-e07fc1f90ae7/tools/run/4"`,
    );
  });

  test('S2: an output’s id depends on task, role, transition and place, and on nothing else', () => {
    const place = fc.tuple(ids, roles, numbers, numbers);
    fc.assert(
      fc.property(place, place, (one, other) => {
        expect(outputEventId(...one)).toMatch(UUID8);
        expect(outputEventId(...one)).toBe(outputEventId(...one));
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(outputEventId(...one) === outputEventId(...other)).toBe(same);
      }),
    );
  });

  test('S5: transition 1, output 23 is not transition 12, output 3', () => {
    expect(outputEventId(TASK, 'coder', 1, 23)).not.toBe(outputEventId(TASK, 'coder', 12, 3));
  });

  test('S5: what a host says never has the id of what a machine says', () => {
    fc.assert(
      fc.property(ids, roles, numbers, numbers, (task, role, transition, output) => {
        const said = outputEventId(task, role, transition, output);
        expect(settlementEventId(task, role, `${transition}/${output}`)).not.toBe(said);
        expect(ingressEventId(task, `${transition}`, `${output}`)).not.toBe(said);
      }),
    );
  });

  test('S5: the task of a nameless submission follows from its place in the log', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.nat(), (identity, seq, other) => {
        const id = correlationIdFromLog(identity, seq);
        expect(isCorrelationId(id)).toBe(true);
        expect(correlationIdFromLog(identity, seq)).toBe(id);
        expect(correlationIdFromLog(identity, other) === id).toBe(other === seq);
      }),
    );
    expect(correlationIdFromLog('log', 7)).not.toBe(correlationIdFromLog('log made anew', 7));
  });

  test('S6: an effect’s key is another for every start of it', () => {
    expect(effectKey(TASK, 'tools', 'run', 4)).not.toBe(effectKey(TASK, 'tools', 'run', 5));
    expect(effectKey(TASK, 'tools', 'run', 4)).not.toBe(effectKey(TASK, 'tools', 'choose', 4));
  });

  test('a new correlation id is a UUIDv4 and another each time', () => {
    const made = Array.from({ length: 50 }, newCorrelationId);
    expect(made.every(isCorrelationId)).toBe(true);
    expect(new Set(made).size).toBe(50);
  });

  test('a task without a trace is found by its correlation id', () => {
    const trace = traceparentFor(TASK, outputEventId(TASK, 'coder', 1, 0));
    expect(trace).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(trace.slice(3, 35)).toBe(TASK.replaceAll('-', ''));
  });
});

describe('content', () => {
  const event = eventOf('hop.cancelled', { step: 'code', attempt: 1, reason: 'enough' });

  test('S5: trace, time and cause do not count: sending again is the same event', () => {
    const resent = {
      ...event,
      time: '2027-01-01T00:00:00.000Z',
      causationid: 'another cause',
      traceparent: '00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-00',
    };
    expect(contentDigest(resent)).toBe(contentDigest(event));
    expect(messageId(resent)).toBe(messageId(event));
  });

  test('S5: nor do the door and the caller of a task: the same event told by two doors is one', () => {
    const byLog = eventOf('task.submitted', { prompt: 'hi', workflow: 'direct' });
    const byDapr = { ...byLog, data: { prompt: 'hi', caller: 'local', door: 'dapr', workflow: 'direct' } } as MeshEvent;
    expect(contentDigest(byDapr)).toBe(contentDigest(byLog));
    const other = { ...byDapr, data: { ...byDapr.data, prompt: 'ho' } } as MeshEvent;
    expect(contentDigest(other)).not.toBe(contentDigest(byLog));
  });

  test.each<[string, Partial<MeshEvent>]>([
    ['type', { type: 'dev.agentmesh.hop.requested.v1' }],
    ['task', { correlationid: '0c8e4a36-71d2-4f9b-a6c5-d3e2f1a0b9c8' }],
    ['sender', { senderrole: 'coder' }],
    ['recipient', { recipientrole: 'reviewer' }],
    ['hop', { hopindex: 9 }],
    ['loops', { remainingloops: 9 }],
    ['data', { data: { step: 'code', attempt: 1, reason: 'enough!' } }],
  ])('S5: another %s is another content', (_what, change) => {
    const forged = { ...event, ...change } as MeshEvent;
    expect(contentDigest(forged)).not.toBe(contentDigest(event));
    expect(messageId(forged)).not.toBe(messageId(event));
  });

  test('the message id is the id with some of the digest', () => {
    expect(messageId(event)).toBe(`${event.id}.${contentDigest(event).slice(0, 8)}`);
    expect(contentDigest(event)).toMatch(/^[0-9a-f]{32}$/);
  });

  test('canonical JSON does not see the order of keys, and loses nothing', () => {
    const shuffled = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffled);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, shuffled(inner)]),
      );
    };
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 30 },
    );
  });
});
