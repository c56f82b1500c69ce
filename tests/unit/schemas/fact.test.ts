/** Facts wait for their commit: the trail goes by when things happened, not by when the log heard of them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BEGINNING, factFrom, factsIn, isAfter } from '../../../schemas/events/fact.ts';
import { emptyView, nextView } from '../../../schemas/events/task-view.ts';
import { eventOf, START_MS, TASK } from '../runtime/support/events.ts';

test('a fact happened when its event says, however late the log got it', () => {
  const event = eventOf('task.accepted', { prompt: 'hello' });
  const fact = factFrom(event, { seq: 7, index: 2, storedAtMs: START_MS + 60_000 });
  expect(fact).toMatchObject({ seq: 7, index: 2, atMs: Date.parse(event.time), storedAtMs: START_MS + 60_000 });
  const view = nextView(emptyView(TASK), fact);
  expect(view.startedAtMs).toBe(Date.parse(event.time));
  expect(view.updatedAtMs).toBe(START_MS + 60_000);
});

describe('the facts of a message', () => {
  const stored = (body: unknown) => ({ seq: 7, atMs: START_MS, data: Buffer.from(JSON.stringify(body)) });
  const event = eventOf('task.accepted', { prompt: 'hello' });
  const other = eventOf('hop.progress', { role: 'coder', effect: 'write', note: 'half' });

  test('have its sequence, and a place of their own in it', () => {
    expect(factsIn(stored(event))).toMatchObject([{ event, seq: 7, index: 0 }]);
    const facts = factsIn(stored([event, other, event]));
    expect(facts.map(({ event: { id }, seq, index }) => [id, seq, index])).toEqual([
      [event.id, 7, 0],
      [other.id, 7, 1],
      [event.id, 7, 2],
    ]);
  });

  test('S9: what this release does not understand is left out, and moves no other', () => {
    const foreign = [7, null, { ...event, type: 'dev.agentmesh.task.dreamt.v1' }, { ...event, data: { prompt: 3 } }];
    const facts = factsIn(stored([event, ...foreign, other]));
    expect(facts.map(({ event: { id }, index }) => [id, index])).toEqual([
      [event.id, 0],
      [other.id, 5],
    ]);
  });

  test.each([[[]], ['text'], [null], [7], [{}]])('S9: %j holds none', (body) => {
    expect(factsIn(stored(body))).toEqual([]);
  });

  test('places are in the order of the log', () => {
    const place = fc.record({ seq: fc.integer({ min: 1, max: 3 }), index: fc.nat(2) });
    fc.assert(
      fc.property(place, place, (one, two) => {
        expect(isAfter(one, two)).toBe(one.seq * 10 + one.index > two.seq * 10 + two.index);
        expect(isAfter(one, BEGINNING)).toBe(true);
      }),
    );
  });
});
