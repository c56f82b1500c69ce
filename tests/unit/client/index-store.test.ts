/** The index of tasks: the same line as the view of a task, pages of one moment, one file for several processes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import { factFrom } from '../../../schemas/events/fact.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { emptyView, foldTask } from '../../../schemas/events/task-view.ts';
import { openClient, type TaskClient } from '../../../task-client/client.ts';
import { IndexStore, type PageQuery } from '../../../task-client/index-store.ts';
import { emptySummary, foldSummary } from '../../../task-client/summary.ts';
import { openAtOnce } from '../../support/open-at-once.ts';
import { as, factEvent, local, type MemoryMesh, memoryMesh, resultOf } from './log.ts';

const folder = mkdtempSync(join(tmpdir(), 'task-index-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LOG = 'a log';
const all = { statuses: [], callers: [] } as const;
const pageOf = (more: Partial<PageQuery> = {}): PageQuery => ({
  ...{ order: 'changed', before: Number.MAX_SAFE_INTEGER, snapshot: Number.MAX_SAFE_INTEGER, limit: 50, filter: all },
  ...more,
});

function accepted(id: string, seq: number, prompt = 'hello') {
  const event = factEvent(id, 1, 'task.accepted', { prompt, caller: 'local' });
  return { correlationId: id, seq, facts: [factFrom(event, { seq, index: 0, storedAtMs: seq })] };
}

test('S5: a line says what the view says, after every fact, also when each comes twice and some come late', () => {
  const id = newCorrelationId();
  const events: MeshEvent[] = [
    factEvent(id, 1, 'task.accepted', { prompt: 'p'.repeat(500), caller: 'ada', workflow: 'build' }),
    factEvent(id, 2, 'hop.started', { index: 1, role: 'tools', step: 'pay', attempt: 1 }),
    factEvent(id, 3, 'task.input.required', { question: 'May it?', reason: 'approval', choices: [], questionId: 'q1' }),
    factEvent(id, 4, 'task.input.accepted', { text: 'yes', questionId: 'q1' }),
    factEvent(id, 5, 'task.input.required', { question: 'Again?', reason: 'approval', choices: [] }),
    factEvent(id, 6, 'task.completed', { result: resultOf('there') }),
  ];
  let summary = emptySummary(id);
  let view = emptyView(id);
  for (const [at, event] of events.entries()) {
    for (const [seq, one] of [event, event, events[Math.max(0, at - 2)] ?? event].entries()) {
      const fact = factFrom(one, { seq: 10 * at + seq, index: 0, storedAtMs: 10 * at });
      summary = foldSummary(summary, fact);
      view = foldTask(view, fact);
    }
    expect(summary).toMatchObject({
      ...{ status: view.status, prompt: view.prompt.slice(0, 200), caller: view.caller, workflow: view.workflow },
      ...{ hops: view.hops.length, questionId: view.question?.questionId ?? null, loops: view.loops },
    });
  }
  expect(summary).toMatchObject({ status: 'completed', seen: '' });
});

describe('what a caller has written', () => {
  test('S5: is what each fact says that somebody wrote, of whoever wrote it, once', () => {
    const id = newCorrelationId();
    const text = 'x'.repeat(1000);
    const refused = { text, code: 'not_a_choice', reason: 'y'.repeat(5000), messageId: 'a1' } as const;
    const origin = { correlationId: newCorrelationId(), hop: 1, bytes: 40_000 };
    const events = [
      factEvent(id, 1, 'task.accepted', { prompt: text, caller: 'ada', fork: origin }),
      factEvent(id, 2, 'task.input.refused', { ...refused, caller: 'bob' }),
      factEvent(id, 3, 'task.input.refused', refused),
      factEvent(id, 4, 'task.input.accepted', { text, byDefault: true }),
      factEvent(id, 5, 'task.input.accepted', { text, caller: 'bob' }),
      factEvent(id, 6, 'agent.message', { messageId: 'm1', taskId: id, role: 'ROLE_USER', parts: [{ text }] }),
      factEvent(id, 7, 'agent.message', { messageId: 'm2', taskId: id, role: 'ROLE_AGENT', parts: [{ text }] }),
      factEvent(id, 8, 'task.completed', { result: resultOf('there') }),
    ];
    const store = new IndexStore(null);
    store.begin(LOG, 0);
    const twice = events.flatMap((event) => [event, event]);
    const messages = twice.map((event, at) => ({
      ...{ correlationId: id, seq: at + 1 },
      facts: [factFrom(event, { seq: at + 1, index: 0, storedAtMs: at })],
    }));
    store.apply(LOG, messages, messages.length);
    const thousands = (caller: string): number[] =>
      store.writtenBy(caller, 0).flatMap(({ tasks, bytes }) => [tasks, Math.floor(bytes / 1000)]);
    // The submission with what it carried, an answer that nobody's name stands on, and a message.
    expect(thousands('ada')).toEqual([1, 43]);
    expect(thousands('bob')).toEqual([0, 2]);
    store.close();
  });
});

describe('pages', () => {
  test('are of the moment of the first one: what changes meanwhile is on one page, once', () => {
    const store = new IndexStore(null);
    store.begin(LOG, 0);
    const ids = Array.from({ length: 9 }, newCorrelationId);
    store.apply(
      LOG,
      ids.map((id, at) => accepted(id, at + 1)),
      9,
    );
    const first = store.page(pageOf({ snapshot: 9, limit: 3 }));
    // The oldest, one on the first page and a new one change or come.
    const moved = [ids[0], ids[8], newCorrelationId()].map((id, at) => accepted(id ?? '', 10 + at));
    store.apply(LOG, moved, 12);
    const second = store.page(pageOf({ snapshot: 9, before: first.at(-1)?.place ?? 0, limit: 3 }));
    const third = store.page(pageOf({ snapshot: 9, before: second.at(-1)?.place ?? 0, limit: 4 }));
    const seen = [...first, ...second, ...third].map(({ summary }) => summary.correlationId);
    expect(seen).toEqual(ids.toReversed());
    const created = store.page(pageOf({ order: 'created' })).map(({ summary }) => summary.correlationId);
    expect(created.slice(1)).toEqual(ids.toReversed());
    store.close();
  });

  test('of twenty thousand tasks cost milliseconds', () => {
    const store = new IndexStore(join(folder, 'many.db'));
    store.begin(LOG, 0);
    const count = 20_000;
    for (let at = 0; at < count; at += 1000) {
      const some = Array.from({ length: 1000 }, (_, nth) => accepted(newCorrelationId(), at + nth + 1));
      store.apply(LOG, some, at + 1000);
    }
    const pages = 20;
    const tookMs: number[] = [];
    let before = Number.MAX_SAFE_INTEGER;
    for (let nth = 0; nth < pages; nth += 1) {
      const began = performance.now();
      const page = store.page(pageOf({ snapshot: count, before, limit: 200 }));
      tookMs.push(performance.now() - began);
      before = page.at(-1)?.place ?? 0;
      expect(page).toHaveLength(200);
    }
    expect(store.count(all)).toBe(count);
    // A page was a second where each task was read from the log; whatever stood still did so in a few of them.
    expect(tookMs.sort((a, b) => a - b)[pages / 2]).toBeLessThan(200);
    store.close();
  });
});

describe('one file', () => {
  test('S5: for two processes that apply the same messages holds each once', () => {
    const path = join(folder, 'shared.db');
    const [one, two] = [new IndexStore(path), new IndexStore(path)];
    const ids = [newCorrelationId(), newCorrelationId()];
    const messages = ids.map((id, at) => accepted(id, at + 1));
    expect([one.begin(LOG, 2), two.begin(LOG, 2)]).toEqual([0, 0]);
    one.apply(LOG, messages, 2);
    two.apply(LOG, messages.slice(0, 1), 1);
    two.apply(LOG, messages, 2);
    expect(two.begin(LOG, 2)).toBe(2);
    expect(one.page(pageOf())).toHaveLength(2);
    expect(two.beginningWith((ids[0] ?? '').slice(0, 8), 10)).toEqual([ids[0]]);
    one.close();
    two.close();
  });

  test('opens for all who come to a new one at the same moment', async () => {
    const module = new URL('../../../task-client/index-store.ts', import.meta.url).href;
    expect(await openAtOnce(module, 'new opener.IndexStore(path)', folder, 100)).toEqual([]);
  });

  test('S10: of another log, or of one that was cut, begins anew', () => {
    const store = new IndexStore(null);
    store.begin(LOG, 5);
    store.apply(LOG, [accepted(newCorrelationId(), 5)], 5);
    expect(store.begin(LOG, 4)).toBe(0);
    expect(store.page(pageOf())).toEqual([]);
    expect(store.begin('another', 0)).toBe(0);
    store.close();
  });
});

describe('the index of a client', () => {
  const silent = (): void => undefined;
  const open = ({ bus }: MemoryMesh, indexFolder: string): Promise<TaskClient> =>
    openClient({ bus, log: { debug: silent, info: silent, warn: silent, error: silent }, indexFolder });

  test('is read on from where it was, by the next process', async () => {
    const memory = await memoryMesh();
    const home = join(folder, 'home');
    const first = await open(memory, home);
    await memory.accept(newCorrelationId(), 'before');
    expect((await first.list({}, as(local))).total).toBe(1);
    await first.stop();
    const id = newCorrelationId();
    await memory.accept(id, 'after');
    const second = await open(memory, home);
    const { tasks, total } = await second.list({ pageSize: 1 }, as(local));
    expect([total, tasks[0]?.correlationId]).toEqual([2, id]);
    expect(await second.idsBeginningWith(id.slice(0, 8), 5)).toEqual([id]);
    await second.forget(id);
    expect((await second.list({}, as(local))).total).toBe(1);
    await second.stop();
  });

  test('that cannot be kept in a file is kept in memory', async () => {
    const memory = await memoryMesh();
    await memory.accept(newCorrelationId(), 'hello');
    const file = join(folder, 'no-folder');
    writeFileSync(file, '');
    const client = await open(memory, file);
    expect((await client.list({}, as(local))).total).toBe(1);
    await client.stop();
  });
});
