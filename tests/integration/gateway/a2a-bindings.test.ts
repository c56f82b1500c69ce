/**
 * A2A on a real mesh by the SDK's own client, the same story over each of the three bindings.
 */
import { TaskState } from '@a2a-js/sdk';
import type { Client } from '@a2a-js/sdk/client';
import { TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError } from '@a2a-js/sdk/errors';
import { beforeAll, describe, expect, test } from 'vitest';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { artifactText, asTask, BINDINGS, connect, message, readStream, request, stateOf } from '../../support/a2a.ts';
import { useGateway } from '../../support/gateway.ts';
import { answerPrompt, buildTask } from '../../support/prompts.ts';

const LIMIT_MS = 90_000;
const { TASK_STATE_CANCELED, TASK_STATE_COMPLETED, TASK_STATE_INPUT_REQUIRED, TASK_STATE_WORKING } = TaskState;
const params = { tenant: '' } as const;

const gateway = useGateway('a2a-bindings');

describe.each(BINDINGS)('A2A over %s', (binding) => {
  let client: Client;
  beforeAll(async () => {
    client = await connect(gateway().http, binding);
  });

  /** A task that waits at the counter. */
  const held = async (path: string) => {
    const { mesh } = gateway();
    mesh.counter.hold(path);
    const prompt = mesh.counter.prompt('http_post', path);
    const task = asTask(await client.sendMessage(request(prompt, { returnImmediately: true })));
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    return task;
  };

  test('a message is answered with the ended task: artifacts, citations, history, context', async () => {
    const sent = message(answerPrompt);
    const task = asTask(await client.sendMessage(request(sent)));
    expect(task.status?.state).toBe(TASK_STATE_COMPLETED);
    expect(artifactText(task, 'answer')).not.toBe('');
    expect(task.artifacts[0]?.parts[1]?.content).toMatchObject({
      $case: 'data',
      value: { citations: expect.any(Array) },
    });
    expect(task.history[0]).toMatchObject({ messageId: sent.messageId, taskId: task.id, contextId: task.contextId });
    expect(task.contextId).not.toBe('');
    expect(task.status?.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(await client.getTask({ ...params, id: task.id })).toEqual(task);
    // RFC 9562, section 4: in either case, and as a URN.
    for (const id of [task.id.toUpperCase(), `urn:uuid:${task.id}`])
      expect(await client.getTask({ ...params, id })).toEqual(task);
  });

  test('the metadata of a message may choose the workflow; code is a file, roles are heard in the history', async () => {
    const sent = message(buildTask.prompt, { metadata: { workflow: 'build' } });
    const task = asTask(await client.sendMessage(request(sent)));
    const code = task.artifacts.find(({ name }) => name === 'code');
    expect(code?.parts[0]).toMatchObject({ filename: 'code.json', mediaType: 'application/json' });
    expect(task.history.length).toBeGreaterThan(1);
    expect(task.history[1]?.metadata).toMatchObject({ senderRole: 'reviewer' });
    const none = await client.getTask({ ...params, id: task.id, historyLength: 0 });
    expect(none.history).toEqual([]);
    const last = await client.getTask({ ...params, id: task.id, historyLength: 1 });
    expect(last.history).toEqual(task.history.slice(-1));
  });

  test('returnImmediately gives the task at its beginning', async () => {
    const { mesh } = gateway();
    const path = `/a2a/${binding}/at-once`;
    const task = await held(path);
    expect(task.status?.state).not.toBe(TASK_STATE_COMPLETED);
    mesh.counter.release(path);
    await mesh.watch.result(task.id, LIMIT_MS);
  });

  test('S5: the same message again is the same task, done once', async () => {
    const { mesh } = gateway();
    const path = `/a2a/${binding}/twice`;
    const sent = request(message(mesh.counter.prompt('http_post', path)));
    const [first, second] = await Promise.all([client.sendMessage(sent), client.sendMessage(sent)]);
    expect(second).toEqual(first);
    expect(await client.sendMessage(sent)).toEqual(first);
    expect(mesh.counter.deeds(path)).toBe(1);
  });

  test('a stream begins with the task, tells what happens in order, and ends with the end', async () => {
    const sent = message(buildTask.prompt, { metadata: { workflow: 'build' } });
    const events = await readStream(client.sendMessageStream(request(sent)));
    const kinds = events.map(({ payload }) => payload?.$case);
    expect(kinds[0]).toBe('task');
    expect(kinds.slice(1)).not.toContain('task');
    expect(kinds).toContain('artifactUpdate');
    expect(stateOf(events[1] ?? { payload: undefined })).toBe(TASK_STATE_WORKING);
    expect(events.map(stateOf).at(-1)).toBe(TASK_STATE_COMPLETED);
  });

  test('two subscribers hear the same events in the same order; one that leaves disturbs nobody', async () => {
    const { mesh } = gateway();
    const path = `/a2a/${binding}/subscribed`;
    const task = await held(path);
    const order = { ...params, id: task.id };
    const both = [client.resubscribeTask(order), client.resubscribeTask(order)].map((stream) => readStream(stream));
    const leaves = await readStream(client.resubscribeTask(order), () => true);
    expect(leaves[0]?.payload).toMatchObject({ $case: 'task', value: { id: task.id } });
    mesh.counter.release(path);
    const [one, other] = await Promise.all(both);
    expect(other).toEqual(one);
    expect(one?.map(stateOf).at(-1)).toBe(TASK_STATE_COMPLETED);
  });

  test('a task that asks is answered by a message to it; the same answer again changes nothing', async () => {
    const { mesh } = gateway();
    const path = `/a2a/${binding}/asked`;
    mesh.counter.hold(path);
    const prompt = mesh.counter.prompt('http_post_once', path);
    const waiting = client.sendMessage(request(prompt));
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    await mesh.service('tools').kill();
    const asked = asTask(await waiting);
    mesh.counter.release(path);
    expect(asked.status?.state).toBe(TASK_STATE_INPUT_REQUIRED);
    expect(asked.status?.message?.parts[0]?.content).toMatchObject({ $case: 'text' });
    const stranger = message('done', { taskId: asked.id, contextId: 'another' });
    await expect(client.sendMessage(request(stranger))).rejects.toThrow(/context/);
    const answer = message('done', { taskId: asked.id });
    const ended = asTask(await client.sendMessage(request(answer)));
    expect(ended.status?.state).toBe(TASK_STATE_COMPLETED);
    expect(ended.history.map(({ messageId }) => messageId)).toContain(answer.messageId);
    expect(asTask(await client.sendMessage(request(answer)))).toEqual(ended);
    const late = message('more', { taskId: asked.id });
    await expect(client.sendMessage(request(late))).rejects.toThrow(UnsupportedOperationError);
  });

  test('a stream closes when its task asks; one that is opened then goes on to the end', async () => {
    const { mesh } = gateway();
    const path = `/a2a/${binding}/streamed`;
    mesh.counter.hold(path);
    const reading = readStream(client.sendMessageStream(request(mesh.counter.prompt('http_post_once', path))));
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    await mesh.service('tools').kill();
    const events = await reading;
    mesh.counter.release(path);
    expect(events.map(stateOf).at(-1)).toBe(TASK_STATE_INPUT_REQUIRED);
    const [first] = events;
    if (first?.payload?.$case !== 'task') return expect.unreachable('a stream begins with the task');
    const { id } = first.payload.value;
    const told = Promise.withResolvers<void>();
    const following = readStream(client.resubscribeTask({ ...params, id }), (event) => {
      told.resolve();
      return stateOf(event) === TASK_STATE_COMPLETED && event.payload?.$case === 'task';
    });
    await told.promise;
    const answered = await readStream(client.sendMessageStream(request(message('done', { taskId: id }))));
    expect(answered.map(stateOf).findLast((state) => state !== undefined)).toBe(TASK_STATE_COMPLETED);
    const later = (await following).map(stateOf).filter((state) => state !== undefined);
    expect([later[0], later.at(-1)]).toEqual([TASK_STATE_INPUT_REQUIRED, TASK_STATE_COMPLETED]);
  });

  test('cancel stops a task; one that has ended cannot be cancelled, subscribed to, or found under another id', async () => {
    const path = `/a2a/${binding}/cancelled`;
    const task = await held(path);
    const cancelled = await client.cancelTask({ ...params, id: task.id, metadata: undefined });
    gateway().mesh.counter.release(path);
    expect(cancelled.status?.state).toBe(TASK_STATE_CANCELED);
    const again = client.cancelTask({ ...params, id: task.id, metadata: undefined });
    await expect(again).rejects.toThrow(TaskNotCancelableError);
    const late = readStream(client.resubscribeTask({ ...params, id: task.id }));
    await expect(late).rejects.toThrow(UnsupportedOperationError);
    for (const id of [newCorrelationId(), 'no-uuid']) {
      await expect(client.getTask({ ...params, id })).rejects.toThrow(TaskNotFoundError);
      await expect(client.cancelTask({ ...params, id, metadata: undefined })).rejects.toThrow(TaskNotFoundError);
      await expect(readStream(client.resubscribeTask({ ...params, id }))).rejects.toThrow(TaskNotFoundError);
      await expect(client.sendMessage(request(message('x', { taskId: id })))).rejects.toThrow(TaskNotFoundError);
    }
  });

  test('tasks are listed by context and state, the latest first, a page at a time, with their total', async () => {
    const contextId = `context of ${binding}`;
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) {
      const task = asTask(await client.sendMessage(request(message(answerPrompt, { contextId }))));
      expect(task.contextId).toBe(contextId);
      ids.unshift(task.id);
    }
    const order = {
      ...params,
      contextId,
      status: TASK_STATE_COMPLETED,
      pageToken: '',
      statusTimestampAfter: undefined,
    };
    const first = await client.listTasks({ ...order, pageSize: 2 });
    expect(first).toMatchObject({ pageSize: 2, totalSize: 3 });
    expect(first.tasks[0]?.artifacts).toEqual([]);
    const rest = await client.listTasks({
      ...order,
      pageSize: 2,
      pageToken: first.nextPageToken,
      includeArtifacts: true,
    });
    expect([...first.tasks, ...rest.tasks].map(({ id }) => id)).toEqual(ids);
    expect(rest).toMatchObject({ nextPageToken: '', totalSize: 3 });
    expect(rest.tasks[0]?.artifacts).not.toEqual([]);
    const working = await client.listTasks({ ...order, status: TASK_STATE_WORKING });
    expect(working).toMatchObject({ tasks: [], totalSize: 0, nextPageToken: '' });
    await expect(client.listTasks({ ...order, pageSize: 101 })).rejects.toThrow(/pageSize/);
  });
});
