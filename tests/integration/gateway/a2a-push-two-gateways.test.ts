/** Two gateways on one log: callers are told of each event by one of them, and by the other when that one dies (S7). */
import { afterAll, describe, expect, test } from 'vitest';
import { factsIn } from '../../../schemas/events/fact.ts';
import { factSubject } from '../../../schemas/events/subjects.ts';
import { asTask, connect, message, request } from '../../support/a2a.ts';
import { useGateway } from '../../support/gateway.ts';
import { freePort } from '../../support/nats-server.ts';
import { Receiver } from '../../support/receiver.ts';
import type { ServiceProcess } from '../../support/service-process.ts';

const LIMIT_MS = 60_000;
const COMPLETED = 'TASK_STATE_COMPLETED';
const receiver = await Receiver.open();
afterAll(() => receiver.close());

const gateway = useGateway('a2a-push-two', { env: { MESH_PUSH_ALLOW_HOSTS: receiver.host } });

interface Door {
  readonly service: ServiceProcess;
  readonly http: string;
  readonly grpcPort: string;
}

/** The second gateway, on ports of its own. */
async function second(): Promise<Door> {
  const [grpcPort, httpPort] = [String(await freePort()), String(await freePort())];
  const ports = { MESH_GRPC_PORT: grpcPort, MESH_HTTP_PORT: httpPort };
  const service = gateway().mesh.add('gateway', 'gateway-2', ports);
  await service.start();
  return { service, http: `http://127.0.0.1:${httpPort}`, grpcPort };
}

function configFor(path: string) {
  return { tenant: '', id: '', taskId: '', url: receiver.url(path), token: '', authentication: undefined };
}

/** A task that waits at the counter, and its config, by one of the gateways. */
async function begun({ http }: Door, path: string): Promise<string> {
  const { mesh } = gateway();
  mesh.counter.hold(path);
  const client = await connect(http, 'JSONRPC');
  const order = request(message(mesh.counter.prompt('http_post', path)), {
    returnImmediately: true,
    taskPushNotificationConfig: configFor(path),
  });
  const task = asTask(await client.sendMessage(order));
  await mesh.counter.arrived(path, 1, LIMIT_MS);
  return task.id;
}

/** Of the newest fact, as a cursor has it. */
async function lastPlace(id: string): Promise<string> {
  const message = await gateway().mesh.bus.getLast(factSubject(id));
  const fact = message === null ? undefined : factsIn(message).at(-1);
  if (fact === undefined) return 'none';
  return fact.index === 0 ? `${fact.seq}` : `${fact.seq}-${fact.index}`;
}

/** Resolves when everything that has happened to the tasks was told, and is noted as told. */
async function quiet(ids: readonly string[]): Promise<void> {
  const { bus } = gateway().mesh;
  const due = async (): Promise<string[]> => {
    const notes = await bus.kv('push').entries();
    const last = await Promise.all(ids.map(async (id) => ({ id, place: await lastPlace(id) })));
    const isTold = ({ id, place }: { id: string; place: string }) =>
      notes.some(({ key, value }) => key.startsWith(id) && key.endsWith('.at') && value.includes(`-${place}"`));
    return last.filter((one) => !isTold(one)).map(({ id }) => id);
  };
  await expect.poll(due, { timeout: LIMIT_MS, interval: 100 }).toEqual([]);
}

function expectToldOnce(paths: readonly string[]): void {
  for (const path of paths) {
    const bodies = receiver.at(path).map(({ body }) => JSON.stringify(body));
    expect(new Set(bodies).size, `${path} was told something twice`).toBe(bodies.length);
    expect(receiver.taken(path).filter((kind) => kind === COMPLETED)).toHaveLength(1);
  }
}

describe('two gateways', () => {
  test('S7: each event is told once; the one that tells is killed, and the other goes on from there', async () => {
    const { mesh, http, address } = gateway();
    const first: Door = { service: mesh.service('gateway'), http, grpcPort: address.split(':')[1] ?? '' };
    const doors = [first, await second()];
    const paths = ['/two/a', '/two/b', '/two/c', '/two/d'];
    const ids = await Promise.all(paths.map((path, at) => begun(doors[at % 2] ?? first, path)));
    await quiet(ids);

    const claim = await mesh.bus.leases.claim('push.0', 'a test');
    expect(claim.granted).toBe(false);
    const holder = claim.granted ? '' : claim.holder;
    const teller = doors.find(({ grpcPort }) => holder.endsWith(`-${grpcPort}`));
    const other = doors.find((door) => door !== teller);
    if (teller === undefined || other === undefined) throw new Error(`no gateway is ${holder}`);

    await teller.service.down('SIGKILL');
    for (const path of paths) mesh.counter.release(path);
    for (const path of paths) await receiver.until(path, COMPLETED, LIMIT_MS);
    await quiet(ids);
    expectToldOnce(paths);

    // Back again it leaves the telling to the other; both take orders.
    await teller.service.start();
    const more = ['/two/e', '/two/f'];
    const moreIds = await Promise.all(more.map((path, at) => begun(doors[at] ?? first, path)));
    await quiet(moreIds);
    const [deleted = ''] = moreIds;
    const client = await connect(teller.http, 'JSONRPC');
    const { configs } = await client.listTaskPushNotificationConfig({
      tenant: '',
      taskId: deleted,
      pageSize: 0,
      pageToken: '',
    });
    for (const { id } of configs) await client.deleteTaskPushNotificationConfig({ tenant: '', taskId: deleted, id });
    const before = receiver.at('/two/e').length;
    for (const path of more) mesh.counter.release(path);
    await receiver.until('/two/f', COMPLETED, LIMIT_MS);
    await mesh.watch.result(deleted, LIMIT_MS);
    expectToldOnce(['/two/f']);
    expect(receiver.at('/two/e')).toHaveLength(before);
    for (const path of [...paths, ...more]) expect(mesh.counter.deeds(path)).toBe(1);
  });
});
