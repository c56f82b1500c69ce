/** What a keeper says of a task: it comes over core NATS, where anybody may speak. */
import { describe, expect, test } from 'vitest';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { parseRecalled, type RecalledTask, recalledText, recalledView } from '../../../schemas/events/recalled-task.ts';
import { recalledId, recallSubject } from '../../../schemas/events/subjects.ts';

const task: RecalledTask = {
  status: 'completed',
  accepted: { prompt: 'hello', caller: 'alice' },
  question: null,
  result: {
    ...{ outcome: 'answered', answer: 'there', engine: 'test', citations: [], hops: [], messages: [] },
    loops: { used: 0, max: 0 },
  },
  updatedAtMs: 1_700_000_000_000,
};

const said = (value: unknown): RecalledTask | null => parseRecalled(Buffer.from(JSON.stringify(value)));

describe('a recalled task', () => {
  test('is read as it was said, and gives the view that its facts gave', () => {
    const read = parseRecalled(Buffer.from(recalledText(task)));
    expect(read).toEqual(task);
    const view = recalledView('id', task);
    expect(view).toMatchObject({ taskId: 'id', status: 'completed', prompt: 'hello', caller: 'alice', workflow: null });
    expect(view.result?.answer).toBe('there');
  });

  test.each([
    ['nobody knows it', null],
    ['another status', { ...task, status: 'lost' }],
    ['no beginning', { ...task, accepted: {} }],
    ['no result', { ...task, result: { answer: 'x' } }],
    ['no time', { ...task, updatedAtMs: 'now' }],
    ['a text', 'hello'],
  ])('%s: none', (_what, value) => {
    expect(said(value)).toBeNull();
  });

  test('bytes that are no JSON: none', () => {
    expect(parseRecalled(Buffer.from([0xff, 0x00]))).toBeNull();
  });

  test('its subject names it, and no other subject does', () => {
    const id = newCorrelationId();
    expect(recalledId(recallSubject(id))).toBe(id);
    for (const other of [`mesh.events.${id}`, 'mesh.recall.x', `mesh.recall.${id}.more`])
      expect(recalledId(other)).toBeNull();
  });
});
