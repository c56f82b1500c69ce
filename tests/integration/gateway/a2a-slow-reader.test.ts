/** A2A streams over real sockets that nobody reads, or reads too late: bounded memory, and nobody else feels it. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { livingServices } from '../../../registry/registry.ts';
import { connect, readStream, request } from '../../support/a2a.ts';
import { within } from '../../support/changes.ts';
import { flood, residentMb } from '../../support/flood.ts';
import { useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';

const LIMIT_MS = 60_000;
/** More than the buffers of the system (4 MiB to send) and the queue of the gateway (2048 events) take together. */
const [BATCHES, SIZE] = [40, 250];

/** Opens a stream of server-sent events and reads nothing of it. */
async function unread(http: string, taskId: string): Promise<IncomingMessage> {
  const opening = httpRequest(`${http}/a2a/jsonrpc`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0' },
  });
  opening.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SubscribeToTask', params: { id: taskId } }));
  const [response] = (await once(opening, 'response')) as [IncomingMessage];
  expect(response.headers['content-type']).toContain('text/event-stream');
  return response;
}

/** What a stream still brings, however it ends. */
async function rest(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of response) pieces.push(piece as Buffer);
  } catch (error) {
    // The gateway has let go of it in the middle of an event.
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  }
  return Buffer.concat(pieces).toString('utf8');
}

describe('streams of server-sent events', () => {
  const gateway = useGateway('a2a-slow-reader', { env: { MESH_GATEWAY_CALLS_PER_SECOND: '5000' } });

  test('S8: who does not read is let go, who reads late is told to subscribe again, everybody else is served', async () => {
    const { mesh, http, client } = gateway();
    const { pid } = mesh.service('gateway').life;
    const path = '/sse/too/much';
    mesh.counter.hold(path);
    const { task } = await client.submit({ prompt: mesh.counter.prompt('http_post', path) });
    const { correlationId } = task;
    await mesh.watch.fact(correlationId, 'hop.started');
    const sdk = await connect(http, 'JSONRPC');
    const subscription = { tenant: '', id: correlationId };
    const reading = readStream(sdk.resubscribeTask(subscription));
    const [never, late] = [await unread(http, correlationId), await unread(http, correlationId)];
    const underWay = async () =>
      (await livingServices(mesh.bus)).find(({ service }) => service === 'gateway')?.capacity?.queueDepth;
    await expect.poll(underWay, { timeout: LIMIT_MS, interval: 500 }).toBe(3);
    const before = residentMb(pid);
    await flood(mesh, correlationId, BATCHES, SIZE);
    expect((await client.run({ prompt: answerPrompt })).task.result?.answer).not.toBe('');
    expect(residentMb(pid) - before).toBeLessThan(150);

    // Told so by an event where it has read on in time; cut off otherwise.
    const told = await within(LIMIT_MS, rest(late), 'the late stream has no end');
    const events = told.split('\n').filter((line) => line.startsWith('data: '));
    expect(events.length).toBeGreaterThan(100);
    expect(events.length).toBeLessThan(BATCHES * SIZE);
    expect(told).not.toContain('TASK_STATE_COMPLETED');
    if (told.includes('"error"')) expect(events.at(-1)).toContain('-32012');

    // The one that reads nothing at all is let go as well: no call but the good stream is under way any more.
    await expect.poll(underWay, { timeout: LIMIT_MS, interval: 500 }).toBe(1);

    const again = sdk.resubscribeTask(subscription);
    expect((await again.next()).value).toMatchObject({ payload: { $case: 'task', value: { id: correlationId } } });
    mesh.counter.release(path);
    const ends = Promise.all([reading, readStream(again)]);
    for (const events of await within(LIMIT_MS, ends, 'the good streams have no end')) {
      expect(JSON.stringify(events.at(-1))).toContain('task.completed');
    }
    const heard = (await reading).filter(({ payload }) => payload?.$case === 'statusUpdate');
    expect(heard.length).toBeGreaterThanOrEqual(BATCHES * SIZE);
    never.destroy();
    expect(mesh.service('gateway').life).toMatchObject({ pid, ended: null });
    expect((await sdk.sendMessage(request(answerPrompt))).metadata).toBeDefined();
  });
});
