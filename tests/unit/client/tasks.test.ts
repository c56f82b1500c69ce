/** The calls about one task, on a log in memory: attaching, submitting once, waiting, and what a caller may see. */
import { describe, expect, test } from 'vitest';
import { type Mesh, openMesh } from '../../../gateway/core/mesh.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { recalledText } from '../../../schemas/events/recalled-task.ts';
import { DOORS_SUBJECT, RECALL_FILTER } from '../../../schemas/events/subjects.ts';
import { type MeshError, toMeshError } from '../../../task-client/errors.ts';
import { as, local, type MemoryMesh, memoryMesh } from './log.ts';

async function opened(): Promise<{ mesh: Mesh; memory: MemoryMesh }> {
  const memory = await memoryMesh();
  return { mesh: await openMesh(memory.ports), memory };
}

async function failure(call: Promise<unknown>): Promise<MeshError> {
  const thrown = await call.then(
    () => {
      throw new Error('the call did not fail');
    },
    (error: unknown) => error,
  );
  return toMeshError(thrown);
}

async function submissions({
  bus,
}: MemoryMesh): Promise<{ id: string; correlationid: string; traceparent?: string }[]> {
  const found: { id: string; correlationid: string; traceparent?: string }[] = [];
  const reader = await bus.read({
    filter: DOORS_SUBJECT,
    fromSeq: 1,
    onMessage: ({ data }) => found.push(JSON.parse(Buffer.from(data).toString('utf8'))),
  });
  await reader.caughtUp;
  await reader.stop();
  return found;
}

describe('run', () => {
  test('S5: two calls with one id at the same time write one submission and get one answer', async () => {
    const { mesh, memory } = await opened();
    const correlationId = newCorrelationId();
    const order = { prompt: 'hello', correlationId };
    const runs = [mesh.tasks.run(order, as(local)), mesh.tasks.run(order, as(local))];
    await memory.accept(correlationId, 'hello');
    await memory.complete(correlationId, 'there');
    const [first, second] = await Promise.all(runs);
    expect(first?.view.result?.answer).toBe('there');
    expect(second?.view).toEqual(first?.view);
    expect(await submissions(memory)).toHaveLength(1);
  });

  test('S5: a task that the log knows is not submitted again', async () => {
    const { mesh, memory } = await opened();
    const correlationId = newCorrelationId();
    await memory.accept(correlationId, 'hello');
    await memory.complete(correlationId, 'there');
    const { view } = await mesh.tasks.run({ prompt: 'hello', correlationId }, as(local));
    expect(view.status).toBe('completed');
    expect(await submissions(memory)).toEqual([]);
  });

  test.each([
    ['another prompt', { prompt: 'other' }],
    ['another workflow', { prompt: 'hello', workflow: 'build' }],
  ])('S5: the same id with %s is refused, and writes nothing', async (_what, order) => {
    const { mesh, memory } = await opened();
    const correlationId = newCorrelationId();
    await memory.accept(correlationId, 'hello');
    const error = await failure(mesh.tasks.run({ ...order, correlationId }, as(local)));
    expect([error.code, error.reason]).toEqual(['already_exists', 'ID_TAKEN']);
    expect(await submissions(memory)).toEqual([]);
  });

  test('S5: an id that somebody else takes between the look and the submission', async () => {
    const { mesh, memory } = await opened();
    const correlationId = newCorrelationId();
    const failed = failure(mesh.tasks.run({ prompt: 'mine', correlationId }, as({ name: 'alice', role: 'user' })));
    await memory.accept(correlationId, 'theirs', 'bob');
    await memory.complete(correlationId, 'a secret of bob');
    const error = await failed;
    expect([error.code, error.reason]).toEqual(['already_exists', 'ID_TAKEN']);
    expect(error.message).not.toContain('secret');
  });

  test('the deadline comes first: the answer is in time, and names the task', async () => {
    const { mesh, memory } = await opened();
    const correlationId = newCorrelationId();
    const deadlineMs = Date.now() + 400;
    const failed = failure(mesh.tasks.run({ prompt: 'slow', correlationId }, as(local, { deadlineMs })));
    await memory.accept(correlationId, 'slow');
    const error = await failed;
    expect([error.code, error.reason]).toEqual(['deadline_exceeded', 'TASK_GOES_ON']);
    expect(error.metadata).toEqual({ correlation_id: correlationId });
    expect(error.message).toContain('accepted and goes on');
  });

  test('the caller leaves: the call ends, the submission stays', async () => {
    const { mesh, memory } = await opened();
    const gone = new AbortController();
    const run = mesh.tasks.run({ prompt: 'hello' }, as(local, { signal: gone.signal }));
    gone.abort();
    expect((await failure(run)).code).toBe('cancelled');
    expect(await submissions(memory)).toHaveLength(1);
  });

  test('the log is made anew under a call: it is told to come again', async () => {
    const { mesh, memory } = await opened();
    const correlationId = newCorrelationId();
    const failed = failure(mesh.tasks.run({ prompt: 'hello', correlationId }, as(local)));
    await memory.accept(correlationId, 'hello');
    memory.log.wipe();
    const error = await failed;
    expect([error.code, error.reason]).toEqual(['unavailable', 'LOG_UNAVAILABLE']);
    expect(error.retryAfterMs).toBeGreaterThan(0);
  });

  test('without an id the gateway makes one and tells it at once', async () => {
    const { mesh, memory } = await opened();
    const told: string[] = [];
    const run = mesh.tasks.run({ prompt: 'hello' }, as(local), (id) => told.push(id));
    while (told.length === 0) await Promise.resolve();
    const [id = ''] = told;
    await memory.accept(id, 'hello');
    await memory.complete(id, 'there');
    expect((await run).view.taskId).toBe(id);
  });

  test('the trace of the caller goes into the submission', async () => {
    const { mesh, memory } = await opened();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const gone = new AbortController();
    const run = mesh.tasks.submit({ prompt: 'hello' }, as(local, { traceparent, signal: gone.signal }));
    gone.abort();
    await failure(run);
    expect((await submissions(memory))[0]?.traceparent).toBe(traceparent);
  });
});

describe('what a caller sees', () => {
  const alice = { name: 'alice', role: 'user' } as const;

  test.each([
    ['while its keeper answers', true, 'there is no task ID, or it is not yours'],
    [
      'while nobody does',
      false,
      'the log holds nothing of task ID, and the host that would remember it does not answer; call again when the agents run',
    ],
  ])('a task of somebody else and no task at all are told apart by nothing %s', async (_, isKept, message) => {
    const { mesh, memory } = await opened();
    if (isKept) memory.bus.answerVolatile(RECALL_FILTER, () => recalledText(null));
    const [theirs, none] = [newCorrelationId(), newCorrelationId()];
    await memory.accept(theirs, 'hello', 'bob');
    const watched = (id: string) => mesh.watches.watch({ correlationId: id }, as(alice)).next();
    const calls = [
      ...[theirs, none].map((id) => mesh.tasks.get(id, as(alice))),
      ...[theirs, none].map((id) => mesh.tasks.cancel(id, '', as(alice))),
      ...[theirs, none].map(watched),
    ];
    const errors = await Promise.all(calls.map(failure));
    const said = errors.map((error) => error.message.replaceAll(/[0-9a-f-]{36}/g, 'ID'));
    expect(said).toEqual(calls.map(() => message));
  });

  test('a task whose beginning has left the log belongs to nobody', async () => {
    const { mesh, memory } = await opened();
    memory.bus.answerVolatile(RECALL_FILTER, () => recalledText(null));
    const id = newCorrelationId();
    await memory.complete(id, 'a secret');
    expect((await failure(mesh.tasks.get(id, as(alice)))).code).toBe('not_found');
    expect((await mesh.tasks.get(id, as(local))).view.result?.answer).toBe('a secret');
  });
});
