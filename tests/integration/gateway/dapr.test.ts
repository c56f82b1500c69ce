/**
 * The Dapr app channel on a real mesh: events as a Dapr sidecar sends them, and what it is answered.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudEvent, HTTP } from 'cloudevents';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { daprdPath, Sidecar } from '../../support/daprd.ts';
import { useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';

const LIMIT_MS = 60_000;
const TOPIC = 'mesh.tasks';
const gateway = useGateway('dapr', { env: { MESH_DAPR_PUBSUB: 'orders' } });

/** What Dapr makes of what somebody publishes. */
function event(data: unknown, more: object = {}) {
  return {
    ...{ specversion: '1.0', id: newCorrelationId(), source: 'shop', type: 'com.dapr.event.sent' },
    ...{ topic: 'mesh.tasks', pubsubname: 'orders', datacontenttype: 'application/json', data },
    ...{ traceid: '', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: '' },
    ...more,
  };
}

async function post(body: unknown): Promise<unknown> {
  const response = await fetch(`${gateway().http}/dapr/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return response.json();
}

/** Ids of the tasks with a prompt. */
function tasksOf(prompt: string): string[] {
  const facts = gateway().mesh.watch.facts();
  return facts.flatMap(({ event: { type, data, correlationid } }) =>
    type === 'dev.agentmesh.task.accepted.v1' && data.prompt === prompt ? [correlationid] : [],
  );
}

describe('Dapr as a caller', () => {
  test('Dapr asks for the subscription and for health', async () => {
    const { http } = gateway();
    const subscriptions = await (await fetch(`${http}/dapr/subscribe`)).json();
    expect(subscriptions).toEqual([{ pubsubname: 'orders', topic: 'mesh.tasks', route: '/dapr/tasks' }]);
    await expect.poll(async () => (await fetch(`${http}/healthz`)).status, { timeout: 90_000 }).toBe(200);
    expect((await fetch(`${http}/dapr/config`)).status).toBe(404);
  });

  test.each([
    ['a text', (prompt: string) => event(prompt, { datacontenttype: 'text/plain' })],
    ['an object', (prompt: string) => event({ prompt, workflow: 'direct' })],
    ['JSON in a text', (prompt: string) => event(JSON.stringify({ prompt }), { datacontenttype: 'text/plain' })],
    [
      'base64',
      (prompt: string) => ({
        ...event(undefined),
        data_base64: Buffer.from(JSON.stringify({ prompt })).toString('base64'),
      }),
    ],
  ])('S5: %s is a task; the same event again is the same task', async (what, made) => {
    const prompt = `${answerPrompt} Told by ${what}`;
    const sent = made(prompt);
    expect(await post(sent)).toEqual({ status: 'SUCCESS' });
    expect(await post(sent)).toEqual({ status: 'SUCCESS' });
    await gateway().mesh.service('gateway').kill();
    await gateway().mesh.service('gateway').ready();
    expect(await post(sent)).toEqual({ status: 'SUCCESS' });
    const ids = tasksOf(prompt);
    expect(ids).toHaveLength(1);
    await gateway().mesh.watch.result(ids[0] ?? '', LIMIT_MS);
  });

  test('an event that the cloudevents library makes is taken', async () => {
    const made = new CloudEvent({ source: '/shop', type: 'order', data: { prompt: answerPrompt } });
    expect(await post(String(HTTP.structured(made).body))).toEqual({ status: 'SUCCESS' });
  });

  test.each([
    ['no JSON', 'hello'],
    ['no event', '{}'],
    ['another specification', event('x', { specversion: '0.3' })],
    ['no task in it', event({ question: 'x' })],
    ['an empty prompt', event('')],
    ['an unknown workflow', event({ prompt: 'x', workflow: 'none' })],
    ['more than an event may have', event('x'.repeat(1_100_000))],
  ])('%s is dropped, with a line in the log', async (_what, sent) => {
    const before = gateway()
      .mesh.service('gateway')
      .life.lines.filter(({ level }) => level === 'warn').length;
    expect(await post(sent)).toEqual({ status: 'DROP' });
    const warnings = gateway()
      .mesh.service('gateway')
      .life.lines.filter(({ level }) => level === 'warn');
    expect(warnings.length).toBeGreaterThan(before);
  });

  test('S5: an event that came by the log already is the same task', async () => {
    const prompt = `${answerPrompt} Told by both doors`;
    const both = event({ prompt }, { type: 'dev.agentmesh.task.submitted.v1', source: '/both' });
    await gateway().mesh.bus.publish({ subject: TOPIC, body: JSON.stringify(both) });
    await expect.poll(() => tasksOf(prompt), { timeout: LIMIT_MS }).toHaveLength(1);
    expect(await post(both)).toEqual({ status: 'SUCCESS' });
    expect(tasksOf(prompt)).toHaveLength(1);
  });

  test('S5: in whichever order, and nothing of it is set aside', async () => {
    const { bus, watch } = gateway().mesh;
    const told = (prompt: string) =>
      event(prompt, { type: 'dev.agentmesh.task.submitted.v1', source: '/both', id: 'dapr-first' });
    const byLog = async (prompt: string) =>
      (await bus.publish({ subject: TOPIC, body: JSON.stringify(told(prompt)) })).seq;
    const prompt = `${answerPrompt} Told by Dapr first`;
    expect(await post(told(` ${prompt}\n`))).toEqual({ status: 'SUCCESS' });
    const same = await byLog(prompt);
    // Another text under its name is: when that is known, so is what became of the one before.
    const other = await byLog('another text');
    const refusal = await watch.refusal(({ originSeq }) => originSeq === other, LIMIT_MS, 'another text');
    expect(refusal.code).toBe('conflicting_duplicate');
    expect(watch.quarantined().filter(({ originSeq }) => originSeq === same)).toEqual([]);
    expect(tasksOf(prompt)).toHaveLength(1);
  });

  test('an event of the mesh itself that comes back is no task', async () => {
    const own = event({ prompt: 'my own' }, { type: 'dev.agentmesh.task.submitted.v1', source: '/mesh/gateway' });
    expect(await post(own)).toEqual({ status: 'SUCCESS' });
    expect(tasksOf('my own')).toEqual([]);
  });

  test('while the log is away an event is to come again, and then it is taken', async () => {
    const { mesh, http } = gateway();
    const sent = event({ prompt: `${answerPrompt} Told while the log was away` });
    await mesh.nats.kill();
    expect(await post(sent)).toEqual({ status: 'RETRY' });
    expect((await fetch(`${http}/healthz`)).status).toBe(503);
    await mesh.nats.start();
    await expect.poll(() => post(sent), { timeout: LIMIT_MS }).toEqual({ status: 'SUCCESS' });
  });
});

const folder = mkdtempSync(join(tmpdir(), 'mesh-dapr-callers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const token = 'token-of-the-sidecar';
const callers = join(folder, 'callers.json');
const tokenSha256 = createHash('sha256').update(token).digest('hex');
writeFileSync(callers, JSON.stringify({ callers: [{ name: 'orders', tokenSha256 }] }), { mode: 0o600 });

/** A real Dapr sidecar beside the gateway, where there is one (tests/fixtures/daprd): what it publishes is a task. */
const daprd = daprdPath();
if (daprd !== null) {
  describe('beside a Dapr sidecar', () => {
    const gateway = useGateway('dapr-sidecar', {
      services: ['agents', 'llm', 'gateway'],
      env: { MESH_DAPR_PUBSUB: 'orders', MESH_GATEWAY_CALLERS: callers },
    });
    let sidecar: Sidecar;
    beforeAll(async () => {
      const { port } = new URL(gateway().http);
      sidecar = await Sidecar.start(daprd, { appPort: port, pubsub: 'orders', env: { APP_API_TOKEN: token } });
    });
    afterAll(() => sidecar?.close());

    const accepted = (prompt: string) =>
      gateway()
        .mesh.watch.facts()
        .flatMap(({ event: { type, data, correlationid } }) =>
          type === 'dev.agentmesh.task.accepted.v1' && data.prompt === prompt
            ? [{ correlationid, caller: data.caller }]
            : [],
        );

    test('it subscribes to the topic of the mesh', () => {
      expect(sidecar.lines.join('\n')).toMatch(/app is subscribed to the following topics: .*mesh\.tasks/);
    });

    test.each([
      ['a text', 'text/plain', (prompt: string) => prompt],
      ['an object', 'application/json', (prompt: string) => JSON.stringify({ prompt, workflow: 'direct' })],
      [
        'an event of the caller',
        'application/cloudevents+json',
        (prompt: string) =>
          JSON.stringify({ specversion: '1.0', id: 'order-1', source: 'shop', type: 'order', data: { prompt } }),
      ],
    ])('what it publishes is one task of the caller whose token it has: %s', async (what, type, body) => {
      const prompt = `${answerPrompt} Published as ${what}`;
      expect(await sidecar.publish('orders', TOPIC, body(prompt), type)).toBe(204);
      await expect.poll(() => accepted(prompt), { timeout: LIMIT_MS }).toHaveLength(1);
      const [task] = accepted(prompt);
      expect(task?.caller).toBe('orders');
      await gateway().mesh.watch.result(task?.correlationid ?? '', LIMIT_MS);
    });

    test('S5: an event that is delivered twice is one task', async () => {
      const prompt = `${answerPrompt} Delivered twice`;
      const event = { specversion: '1.0', id: 'order-2', source: 'shop', type: 'order', data: { prompt } };
      for (let time = 0; time < 2; time++) {
        await sidecar.publish('orders', TOPIC, JSON.stringify(event), 'application/cloudevents+json');
      }
      const last = `${answerPrompt} After it`;
      await sidecar.publish('orders', TOPIC, last, 'text/plain');
      await expect.poll(() => accepted(last), { timeout: LIMIT_MS }).toHaveLength(1);
      await expect.poll(() => accepted(prompt), { timeout: LIMIT_MS }).toHaveLength(1);
    });

    test('what is no task is dropped, and the next one is taken', async () => {
      await sidecar.publish('orders', TOPIC, JSON.stringify({ question: 'none' }), 'application/json');
      const line = ({ msg }: { readonly msg?: string }) => msg === 'an event from Dapr was not taken';
      await gateway().mesh.service('gateway').line(line, LIMIT_MS, 'the dropped event');
      const next = `${answerPrompt} After what was dropped`;
      await sidecar.publish('orders', TOPIC, next, 'text/plain');
      await expect.poll(() => accepted(next), { timeout: LIMIT_MS }).toHaveLength(1);
    });
  });
}
