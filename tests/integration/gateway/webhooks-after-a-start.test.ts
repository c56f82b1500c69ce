/**
 * What a caller's webhooks take of its share counts after a start of the gateway as it did before: they stand in no fact.
 * Real processes; the gateway is killed.
 */
import { afterAll, expect, test } from 'vitest';
import { gates, taking } from '../../support/gates.ts';
import { useGateway } from '../../support/gateway.ts';
import { Receiver } from '../../support/receiver.ts';

const receiver = await Receiver.open();
afterAll(() => receiver.close());

const gateway = useGateway('webhooks-after-a-start', {
  env: { MESH_CALLER_MB_PER_DAY: '1', MESH_PUSH_ALLOW_HOSTS: receiver.host },
});

test('S8: webhooks take as much of the day after a start as before', async () => {
  const { mesh, http } = gateway();
  const id = await mesh.submit(taking(gates(['pay'], {}), mesh.counter.prompt('http_post', '/webhooks')));
  await mesh.watch.fact(id, 'task.input.required');
  const long = 'x'.repeat(3900);
  const hook = async (name: string, token = long): Promise<[status: number, text: string]> => {
    const config = { id: name, url: receiver.url(`/${token}`), token };
    const authentication = { scheme: 'Bearer', credentials: token };
    const response = await fetch(`${http}/a2a/rest/tasks/${id}/pushNotificationConfigs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'a2a-version': '1.0' },
      body: JSON.stringify({ ...config, authentication }),
    });
    return [response.status, await response.text()];
  };
  let taken = 0;
  let last = await hook('0');
  for (; last[0] === 201; last = await hook(String(taken))) taken += 1;
  expect(last).toEqual([429, expect.stringContaining('BYTES_LIMIT')]);
  // Each takes some 12 KB, nine times.
  expect(taken).toBeGreaterThan(6);
  const process = mesh.service('gateway');
  await process.kill();
  await process.ready();
  expect(await hook('one more')).toEqual([429, expect.stringContaining('BYTES_LIMIT')]);
  // A short one has room.
  expect(await hook('short', 'x')).toEqual([201, expect.stringContaining('short')]);
});
