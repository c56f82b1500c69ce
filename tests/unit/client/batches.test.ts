/**
 * How facts are divided into messages is the writer's business: whoever reads them hears the same, in the same order, and
 * goes on from the same place.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Mesh, openMesh } from '../../../gateway/core/mesh.ts';
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import type { Message } from '../../../schemas/events/generated.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { factSubject } from '../../../schemas/events/subjects.ts';
import { isEnded } from '../../../schemas/events/task-view.ts';
import { FactTail } from '../../../task-client/fact-tail.ts';
import { TaskFeeds } from '../../../task-client/task-feed.ts';
import { TaskIndex } from '../../../task-client/task-index.ts';
import type { WatchItem } from '../../../task-client/watch.ts';
import { as, factEvent, local, type MemoryMesh, memoryMesh, resultOf } from './log.ts';

const task = newCorrelationId();
const said = (text: string): Message => ({ messageId: text, taskId: task, role: 'ROLE_AGENT', parts: [{ text }] });
type FactItem = Extract<WatchItem, { kind: 'fact' }>;
const MESSAGE = 'dev.agentmesh.agent.message.v1';
const started = factEvent(task, 1, 'task.accepted', { prompt: 'hello', caller: 'local' });
const ended = factEvent(task, 99, 'task.completed', { result: resultOf('there') });

/** One fact on the way of a task, the n-th. */
const onTheWay = [
  (n: number) => factEvent(task, n, 'hop.progress', { role: 'coder', effect: 'write', note: `note ${n}` }),
  (n: number) => factEvent(task, n, 'agent.message', said(`message ${n}`)),
  (n: number) => factEvent(task, n, 'hop.started', { index: n, role: 'coder', step: 'code', attempt: 1 }),
  (n: number) =>
    factEvent(task, n, 'task.input.required', { question: `${n}?`, reason: 'outcome_unknown', choices: [] }),
  (n: number) => factEvent(task, n, 'task.input.accepted', { text: `answer ${n}` }),
] as const;

/** Facts of a task, some of them twice, also after its end, and where the messages end. */
const story = fc
  .record({
    kinds: fc.array(fc.nat(onTheWay.length - 1), { maxLength: 14 }),
    doubles: fc.array(fc.nat(14), { maxLength: 3 }),
    late: fc.array(fc.nat(14), { maxLength: 2 }),
    cuts: fc.array(fc.integer({ min: 1, max: 18 }), { maxLength: 8 }),
    stored: fc.nat(8),
  })
  .map(({ kinds, doubles, late, cuts, stored }) => {
    const once = [started, ...kinds.map((kind, at) => (onTheWay[kind] ?? onTheWay[0])(10 + at))];
    const again = (places: number[]): MeshEvent[] => places.flatMap((at) => once[at] ?? []);
    const facts = [...once, ...again(doubles), ended, ...again(late)];
    const inside = new Set(cuts.filter((cut) => cut < facts.length).sort((a, b) => a - b));
    const bounds = [0, ...inside, facts.length];
    const messages = bounds.slice(1).map((end, at) => facts.slice(bounds[at], end));
    return { facts, told: [...once, ended], messages, stored };
  });

const now = (): number => 1_700_000_000_000;

async function written(messages: readonly (readonly MeshEvent[])[]): Promise<MemoryMesh> {
  const memory = await memoryMesh({ now });
  for (const facts of messages) await memory.tellAll(task, facts);
  return memory;
}

async function heard(mesh: Mesh, cursor = ''): Promise<FactItem[]> {
  const items: FactItem[] = [];
  for await (const item of mesh.watches.watch({ correlationId: task, cursor }, as(local))) {
    if (item.kind === 'fact') items.push(item);
  }
  return items;
}

function idsOf(items: readonly FactItem[]): string[] {
  return items.map(({ fact }) => fact.event.id);
}

async function messagesBy(mesh: Mesh, pageSize: number): Promise<string[]> {
  const texts: string[] = [];
  let pageToken: string | null = '';
  while (pageToken !== null) {
    const order = { correlationId: task, pageSize, pageToken };
    const page: Awaited<ReturnType<Mesh['messages']['list']>> = await mesh.messages.list(order, as(local));
    texts.push(...page.messages.map(({ event }) => event.data.messageId));
    pageToken = page.nextPageToken;
  }
  return texts;
}

describe('facts divided into messages in any way', () => {
  test('S5: are told once each, in order, and a watch goes on after any of them', async () => {
    await fc.assert(
      fc.asyncProperty(story, async ({ told, messages, stored }) => {
        const memory = await written(messages.slice(0, stored));
        const mesh = await openMesh(memory.ports);
        const watching = stored === 0 ? null : heard(mesh);
        for (const facts of messages.slice(stored)) await memory.tellAll(task, facts);
        const whole = (await watching) ?? (await heard(mesh));
        expect(idsOf(whole)).toEqual(told.map(({ id }) => id));
        for (const [at, { cursor }] of whole.entries()) {
          const rest = await heard(mesh, cursor);
          expect(rest).toEqual(whole.slice(at + 1));
        }
        await mesh.stop();
      }),
      { numRuns: 60 },
    );
  });

  test('give the same task and the same views on the way as one in each message', async () => {
    await fc.assert(
      fc.asyncProperty(story, async ({ facts, messages }) => {
        const [one, many] = [await written(facts.map((fact) => [fact])), await written(messages)];
        const [single, batched] = [await openMesh(one.ports), await openMesh(many.ports)];
        const views = async (mesh: Mesh) => (await heard(mesh)).map(({ view }) => view);
        expect(await views(batched)).toEqual(await views(single));
        const [left, right] = [await single.tasks.get(task, as(local)), await batched.tasks.get(task, as(local))];
        expect(right.view).toEqual(left.view);
        expect(await heard(batched, right.cursor)).toEqual([]);
        expect((await batched.list({}, as(local))).tasks).toEqual((await single.list({}, as(local))).tasks);
        await Promise.all([single.stop(), batched.stop()]);
      }),
      { numRuns: 40 },
    );
  });

  test('messages of a task are listed page by page, each once, also where a page ends inside', async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.integer({ min: 1, max: 4 }), async ({ told, messages }, pageSize) => {
        const mesh = await openMesh((await written(messages)).ports);
        const expected = told.flatMap(({ type, data }) => (type === MESSAGE ? [data.messageId] : []));
        expect(await messagesBy(mesh, pageSize)).toEqual(expected);
        await mesh.stop();
      }),
      { numRuns: 40 },
    );
  });
});

describe('a cursor', () => {
  test('has an index only behind the first fact of a message', async () => {
    const notes = [1, 2, 3].map((n) => onTheWay[0](10 + n));
    const mesh = await openMesh((await written([[started], notes, [ended]])).ports);
    const cursors = (await heard(mesh)).map(({ cursor }) => cursor.slice('00000000'.length));
    expect(cursors).toEqual(['-1', '-2', '-2-1', '-2-2', '-3']);
  });

  test('of a message whose facts are not all known goes on after the known one before it', async () => {
    const memory = await written([[started]]);
    const mesh = await openMesh(memory.ports);
    const [before, after] = [onTheWay[0](11), onTheWay[0](12)];
    const foreign = { ...before, id: ended.id, type: 'dev.agentmesh.task.dreamt.v1' };
    const body = JSON.stringify([before, foreign, after, ended]);
    await memory.bus.publish({ subject: factSubject(task), body });
    const whole = await heard(mesh);
    expect(idsOf(whole)).toEqual([started, before, after, ended].map(({ id }) => id));
    expect(whole[2]?.cursor).toMatch(/-2-2$/);
    expect(await heard(mesh, whole[1]?.cursor)).toEqual(whole.slice(2));
  });
});

describe('what one commit told', () => {
  test('is not taken apart for who waits: a question that was answered in it is no question', async () => {
    const memory = await written([[started]]);
    const tail = await FactTail.open(memory.bus, memory.ports.log);
    const feed = await new TaskFeeds(
      memory.bus,
      tail,
      new TaskIndex({ bus: memory.bus, tail, log: memory.ports.log, folder: null }),
    ).open(task);
    const seen: string[] = [];
    const end = feed.until(({ status }) => {
      seen.push(status);
      return isEnded(status);
    }, as(local));
    await memory.tellAll(task, [onTheWay[3](20), onTheWay[4](21)]);
    await memory.tellAll(task, [ended]);
    await end;
    expect(seen).toEqual(['accepted', 'running', 'completed']);
    await tail.stop();
  });

  test('S5: an answer that was taken in the message of its question is not given twice', async () => {
    const memory = await written([[started, onTheWay[3](20), onTheWay[4](21)]]);
    const mesh = await openMesh(memory.ports);
    const { view } = await mesh.tasks.respond({ correlationId: task, text: 'answer 21' }, as(local));
    expect(view.question).toBeNull();
    const another = mesh.tasks.respond({ correlationId: task, text: 'another' }, as(local));
    await expect(another).rejects.toMatchObject({ reason: 'ANSWERED_ALREADY', metadata: { answer: 'answer 21' } });
  });

  test('moves its task to the front of the list once, and the page after it begins with the next task', async () => {
    const memory = await memoryMesh();
    const ids = Array.from({ length: 5 }, newCorrelationId);
    for (const id of ids) {
      const note = factEvent(id, 2, 'hop.progress', { role: 'coder', effect: 'write', note: 'at work' });
      await memory.tellAll(id, [factEvent(id, 1, 'task.accepted', { prompt: id, caller: 'local' }), note]);
    }
    const mesh = await openMesh(memory.ports);
    await mesh.list({}, as(local));
    const [first = ''] = ids;
    await memory.tellAll(first, [factEvent(first, 3, 'task.completed', { result: resultOf('there') })]);
    const page = await mesh.list({ pageSize: 2 }, as(local));
    expect(page.tasks.map(({ correlationId, status }) => [correlationId, status])).toEqual([
      [first, 'completed'],
      [ids[4], 'accepted'],
    ]);
    const rest = await mesh.list({ pageSize: 5, pageToken: page.nextPageToken ?? '' }, as(local));
    expect(rest.tasks.map(({ correlationId }) => correlationId)).toEqual([ids[3], ids[2], ids[1]]);
  });
});
