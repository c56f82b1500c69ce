/**
 * Push notifications of A2A: what is due arrives, once more rather than not at all, and nowhere that it must not go.
 */
import { TaskState } from '@a2a-js/sdk';
import type { Client } from '@a2a-js/sdk/client';
import { RequestMalformedError, TaskNotFoundError } from '@a2a-js/sdk/errors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asTask, BINDINGS, connect, message, request } from '../../support/a2a.ts';
import { useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';
import { Receiver } from '../../support/receiver.ts';

const LIMIT_MS = 60_000;
const COMPLETED = 'TASK_STATE_COMPLETED';
const receiver = await Receiver.open();
afterAll(() => receiver.close());

const gateway = useGateway('a2a-push', { env: { MESH_PUSH_ALLOW_HOSTS: receiver.host } });

function configFor(path: string, more: object = {}) {
  return {
    tenant: '',
    id: '',
    taskId: '',
    url: receiver.url(path),
    token: 'secret-token',
    authentication: undefined,
    ...more,
  };
}

describe('push notifications', () => {
  let client: Client;
  beforeAll(async () => {
    client = await connect(gateway().http, 'JSONRPC');
  });

  const begun = async (path: string, config = configFor(path)) => {
    const { mesh } = gateway();
    mesh.counter.hold(path);
    const sent = message(mesh.counter.prompt('http_post', path));
    const order = request(sent, { returnImmediately: true, taskPushNotificationConfig: config });
    const task = asTask(await client.sendMessage(order));
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    return { task, order };
  };

  test('a config that comes with the message is told everything, in order, with its token and credentials', async () => {
    const config = configFor('/whole', { authentication: { scheme: 'Bearer', credentials: 'abc' } });
    const order = request(message(answerPrompt), { taskPushNotificationConfig: config });
    const task = asTask(await client.sendMessage(order));
    const taken = await receiver.until('/whole', COMPLETED, LIMIT_MS);
    expect(taken[0]).toBe('task');
    expect(taken.slice(-2)).toEqual(['artifactUpdate', COMPLETED]);
    for (const { headers } of receiver.at('/whole')) {
      expect(headers).toMatchObject({
        'content-type': 'application/a2a+json',
        'x-a2a-notification-token': 'secret-token',
        authorization: 'Bearer abc',
      });
    }
    expect(receiver.at('/whole')[0]?.body).toMatchObject({
      task: { id: task.id, status: { state: 'TASK_STATE_SUBMITTED' } },
    });
  });

  test.each(BINDINGS)('configs are created, found, listed and deleted over %s', async (binding) => {
    const path = `/handled/${binding}`;
    const { task } = await begun(path, configFor(`${path}/first`));
    const other = await connect(gateway().http, binding);
    const made = await other.createTaskPushNotificationConfig(configFor(path, { taskId: task.id, id: 'mine' }));
    expect(made).toMatchObject({ id: 'mine', taskId: task.id, url: receiver.url(path) });
    const order = { tenant: '', taskId: task.id, id: 'mine' };
    expect(await other.getTaskPushNotificationConfig(order)).toEqual(made);
    const all = { tenant: '', taskId: task.id, pageSize: 0, pageToken: '' };
    expect((await other.listTaskPushNotificationConfig(all)).configs).toHaveLength(2);
    await other.deleteTaskPushNotificationConfig(order);
    await other.deleteTaskPushNotificationConfig(order);
    await expect(other.getTaskPushNotificationConfig(order)).rejects.toThrow(TaskNotFoundError);
    const before = receiver.at(path).length;
    gateway().mesh.counter.release(path);
    await receiver.until(`${path}/first`, COMPLETED, LIMIT_MS);
    expect(receiver.at(path)).toHaveLength(before);
  });

  test('what is not taken is sent again; what is refused, or leads elsewhere, is not', async () => {
    const { task } = await begun('/again');
    const config = configFor('/refusing', { taskId: task.id });
    await client.createTaskPushNotificationConfig(config);
    receiver.answer('/again', 503, 500);
    receiver.answer('/refusing', 302, 404);
    gateway().mesh.counter.release('/again');
    const taken = await receiver.until('/again', COMPLETED, LIMIT_MS);
    expect(taken.filter((kind) => kind === COMPLETED)).toHaveLength(1);
    await receiver.until('/refusing', COMPLETED, LIMIT_MS);
    const cursors = receiver.at('/refusing').map(({ body }) => JSON.stringify(body));
    expect(new Set(cursors).size).toBe(cursors.length);
    expect(receiver.at('/redirected')).toEqual([]);
  });

  test('S5: killed while a task is at work and while nobody takes notifications: all that is due arrives', async () => {
    const { mesh } = gateway();
    const { task, order } = await begun('/killed');
    await receiver.until('/killed', 'TASK_STATE_WORKING', LIMIT_MS);
    await mesh.service('gateway').kill();
    mesh.counter.release('/killed');
    await mesh.watch.result(task.id, LIMIT_MS);
    await mesh.service('gateway').ready();
    const taken = await receiver.until('/killed', COMPLETED, LIMIT_MS);
    expect(taken).toContain('artifactUpdate');
    // The message again, on another life of the gateway: the same task, and nothing is told anew.
    const again = asTask(
      await client.sendMessage({
        ...order,
        configuration: { ...order.configuration, returnImmediately: false } as typeof order.configuration,
      }),
    );
    expect(again.id).toBe(task.id);
    expect(again.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect(mesh.counter.deeds('/killed')).toBe(1);
    const told = receiver.at('/killed').map(({ body }) => JSON.stringify(body));
    expect(new Set(told).size).toBeGreaterThanOrEqual(told.length - 1);
  });

  test.each([
    ['loopback', 'http://127.0.0.1:1/'],
    ['loopback by name', 'http://localhost:1/'],
    ['loopback in disguise', 'http://2130706433/'],
    ['loopback as IPv6', 'http://[::1]/'],
    ['IPv4 in IPv6', 'http://[::ffff:127.0.0.1]/'],
    ['a private network', 'https://10.1.2.3/'],
    ['link-local, where clouds keep credentials', 'http://169.254.169.254/latest/meta-data/'],
    ['another protocol', 'file:///etc/passwd'],
    ['no URL', 'nowhere'],
    ['a name and a password', 'https://user:secret@example.org/'],
  ])('SSRF: %s is refused, and nothing is submitted', async (_what, url) => {
    const sent = message(answerPrompt);
    const order = request(sent, { taskPushNotificationConfig: configFor('/', { url }) });
    await expect(client.sendMessage(order)).rejects.toThrow(RequestMalformedError);
    const list = { tenant: '', contextId: '', status: 0, pageToken: '', statusTimestampAfter: undefined };
    const { tasks } = await client.listTasks({ ...list, historyLength: 1 });
    expect(tasks.flatMap(({ history }) => history.map(({ messageId }) => messageId))).not.toContain(sent.messageId);
  });
});
