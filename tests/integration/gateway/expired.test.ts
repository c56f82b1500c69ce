/** Tasks that have left the log while a ledger still knows them: the same call is still the same call (S5). */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats, nanos } from 'nats';
import { describe, expect, test } from 'vitest';
import { createMeshClient, TaskState } from '../../../gateway/client/index.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { factSubject, STREAM } from '../../../schemas/events/subjects.ts';
import { artifactText, asTask, connect, message, request } from '../../support/a2a.ts';
import { failure, useGateway } from '../../support/gateway.ts';
import { journal } from '../../support/ledger-file.ts';
import type { Mesh } from '../../support/mesh.ts';
import { answerPrompt } from '../../support/prompts.ts';

const LIMIT_MS = 60_000;

/** Lets everything in the log grow too old, by the log server itself; its window of message ids goes with it. */
async function expire(mesh: Mesh, ids: readonly string[]): Promise<void> {
  const connection = await connectNats({ servers: mesh.nats.url });
  try {
    const manager = await jetstreamManager(connection);
    const { config } = await manager.streams.info(STREAM);
    const short = { max_age: nanos(1000), duplicate_window: nanos(1000) };
    await manager.streams.update(STREAM, { ...config, ...short });
    const left = async () => Promise.all(ids.map((id) => mesh.bus.getLast(factSubject(id))));
    await expect.poll(left, { timeout: LIMIT_MS, interval: 200 }).toEqual(ids.map(() => null));
    await manager.streams.update(STREAM, config);
  } finally {
    await connection.close();
  }
}

describe('an id that is older than the log', () => {
  const gateway = useGateway('gateway-expired');

  test('S5: the same call gets the same result, nothing is done twice; what needs the events says that they are gone', async () => {
    const { mesh, http, address } = gateway();
    const path = '/once/and/for/all';
    const client = createMeshClient({ address });
    const order = { prompt: mesh.counter.prompt('http_post', path), correlationId: newCorrelationId() };
    const sent = message(answerPrompt);
    const before = await client.run(order);
    const first = asTask(await (await connect(http, 'JSONRPC')).sendMessage(request(sent)));
    const byA2a = first.id;
    const answer = artifactText(first, 'answer');
    expect(answer).not.toBe('');
    await expire(mesh, [order.correlationId, byA2a]);
    await mesh.service('gateway').kill();
    await mesh.service('gateway').ready();

    const { task } = await client.run(order, { timeoutMs: LIMIT_MS });
    expect(task.state).toBe(TaskState.COMPLETED);
    expect(task.result).toEqual(before.task.result);
    expect(task.hops).toEqual(before.task.hops);
    expect(mesh.counter.deeds(path)).toBe(1);
    expect((await client.submit(order)).task.state).toBe(TaskState.COMPLETED);
    expect((await client.get(order.correlationId)).task.result).toEqual(before.task.result);
    const other = failure(client.run({ ...order, prompt: 'something else' }));
    expect(await other).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'ID_TAKEN' });
    const gone = { code: 'FAILED_PRECONDITION', reason: 'TASK_EXPIRED' };
    expect(await failure(client.watch(order.correlationId).next())).toMatchObject(gone);
    expect(await failure(client.cancel(order.correlationId))).toMatchObject(gone);
    expect(await failure(client.get(newCorrelationId()))).toMatchObject({ code: 'NOT_FOUND' });

    const again = asTask(await (await connect(http, 'HTTP+JSON')).sendMessage(request(sent)));
    expect(again.id).toBe(byA2a);
    expect(artifactText(again, 'answer')).toBe(answer);
    expect(mesh.watch.terminal(byA2a)).toHaveLength(1);
    expect(mesh.counter.deeds(path)).toBe(1);
    client.close();
  });

  test('a keeper that does not answer makes no task unknown, and the same call waits for it', async () => {
    const { mesh, address } = gateway();
    const path = '/once/and/slowly';
    const client = createMeshClient({ address });
    const order = { prompt: mesh.counter.prompt('http_post', path), correlationId: newCorrelationId() };
    const before = await client.run(order);
    await expire(mesh, [order.correlationId]);
    await mesh.service('gateway').kill();
    await mesh.service('gateway').ready();

    const agents = mesh.service('agents');
    await agents.kill('SIGSTOP');
    const once = { attemptsMax: 1 };
    const silent = { code: 'UNAVAILABLE', reason: 'KEEPER_SILENT' };
    expect(await failure(client.get(order.correlationId, once))).toMatchObject(silent);
    const again = client.run(order, { timeoutMs: LIMIT_MS });
    expect(await failure(client.cancel(order.correlationId, '', once))).toMatchObject(silent);
    await agents.kill('SIGCONT');
    expect((await again).task.result).toEqual(before.task.result);
    expect((await client.get(order.correlationId)).task.result).toEqual(before.task.result);
    expect(mesh.counter.deeds(path)).toBe(1);
    await agents.down('SIGTERM');
    expect(await failure(client.get(order.correlationId, once))).toMatchObject(silent);
    await agents.start();
    client.close();
  });

  test('S5: an id that the ledger has pruned, too, is not run again, and the caller is told', async () => {
    const { mesh, address } = gateway();
    const path = '/once/and/long/ago';
    const client = createMeshClient({ address });
    const order = { prompt: mesh.counter.prompt('http_post', path), correlationId: newCorrelationId() };
    await client.run(order);
    await expire(mesh, [order.correlationId]);
    await mesh.service('agents').down('SIGTERM');
    mesh.service('agents').configure({ MESH_BACKUP_INTERVAL_MS: '1000' });
    await mesh.service('agents').start();
    await expect.poll(() => isStored(mesh.ledger('agents'), order.correlationId), { timeout: LIMIT_MS }).toBe(false);
    // What it still has in mind is forgotten with the process.
    await mesh.service('agents').kill();
    await mesh.service('agents').ready();

    const forgotten = { code: 'FAILED_PRECONDITION', reason: 'TASK_FORGOTTEN' };
    expect(await failure(client.run(order, { timeoutMs: LIMIT_MS }))).toMatchObject(forgotten);
    expect(await failure(client.get(order.correlationId))).toMatchObject(forgotten);
    expect(mesh.counter.deeds(path)).toBe(1);
    client.close();
  });
});

/** True while the journal still has a record that speaks of the task. */
function isStored(ledger: string, correlationId: string): boolean {
  return journal(ledger).some(({ events }) => JSON.stringify(events).includes(correlationId));
}
