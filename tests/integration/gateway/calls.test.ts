/**
 * Every call of the gateway on a real mesh: what it answers, that it is done once, and what it leaves in the log.
 */
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { createMeshClient, Mode, type Task, TaskState } from '../../../gateway/client/index.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { failure, useGateway } from '../../support/gateway.ts';
import { answerPrompt, buildTask } from '../../support/prompts.ts';

const LIMIT_MS = 90_000;

describe('the calls of the gateway', () => {
  const gateway = useGateway('gateway-calls', {
    env: { MESH_WORKFLOWS: join(projectRoot, 'tests/fixtures/workflows') },
  });

  const names = (id: string): string[] =>
    gateway()
      .mesh.watch.facts(id)
      .map(({ name }) => name);

  test('Run answers with the whole task; Get says the same', async () => {
    const { client } = gateway();
    const { task, metadata } = await client.run(buildTask);
    expect(task).toMatchObject({
      state: TaskState.COMPLETED,
      prompt: buildTask.prompt,
      workflow: 'build',
      caller: 'local',
      route: { decision: 'build', engine: 'caller' },
      loops: { used: 1, max: 2 },
      result: { code: { language: 'json' }, review: { verdict: 'approved' } },
    });
    expect(task.hops.map(({ step }) => step)).toEqual(['retrieve', 'code', 'review', 'code', 'review']);
    expect(task.messages.map(({ senderRole }) => senderRole)).toEqual(['reviewer', 'coder', 'reviewer']);
    expect(metadata.get('mesh-loops-used')).toBe('1');
    expect((await client.get(task.correlationId)).task).toEqual(task);
  });

  test('the deadline of a Run comes first: the task goes on, the error names it, the next call attaches', async () => {
    const { mesh, client } = gateway();
    const path = '/longer/than/the/deadline';
    mesh.counter.hold(path);
    const prompt = mesh.counter.prompt('http_post', path);
    const correlationId = newCorrelationId();
    const error = await failure(client.run({ prompt, correlationId }, { timeoutMs: 2000 }));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'TASK_GOES_ON', correlationId });
    expect(error.message).toContain('Get');
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    expect((await client.get(correlationId)).task.state).toBe(TaskState.RUNNING);
    const again = client.run({ prompt, correlationId });
    mesh.counter.release(path);
    expect((await again).task.state).toBe(TaskState.COMPLETED);
    expect(mesh.counter.deeds(path)).toBe(1);
    expect(names(correlationId).filter((name) => name === 'task.accepted')).toHaveLength(1);
  });

  test('a caller that hangs up takes nothing with it', async () => {
    const { mesh, client } = gateway();
    const path = '/after/the/caller/left';
    mesh.counter.hold(path);
    const correlationId = newCorrelationId();
    const leaving = new AbortController();
    const order = { prompt: mesh.counter.prompt('http_post', path), correlationId };
    const run = client.run(order, { signal: leaving.signal });
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    leaving.abort(new Error('hung up'));
    await expect(run).rejects.toThrow('hung up');
    mesh.counter.release(path);
    await mesh.watch.result(correlationId);
    expect((await client.get(correlationId)).task.state).toBe(TaskState.COMPLETED);
  });

  test('Submit answers when the task is on disk; the time limit of the task is its own', async () => {
    const { mesh, client } = gateway();
    const path = '/beyond/the/time/limit';
    mesh.counter.hold(path);
    const prompt = mesh.counter.prompt('http_post', path);
    const { task } = await client.submit({ prompt, timeLimit: { seconds: 2n, nanos: 0 } });
    // This test reads the log by itself, and may be behind the gateway.
    await vi.waitFor(() => expect(names(task.correlationId)).toContain('task.accepted'), LIMIT_MS);
    const { result } = await mesh.watch.result(task.correlationId);
    mesh.counter.release(path);
    expect(result.error?.code).toBe('deadline_exceeded');
    const { task: ended } = await client.get(task.correlationId);
    expect(ended).toMatchObject({ state: TaskState.FAILED, error: { code: 'deadline_exceeded' } });
  });

  test('Cancel stops a task; once more it is as it was', async () => {
    const { mesh, client } = gateway();
    const path = '/to/be/cancelled';
    mesh.counter.hold(path);
    const { task } = await client.submit({ prompt: mesh.counter.prompt('http_post', path) });
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    const cancelled = await client.cancel(task.correlationId, 'asked the wrong thing');
    mesh.counter.release(path);
    expect(cancelled.task).toMatchObject({
      state: TaskState.CANCELLED,
      error: { message: expect.stringMatching(/^asked the wrong thing\b.*http_post had begun/) },
    });
    expect((await client.cancel(task.correlationId)).task).toEqual(cancelled.task);
  });

  test('Cancel of a task that has ended otherwise is refused: it was not cancelled', async () => {
    const { client } = gateway();
    const { task } = await client.run({ prompt: answerPrompt });
    expect(await failure(client.cancel(task.correlationId))).toMatchObject({
      ...{ code: 'FAILED_PRECONDITION', reason: 'TASK_ENDED', message: expect.stringMatching(/completed/) },
    });
  });

  test('a run with cancel_with_call ends with its call, by a cancel and by the deadline; another goes on', async () => {
    const { mesh, address } = gateway();
    const path = '/with/the/call';
    mesh.counter.hold(path);
    const prompt = mesh.counter.prompt('http_post', path);
    const ids = { cancelled: newCorrelationId(), late: newCorrelationId(), alone: newCorrelationId() };
    const impatient = createMeshClient({ address });
    const leaving = new AbortController();
    const [left, late, alone] = [
      impatient.run({ prompt, correlationId: ids.cancelled, cancelWithCall: true }, { signal: leaving.signal }),
      impatient.run({ prompt, correlationId: ids.late, cancelWithCall: true }, { timeoutMs: 4000, attemptsMax: 1 }),
      impatient.run({ prompt, correlationId: ids.alone }, { signal: leaving.signal }),
    ].map((call) => call.catch((error: unknown) => error));
    await mesh.counter.arrived(path, 3, LIMIT_MS);
    leaving.abort();
    await Promise.all([left, alone]);
    await mesh.watch.fact(ids.cancelled, 'task.cancelled');
    expect(await late).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'TASK_CANCELLED' });
    await mesh.watch.fact(ids.late, 'task.cancelled');
    mesh.counter.release(path);
    await mesh.watch.fact(ids.alone, 'task.completed');
    impatient.close();
  });

  test('S5: a key is a name of the caller’s own; ids are read in either case and of any version', async () => {
    const { client } = gateway();
    const order = { prompt: answerPrompt, key: 'Rechnung №7 / 2026 🙂' };
    const first = await client.run(order);
    expect(first.task.key).toBe(order.key);
    expect((await client.submit(order)).task.correlationId).toBe(first.task.correlationId);
    const { correlationId } = first.task;
    const forms = [correlationId.toUpperCase(), `urn:uuid:${correlationId}`, `{${correlationId}}`];
    for (const form of forms) {
      expect((await client.get(form)).task.key).toBe(order.key);
      expect(await failure(client.cancel(form))).toMatchObject({ code: 'FAILED_PRECONDITION', correlationId });
    }
    const max = client.run({ prompt: answerPrompt, correlationId: 'ffffffff-ffff-ffff-ffff-ffffffffffff' });
    expect((await failure(max)).message).toMatch(/the max UUID, which names nothing/);
    // Not sent, and so not sent again and again.
    await expect(client.list({ pageSize: -1 })).rejects.toThrow(/page_size/);
    const { tasks } = await client.list({ pageSize: 5 });
    expect(tasks.map(({ key }) => key)).toContain(order.key);
    const both = client.run({ ...order, correlationId: newCorrelationId() });
    expect(await failure(both)).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [{ field: 'key' }] });
    expect(await failure(client.run({ prompt: 'x', key: 'k'.repeat(129) }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const id = '0190B2F4-6C1E-7CC0-8B5E-2F6D1C3A9E77';
    const { task } = await client.submit({ prompt: answerPrompt, correlationId: id });
    expect(task.correlationId).toBe(id.toLowerCase());
  });

  test('a task that asks: Run says so, Respond answers, once', async () => {
    const { mesh, client } = gateway();
    const path = '/nobody/knows';
    mesh.counter.hold(path);
    const correlationId = newCorrelationId();
    const run = client.run({ prompt: mesh.counter.prompt('http_post_once', path), correlationId });
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    await mesh.service('tools').kill();
    const { task } = await run;
    expect(task.state).toBe(TaskState.INPUT_REQUIRED);
    expect(task.question).toMatchObject({ reason: 'outcome_unknown', choices: ['done', 'not done', 'retry', 'abort'] });
    mesh.counter.release(path);
    await client.respond(correlationId, 'done');
    await client.respond(correlationId, 'done');
    await mesh.watch.result(correlationId);
    expect(names(correlationId).filter((name) => name === 'task.input.accepted')).toHaveLength(1);
    expect(await failure(client.respond(correlationId, 'retry'))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'ANSWERED_ALREADY',
      message: expect.stringContaining('"done"'),
    });
  });

  test('Fork runs again from a hop, with what the hops before had made', async () => {
    const { mesh, client } = gateway();
    const { task: source } = await client.run(buildTask);
    const newId = newCorrelationId();
    const { task } = await client.fork({ correlationId: source.correlationId, hop: 4, newCorrelationId: newId });
    expect(task).toMatchObject({
      correlationId: newId,
      prompt: buildTask.prompt,
      forkOf: { correlationId: source.correlationId, hop: 4 },
    });
    await mesh.watch.result(newId);
    const { task: ended } = await client.get(newId);
    expect(ended.state).toBe(TaskState.COMPLETED);
    expect(ended.hops.map(({ step }) => step)).toEqual(['code', 'review']);
    expect(ended.loops).toMatchObject({ used: 1, max: 2 });
    expect(ended.result?.code?.text).toBe(source.result?.code?.text);
    const again = await client.fork({ correlationId: source.correlationId, hop: 4, newCorrelationId: newId });
    expect(again.task).toEqual(ended);
  });

  test('Fork from the first hop, with another prompt', async () => {
    const { mesh, client } = gateway();
    const { task: source } = await client.run({ prompt: answerPrompt });
    const { task } = await client.fork({ correlationId: source.correlationId, hop: 1, prompt: 'How long is a lease?' });
    await mesh.watch.result(task.correlationId);
    const { task: ended } = await client.get(task.correlationId);
    expect(ended.hops.map(({ step }) => step)).toEqual(['retrieve', 'respond']);
    expect(ended.prompt).toBe('How long is a lease?');
  });

  test('SendMessage is relayed by the orchestrator, once; ListMessages pages through what was said', async () => {
    const { mesh, client } = gateway();
    const path = '/while/talking';
    mesh.counter.hold(path);
    const { task } = await client.submit({ prompt: mesh.counter.prompt('http_post', path) });
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    const say = (messageId: string, value: string) =>
      client.sendMessage({
        correlationId: task.correlationId,
        recipientRole: 'coder',
        messageId,
        parts: [{ content: { case: 'text', value } }],
      });
    const { message } = await say('m1', 'mind the brackets');
    expect(message).toMatchObject({
      senderRole: 'gateway',
      recipientRole: 'coder',
      correlationId: task.correlationId,
      type: 'dev.agentmesh.agent.message.v1',
      hopIndex: 1,
    });
    expect((await say('m1', 'mind the brackets')).message).toEqual(message);
    await say('m2', 'and the commas');
    const first = await client.listMessages({ correlationId: task.correlationId, pageSize: 1 });
    expect(first.messages.map(({ messageId }) => messageId)).toEqual(['m1']);
    const pageToken = first.nextPageToken;
    const second = await client.listMessages({ correlationId: task.correlationId, pageSize: 1, pageToken });
    expect(second).toMatchObject({ messages: [{ messageId: 'm2' }], nextPageToken: '' });
    mesh.counter.release(path);
    await mesh.watch.result(task.correlationId);
    expect(await failure(say('m3', 'too late'))).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'TASK_ENDED' });
    expect(mesh.watch.quarantined()).toEqual([]);
  });

  test('List pages through all tasks, the latest change first, each once; filters choose', async () => {
    const { mesh, client } = gateway();
    const { task: last } = await client.run({ prompt: answerPrompt });
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await client.list({ pageSize: 3, pageToken });
      expect(page.tasks.length).toBeLessThanOrEqual(3);
      seen.push(...page.tasks.map(({ correlationId }) => correlationId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen[0]).toBe(last.correlationId);
    expect(new Set(seen)).toEqual(new Set(mesh.watch.facts().map(({ event }) => event.correlationid)));
    expect(seen).toHaveLength(new Set(seen).size);
    const failed = await client.list({ states: [TaskState.FAILED] });
    expect(failed.tasks.length).toBeGreaterThan(0);
    for (const { state } of failed.tasks) expect(state).toBe(TaskState.FAILED);
    const built = await client.list({ route: 'build' });
    for (const { route } of built.tasks) expect(route).toBe('build');
    expect(built.tasks.length).toBeGreaterThan(0);
    expect((await client.list({ caller: 'nobody' })).tasks).toEqual([]);
    const none = await client.list({ updatedAfter: last.updateTime ?? { seconds: 0n, nanos: 0 } });
    expect(none.tasks).toEqual([]);
  });

  test('Search finds passages; Registry shows every service; SetMode and SetWindow are live settings', async () => {
    const { mesh, client } = gateway();
    const { passages } = await client.search({ query: 'how long does a lease live', limit: 2 });
    expect(passages.length).toBeGreaterThan(0);
    expect(passages[0]?.path).toContain('leases.md');
    // One that was killed before is not told of for as long as its last word counts.
    const named = async () => (await client.registry()).services.map(({ service }) => service);
    await expect.poll(named, { timeout: 60_000 }).toEqual(['agents', 'gateway', 'llm', 'tools']);
    const { services } = await client.registry();
    expect(services.find(({ service }) => service === 'gateway')?.capabilities.join()).toMatch(
      /^grpc:127\.0\.0\.1:\d+,http:127\.0\.0\.1:\d+$/,
    );
    await client.setMode(Mode.DEBUG);
    expect((await mesh.bus.kv('config').get('OBS_MODE'))?.value).toBe('debug');
    await client.setWindow(90_000);
    const opened = JSON.parse((await mesh.bus.kv('config').get('OBS_WINDOW'))?.value ?? 'null');
    expect(opened).toMatchObject({ forMs: 90_000, byHand: true });
    await client.setWindow(null);
    expect(await mesh.bus.kv('config').get('OBS_WINDOW')).toBeNull();
  });

  test('Watch tells generated text as it appears, with numbers', async () => {
    const { client } = gateway();
    const { task } = await client.submit({ prompt: 'How does a task survive a crash?', workflow: 'asked' });
    const texts: { number: number; text: string }[] = [];
    const watch = async (): Promise<Task['state']> => {
      let state: Task['state'] = TaskState.UNSPECIFIED;
      for await (const { item } of client.watch(task.correlationId, { includeTokens: true })) {
        if (item.case === 'token') texts.push({ number: item.value.number, text: item.value.text });
        if (item.case === 'fact') state = item.value.state;
        // The watch listens by now: what is generated from here on is heard.
        if (item.case === 'fact' && item.value.type === 'dev.agentmesh.task.input.required.v1')
          await client.respond(task.correlationId, 'yes');
      }
      return state;
    };
    expect(await watch()).toBe(TaskState.COMPLETED);
    expect(texts.length).toBeGreaterThan(0);
    expect(texts.map(({ number }) => number)).toEqual(texts.map((_text, at) => at + 1));
    const { task: ended } = await client.get(task.correlationId);
    expect(ended.result?.answer).toContain(
      texts
        .map(({ text }) => text)
        .join('')
        .trim()
        .slice(0, 20),
    );
  });
});
