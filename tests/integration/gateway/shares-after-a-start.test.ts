/**
 * What a caller wrote counts after a start of the gateway as it did before: a fork with what it carries, and answers that
 * were refused (webhooks: `webhooks-after-a-start.test.ts`). Real processes; the gateway is killed, and its index of tasks removed.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gates, taking } from '../../support/gates.ts';
import { failure, useGateway } from '../../support/gateway.ts';

/** 1 MiB a day: of what is written, a seventh. */
const gateway = useGateway('shares-after-a-start', { env: { MESH_CALLER_MB_PER_DAY: '1' } });
const OVER = { code: 'RESOURCE_EXHAUSTED', reason: 'BYTES_LIMIT' };
const code = {
  ...{ language: 'typescript', text: `// ${'x'.repeat(38_900)}`, attempt: 1 },
  ...{ explanation: '', citations: [] },
};

test('S8: a fork that carries much, and refused answers, take as much after a start as before', async () => {
  const { mesh, client } = gateway();
  const id = await mesh.submit(taking(gates(['pay'], {}), mesh.counter.prompt('http_post', '/shares')));
  await mesh.watch.fact(id, 'task.input.required');
  await client.respond(id, 'yes');
  await mesh.watch.result(id);
  // Twice 48 KiB for the task and nine times 39 KB: some 830 KiB of the day.
  const fork = async (): Promise<string> => {
    const { task } = await client.fork({ correlationId: id, hop: 1, input: { code } });
    await mesh.watch.fact(task.correlationId, 'task.input.required');
    return task.correlationId;
  };
  await fork();
  const waiting = await fork();
  // Nearly all of the rest.
  for (let i = 0; i < 3; i++) {
    expect(await failure(client.respond(waiting, `${i}${'no'.repeat(3890)}`))).toMatchObject({
      reason: 'NOT_A_CHOICE',
    });
  }
  const more = () => client.respond(waiting, `neither ${'no'.repeat(3890)}`);
  expect(await failure(more())).toMatchObject(OVER);
  const process = mesh.service('gateway');
  await process.kill();
  rmSync(join(mesh.home, 'index'), { recursive: true, force: true });
  await process.ready();
  expect(await failure(more())).toMatchObject(OVER);
  // A line has room.
  expect(await failure(client.respond(waiting, 'neither'))).toMatchObject({ reason: 'NOT_A_CHOICE' });
});
