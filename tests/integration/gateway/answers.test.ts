/**
 * Answers meet their question, by every door of a mesh of real processes: double clicks, races, words that are no choice,
 * answers before the question, watching over a question, and forks.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { createMeshClient, TaskState } from '../../../gateway/client/index.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { crowd } from '../../support/crowd.ts';
import { gates, taking } from '../../support/gates.ts';
import { failure, useGateway } from '../../support/gateway.ts';

const LIMIT_MS = 60_000;
const gateway = useGateway('answers', {
  env: { MESH_GATEWAY_CALLS_PER_SECOND: '1000', MESH_GATEWAY_CALLS_AT_ONCE: '1000' },
});

/** A task at its first question. */
async function asking(path: string, steps: readonly string[], approve = {}): Promise<string> {
  const { mesh } = gateway();
  const id = await mesh.submit(taking(gates(steps, approve), mesh.counter.prompt('http_post', path)));
  await mesh.watch.fact(id, 'task.input.required');
  return id;
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The command line, on the mesh of the test. */
function command(...args: string[]): Promise<Ended> {
  const { mesh } = gateway();
  const env = { ...process.env, NATS_URL: mesh.nats.url, MESH_HOME: mesh.home };
  const program = join(projectRoot, 'cli', 'main.ts');
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], { env, timeout: LIMIT_MS }, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
    child.stdin?.end();
  });
}

describe('two questions in a row', () => {
  test.each([0, 100, 400])('S6: a double click, %i ms apart, approves one', async (gapMs) => {
    const { mesh, client } = gateway();
    const path = `/double/${gapMs}`;
    const id = await asking(path, ['first', 'second']);
    const { task } = await client.get(id);
    expect(task.question).toMatchObject({ id: 'q1', accepts: 'choice', choices: ['yes', 'no'] });
    const first = client.respond(id, 'yes');
    // The gap of the click is the point of this test.
    await new Promise((resolve) => setTimeout(resolve, gapMs));
    const second = client.respond(id, 'yes');
    await Promise.all([first, second]);
    await expect.poll(async () => (await client.get(id)).task.question?.id, { timeout: LIMIT_MS }).toBe('q2');
    expect(mesh.counter.deeds(path)).toBe(1);
    expect(await failure(client.respond(id, 'no', { questionId: 'q1' }))).toMatchObject({
      ...{
        code: 'FAILED_PRECONDITION',
        reason: 'ANSWERED_ALREADY',
        message: expect.stringMatching(/q1 .*local.*"yes"/),
      },
    });
    expect(await failure(client.respond(id, 'yes', { questionId: 'q9' }))).toMatchObject({
      ...{ code: 'FAILED_PRECONDITION', reason: 'OTHER_QUESTION', message: expect.stringMatching(/q9.*q2/) },
    });
    expect((await client.respond(id, 'no', { questionId: 'q2' })).task.correlationId).toBe(id);
    expect((await mesh.watch.result(id)).result.error?.code).toBe('not_approved');
    expect(mesh.counter.deeds(path)).toBe(1);
  });

  test('S6: by A2A, whose messages name no question, a second press does not approve what the first brought up', async () => {
    const { mesh, http, client } = gateway();
    const path = '/double/a2a';
    const id = await asking(path, ['first', 'second']);
    /** What the answer was told: an error, or how the task is. */
    const press = async (messageId: string): Promise<string> => {
      const message = { messageId, taskId: id, role: 'ROLE_USER', parts: [{ text: 'yes' }] };
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: { message } });
      const headers = { 'content-type': 'application/json', 'A2A-Version': '1.0' };
      return (await fetch(`${http}/a2a/jsonrpc`, { method: 'POST', headers, body })).text();
    };
    // Answered when the second question is open: the caller has been shown it.
    expect(await press('press-1')).toContain('TASK_STATE_INPUT_REQUIRED');
    expect(await press('press-2')).toMatch(/name the question.*q2/);
    expect(mesh.counter.deeds(path)).toBe(1);
    await client.respond(id, 'no', { questionId: 'q2' });
    expect((await mesh.watch.result(id)).name).toBe('task.failed');
  });

  test('S6: what one client was shown, another client of the same caller has not seen', async () => {
    const { mesh, client, address } = gateway();
    const path = '/double/two-clients';
    const id = await asking(path, ['first', 'second']);
    await client.respond(id, 'yes', { questionId: 'q1' });
    await expect.poll(async () => (await client.get(id)).task.question?.id, { timeout: LIMIT_MS }).toBe('q2');
    const other = createMeshClient({ address });
    const refused = await failure(other.respond(id, 'yes')).finally(() => other.close());
    expect(refused).toMatchObject({
      ...{ code: 'FAILED_PRECONDITION', reason: 'QUESTION_NOT_NAMED', message: expect.stringContaining('q2') },
    });
    // The client that was shown it names it by itself.
    await client.respond(id, 'no');
    expect((await mesh.watch.result(id)).result.error?.code).toBe('not_approved');
    expect(mesh.counter.deeds(path)).toBe(1);
    expect(await command('cancel', id)).toMatchObject({ code: 1, err: expect.stringContaining('has ended (failed)') });
  });

  test('S6: by the command line, a second press is not for what nobody has seen', async () => {
    const { mesh } = gateway();
    const path = '/double/command';
    const id = await asking(path, ['first', 'second']);
    expect(await command('respond', id, 'yes')).toMatchObject({ code: 0 });
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    await expect.poll(() => mesh.watch.facts(id).filter(({ name }) => name === 'task.input.required').length).toBe(2);
    const again = await command('respond', id, 'yes');
    expect(again).toMatchObject({ code: 2, err: expect.stringMatching(/name the question.*q2/) });
    expect(await command('respond', id)).toMatchObject({ code: 2, err: expect.stringContaining('--question q2') });
    // The same words, and this time the question is named.
    expect(await command('respond', id, '--question', 'q2', 'yes')).toMatchObject({ code: 0 });
    expect((await mesh.watch.result(id)).name).toBe('task.completed');
    expect(mesh.counter.deeds(path)).toBe(2);
  });
});

describe('one question', () => {
  test('S6: of two who answer at once one is told who was first', async () => {
    const { mesh } = gateway();
    const path = '/race';
    const id = await asking(path, ['pay']);
    const [no, yes] = await Promise.all([command('respond', id, 'no'), command('respond', id, 'yes')]);
    expect([no.code, yes.code].sort()).toEqual([0, 1]);
    const [winner, loser, text] = no.code === 0 ? [no, yes, 'no'] : [yes, no, 'yes'];
    expect(winner.out).toContain('Answer taken');
    expect(loser.err).toMatch(new RegExp(`answered already.*"${text}"`));
    await mesh.watch.result(id);
    expect(mesh.counter.deeds(path)).toBe(text === 'yes' ? 1 : 0);
  });

  test.each(['ok, do not run it', '"yes"', 'да'])(
    'S6: %j is no choice: the choices are told, the task lives',
    async (text) => {
      const { mesh, client } = gateway();
      const path = `/choice/${encodeURIComponent(text)}`;
      const id = await asking(path, ['pay']);
      const refused = await failure(client.respond(id, text));
      expect(refused).toMatchObject({
        code: 'INVALID_ARGUMENT',
        reason: 'NOT_A_CHOICE',
        message: expect.stringContaining('yes, no'),
      });
      expect(await command('respond', id, text)).toMatchObject({ code: 2, err: expect.stringContaining('yes, no') });
      expect((await client.get(id)).task.state).toBe(TaskState.INPUT_REQUIRED);
      expect(mesh.counter.deeds(path)).toBe(0);
      await client.respond(id, ' YES ');
      expect((await mesh.watch.result(id)).name).toBe('task.completed');
      expect(mesh.counter.deeds(path)).toBe(1);
    },
  );

  test('S9: an answer on mesh.tasks before it is asked is in quarantine with its reason, and answers nothing', async () => {
    const { mesh } = gateway();
    const path = '/early';
    mesh.counter.hold(path);
    const workflow = gates(['first', 'second']);
    const open = {
      ...workflow,
      steps: workflow.steps.map(({ approve, ...step }, at) => (at === 0 ? step : { ...step, approve: approve ?? {} })),
    };
    const id = await mesh.submit(taking(open, mesh.counter.prompt('http_post', path)));
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    await mesh.say('task.input.provided', id, { text: 'yes' });
    await expect
      .poll(() => mesh.watch.quarantined().map(({ code }) => code), { timeout: LIMIT_MS })
      .toContain('nothing_asked');
    mesh.counter.release(path);
    await mesh.watch.fact(id, 'task.input.required');
    expect(mesh.watch.facts(id).some(({ name }) => name === 'task.input.accepted')).toBe(false);
    await gateway().client.cancel(id);
  });

  test('S8: nobody answers in time: the default counts, and whoever comes later is told', async () => {
    const { mesh, client } = gateway();
    const id = await asking('/default', ['pay'], {
      timeoutMs: 2000,
      default: 'no',
      remindAfterMs: 1000,
      remindTo: 'on call',
    });
    const reminded = await mesh.watch.fact(id, 'task.input.reminded');
    expect(reminded.event.data).toMatchObject({ questionId: 'q1', to: 'on call' });
    expect((await mesh.watch.result(id)).result.error?.code).toBe('not_approved');
    expect(await failure(client.respond(id, 'yes'))).toMatchObject({
      reason: 'ANSWERED_ALREADY',
      message: expect.stringContaining('default'),
    });
    expect(mesh.counter.deeds('/default')).toBe(0);
  });

  test('mesh watch goes on after it, to the end', async () => {
    const { client } = gateway();
    const id = await asking('/watch', ['pay']);
    const watching = command('watch', id, '--json');
    const plain = command('watch', id);
    await client.respond(id, 'yes');
    const types = (await watching).out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types.slice(-1)).toEqual(['dev.agentmesh.task.completed.v1']);
    expect(await plain).toMatchObject({ code: 0, out: expect.stringContaining('completed') });
  });
});

describe('a fork', () => {
  test('S5: under the id of another task is refused, and nothing runs', async () => {
    const { mesh, client } = gateway();
    const id = await asking('/fork', ['pay']);
    await client.respond(id, 'yes');
    await mesh.watch.result(id);
    const taken = newCorrelationId();
    expect(await command('fork', id, '--hop', '1', '--id', taken)).toMatchObject({ code: 0 });
    expect(await command('fork', id, '--hop', '1', '--id', taken)).toMatchObject({ code: 0 });
    const other = await command('fork', id, '--hop', '1', '--id', taken, '--input', '{"note": "another one"}');
    expect(other).toMatchObject({ code: 2, err: expect.stringContaining('is taken') });
    const unrelated = await command('fork', taken, '--hop', '1', '--id', id);
    expect(unrelated.code).toBe(2);
    expect(mesh.watch.quarantined().filter(({ code }) => code === 'conflicting_duplicate')).toEqual([]);
  });

  test('S11: takes the workflow that the task had, which is in no file, and what its hop is given otherwise', async () => {
    const { mesh, client } = gateway();
    const id = await asking('/fork/input', ['pay']);
    await client.respond(id, 'yes');
    await mesh.watch.result(id);
    const prompt = mesh.counter.prompt('http_post', '/fork/other');
    const { task } = await client.fork({ correlationId: id, hop: 1, prompt, input: { note: 'by a test' } });
    expect(task.workflow).toBe('gates');
    await mesh.watch.fact(task.correlationId, 'task.input.required');
    await client.respond(task.correlationId, 'yes', { questionId: 'q1' });
    expect((await mesh.watch.result(task.correlationId)).name).toBe('task.completed');
    expect(mesh.counter.deeds('/fork/other')).toBe(1);
    const wrong = await failure(client.fork({ correlationId: id, hop: 1, input: { code: 'no object' } }));
    expect(wrong).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('a list', () => {
  test('has each task once while they change between the pages, and says what they ask', async () => {
    const { client } = gateway();
    const ids = await Promise.all(Array.from({ length: 12 }, (_, at) => asking(`/list/${at}`, ['pay'])));
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await client.list({ pageSize: 4, pageToken, states: [] });
      seen.push(...page.tasks.map(({ correlationId }) => correlationId));
      pageToken = page.nextPageToken;
      const open = ids.find((id) => !seen.includes(id));
      if (open !== undefined) await client.respond(open, 'no', { questionId: 'q1' });
    } while (pageToken !== '');
    for (const id of ids) expect(seen.filter((one) => one === id)).toHaveLength(1);
    const waiting = await client.list({ states: [TaskState.INPUT_REQUIRED], pageSize: 200 });
    expect(waiting.total).toBe(waiting.tasks.length);
    expect(waiting.tasks[0]).toMatchObject({ questionId: 'q1', question: 'May the step pay (tools) run?' });
    const listed = await command('tasks', '--waiting');
    expect(listed.out).toContain('q1? May the step pay (tools) run?');
  });
});

test('S6: many people, doubles, races and kills: each deed once, and each person told the truth', async () => {
  const { mesh, address } = gateway();
  const report = await crowd({
    ...{ mesh, address, tasks: 40, seed: 11 },
    ...{ kills: ['agents', 'tools', 'gateway'], answersBetweenKills: 18 },
  });
  expect(report.lies).toEqual([]);
  expect(report.late).toBeGreaterThan(0);
  expect(report.refused).toBeGreaterThan(0);
});
