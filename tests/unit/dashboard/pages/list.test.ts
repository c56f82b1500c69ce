import { describe, expect, it } from 'vitest';
import { countGroups, noFilter, parseFilter, passes, writeFilter } from '../../../../dashboard/src/lib/model/filter.ts';
import { TaskRows } from '../../../../dashboard/src/lib/model/task-rows.ts';
import type { TaskRow } from '../../../../dashboard/wire.ts';

const row = (id: string, more: Partial<TaskRow> = {}): TaskRow => ({
  ...{ id, seq: 1, status: 'running', prompt: `prompt of ${id}`, caller: null, forkOf: null, route: null, hops: 0 },
  ...{ retries: 0, loops: null, outcome: null, engine: null, degraded: null, error: null, question: null },
  ...{ usage: null, startedAtMs: 1, updatedAtMs: 1 },
  ...more,
});

describe('rows', () => {
  it('are shown the newest first, and do not move while a task goes on', () => {
    const rows = new TaskRows();
    rows.reset([row('a', { startedAtMs: 1 }), row('b', { startedAtMs: 2 })]);
    rows.apply([row('a', { seq: 9, startedAtMs: 1, updatedAtMs: 99 })]);
    expect(rows.sorted().map(({ id }) => id)).toEqual(['b', 'a']);
  });

  it('stand still while paused, count what waits once a task, and catch up', () => {
    const rows = new TaskRows();
    rows.reset([row('a')]);
    rows.pause();
    rows.apply([row('a', { seq: 2, status: 'completed' }), row('b', { seq: 3 })]);
    rows.apply([row('b', { seq: 4, status: 'failed' })]);
    expect(rows.get('a')?.status).toBe('running');
    expect(rows.sorted()).toHaveLength(1);
    expect(rows.waiting).toBe(2);
    rows.resume();
    expect(rows.waiting).toBe(0);
    expect([rows.get('a')?.status, rows.get('b')?.status]).toEqual(['completed', 'failed']);
  });

  it('never go back to an older state', () => {
    const rows = new TaskRows();
    rows.apply([row('a', { seq: 5, status: 'completed' })]);
    rows.apply([row('a', { seq: 4, status: 'running' })]);
    expect(rows.get('a')?.status).toBe('completed');
  });

  it('tell what waits for a person also while paused, the oldest question first', () => {
    const question = (askedAtMs: number) => ({
      ...{ id: `q${askedAtMs}`, text: '?', reason: 'approval' as const, choices: [], askedAtMs },
    });
    const rows = new TaskRows();
    rows.reset([row('a', { question: question(20) })]);
    rows.pause();
    rows.apply([row('b', { seq: 2, question: question(10) }), row('a', { seq: 3, question: null })]);
    expect(rows.asking().map(({ id }) => id)).toEqual(['b']);
  });
});

describe('filters', () => {
  it('are in the address and come back from it; other parameters stay', () => {
    const filter = { text: 'a b', groups: ['failed', 'waiting'] as const, route: 'build', degraded: true };
    const params = writeFilter(new URLSearchParams('at=3'), filter);
    expect(params.get('at')).toBe('3');
    expect(parseFilter(params)).toEqual({ ...filter, groups: ['waiting', 'failed'] });
    expect(writeFilter(params, noFilter).toString()).toBe('at=3');
  });

  it('pass over what they do not know', () => {
    expect(parseFilter(new URLSearchParams('state=odd,done'))).toEqual({ ...noFilter, groups: ['done'] });
  });

  it('find every word anywhere, whatever its case', () => {
    const one = row('abc', { prompt: 'Write a Debounce', error: { code: 'x', message: 'no disk', retryable: false } });
    const find = (text: string) => passes(one, { ...noFilter, text });
    expect([find('debounce abc'), find('disk WRITE'), find('debounce nowhere')]).toEqual([true, true, false]);
  });

  it('hold for states, workflows and lesser answers', () => {
    const route = {
      decision: 'tool',
      confidence: 1,
      fallback: false,
      reason: '',
      probabilities: {},
      engine: '',
      ms: 0,
    };
    const one = row('a', { status: 'completed', route, degraded: 'no_model' });
    expect(passes(one, { ...noFilter, groups: ['done'], route: 'tool', degraded: true })).toBe(true);
    expect(passes(one, { ...noFilter, groups: ['failed'] })).toBe(false);
    expect(passes(one, { ...noFilter, route: 'build' })).toBe(false);
    expect(passes(row('b'), { ...noFilter, degraded: true })).toBe(false);
  });

  it('count each state', () => {
    const rows = [row('a'), row('b', { status: 'accepted' }), row('c', { status: 'input_required' })];
    expect(countGroups(rows)).toEqual({ running: 2, waiting: 1, done: 0, failed: 0, cancelled: 0 });
  });
});
