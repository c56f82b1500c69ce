/**
 * The gateway killed under its A2A callers: the log has the tasks, so that whoever comes back finds them (S5).
 */
import { TaskState } from '@a2a-js/sdk';
import { describe, expect, test } from 'vitest';
import { asTask, BINDINGS, connect, message, readStream, request, stateOf } from '../../support/a2a.ts';
import { within } from '../../support/changes.ts';
import { useGateway } from '../../support/gateway.ts';

const LIMIT_MS = 60_000;
const { TASK_STATE_COMPLETED } = TaskState;
const gateway = useGateway('a2a-killed');

describe.each(BINDINGS)('the gateway killed under its callers over %s', (binding) => {
  test('S5: send and stream break off; the same messages again, and a subscription, lead to the one result', async () => {
    const { mesh, http } = gateway();
    const path = `/a2a-killed/${binding}`;
    mesh.counter.hold(path);
    const client = await connect(http, binding);
    const sent = request(message(mesh.counter.prompt('http_post', path)));
    const streamed = request(message(mesh.counter.prompt('http_post', path, '{"streamed":true}')));
    const waiting = client.sendMessage(sent);
    const stream = readStream(client.sendMessageStream(streamed));
    const broken = Promise.allSettled([waiting, stream]);
    await mesh.counter.arrived(path, 2, LIMIT_MS);
    await mesh.service('gateway').kill();
    await mesh.service('gateway').ready();
    const outcomes = await within(LIMIT_MS, broken, 'a broken call was not told');
    expect(outcomes[0]?.status).toBe('rejected');
    const again = await connect(http, binding);
    const open = asTask(await again.sendMessage({ ...sent, configuration: now(sent) }));
    const subscription = again.resubscribeTask({ tenant: '', id: open.id });
    // One that arrives after the end of the task is refused.
    const first = await within(LIMIT_MS, subscription.next(), 'the subscription told nothing');
    expect(first.done).toBe(false);
    const subscribed = readStream(subscription);
    const restreamed = readStream(again.sendMessageStream(streamed));
    mesh.counter.release(path);
    const [heard, reheard] = await within(LIMIT_MS, Promise.all([subscribed, restreamed]), 'a stream did not end');
    expect(heard.map(stateOf).at(-1)).toBe(TASK_STATE_COMPLETED);
    expect(reheard.map(stateOf).at(-1)).toBe(TASK_STATE_COMPLETED);
    const ended = asTask(await again.sendMessage(sent));
    expect(ended.id).toBe(open.id);
    expect(mesh.counter.deeds(path)).toBe(2);
    expect(mesh.watch.quarantined()).toEqual([]);
  });
});

function now(order: ReturnType<typeof request>) {
  if (order.configuration === undefined) throw new Error('the request has no configuration');
  return { ...order.configuration, returnImmediately: true };
}
