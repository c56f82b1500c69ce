/**
 * What a gRPC client sees that was not written here: services by reflection, health, a task run and watched, metadata.
 * Where grpcurl is installed, it does the same.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { useGateway } from '../../support/gateway.ts';
import { answerPrompt, buildTask } from '../../support/prompts.ts';
import { ReflectedClient } from './reflected.ts';

const SERVICE = 'mesh.v1.MeshService';
const HEALTH = 'grpc.health.v1.Health';
const A2A = 'lf.a2a.v1.A2AService';
const execute = promisify(execFile);

function grpcurlPath(): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), join(homedir(), 'go', 'bin')];
  return folders.map((folder) => join(folder, 'grpcurl')).find((path) => existsSync(path)) ?? null;
}

describe('a client without our code', () => {
  const gateway = useGateway('gateway-plain-client');
  let client: ReflectedClient;
  beforeAll(() => {
    client = new ReflectedClient(gateway().address);
  });
  afterAll(() => client.close());

  test('lists the services and checks the health of each', async () => {
    expect((await client.services()).sort()).toEqual([HEALTH, A2A, SERVICE]);
    const { method } = await client.learn(HEALTH);
    const { check, watch } = method;
    if (check === undefined || watch === undefined) throw new Error('no Check or Watch in the health service');
    // A gateway takes calls at once; that the mesh behind it works it says once the orchestrator has been heard of.
    await client.until(watch, { service: '' }, (told) => isDeepStrictEqual(told, { status: 'SERVING' }), 30_000);
    for (const service of ['', SERVICE, A2A]) {
      expect((await client.call(check, { service })).messages).toEqual([{ status: 'SERVING' }]);
    }
    expect((await client.call(check, { service: 'mesh.v9.Nothing' })).error?.code).toBe(5);
  });

  test('runs a task, with its id at once and the route in the trailers, and carries the trace on', async () => {
    const { method } = await client.learn(SERVICE);
    if (method.run === undefined) throw new Error('no Run');
    const traceId = newCorrelationId().replaceAll('-', '');
    const metadata = new Metadata();
    metadata.set('traceparent', `00-${traceId}-00f067aa0ba902b7-01`);
    const { messages, initial, trailers, error } = await client.call(method.run, { prompt: answerPrompt }, metadata);
    expect(error).toBeNull();
    const [{ task } = {}] = messages;
    expect(task).toMatchObject({ state: 'TASK_STATE_COMPLETED', caller: 'local', prompt: answerPrompt });
    const id = initial.get('mesh-correlation-id')[0];
    expect(task).toMatchObject({ correlationId: id });
    expect(trailers.get('mesh-correlation-id')).toEqual([id]);
    expect(trailers.get('mesh-route')).toEqual(['answer']);
    expect(Number(trailers.get('mesh-route-confidence')[0])).toBeGreaterThan(0);
    expect(trailers.get('mesh-loops-used')).toEqual(['0']);
    expect(trailers.get('traceparent')[0]).toContain(traceId);
    const [accepted] = gateway().mesh.watch.facts(String(id));
    expect(accepted?.event.traceparent).toContain(traceId);
  });

  test('watches a task with messages between its roles', async () => {
    const { method } = await client.learn(SERVICE);
    if (method.submit === undefined || method.watch === undefined) throw new Error('no Submit or Watch');
    const correlationId = newCorrelationId();
    const submitted = await client.call(method.submit, { prompt: buildTask.prompt, workflow: 'build', correlationId });
    expect(submitted.messages).toMatchObject([{ task: { correlationId, prompt: buildTask.prompt } }]);
    const { messages, error } = await client.call(method.watch, { correlationId });
    expect(error).toBeNull();
    const facts = messages.map(({ fact }) => fact as { type: string; state: string; message?: object });
    expect(facts[0]?.type).toBe('dev.agentmesh.task.accepted.v1');
    expect(facts.at(-1)).toMatchObject({ type: 'dev.agentmesh.task.completed.v1', state: 'TASK_STATE_COMPLETED' });
    const said = facts.filter(({ type }) => type === 'dev.agentmesh.agent.message.v1');
    expect(said.map(({ message }) => message)).toMatchObject([
      { senderRole: 'reviewer', recipientRole: 'coder', correlationId, hopIndex: 3 },
      { senderRole: 'coder', recipientRole: 'reviewer', correlationId },
      { senderRole: 'reviewer', recipientRole: 'coder', correlationId },
    ]);
  });

  test('an error of any service comes with details that are told of by reflection', async () => {
    const file = 'google/rpc/error_details.proto';
    for (const name of ['ErrorInfo', 'BadRequest', 'RetryInfo'])
      expect(await client.files(`google.rpc.${name}`)).toContain(file);
    expect(await client.files('google.rpc.Status')).toContain('google/rpc/status.proto');
  });

  test('learns the A2A service and sends a message', async () => {
    const { method } = await client.learn(A2A);
    if (method.sendMessage === undefined) throw new Error('no SendMessage');
    const metadata = new Metadata();
    metadata.set('a2a-version', '1.0');
    const message = { messageId: newCorrelationId(), role: 'ROLE_USER', parts: [{ text: answerPrompt }] };
    const { messages, error } = await client.call(method.sendMessage, { message }, metadata);
    expect(error).toBeNull();
    expect(messages).toMatchObject([{ task: { status: { state: 'TASK_STATE_COMPLETED' } } }]);
  });

  const grpcurl = grpcurlPath();
  if (grpcurl !== null) {
    const call = async (...args: string[]): Promise<string> =>
      (await execute(grpcurl, ['-plaintext', ...args], { timeout: 60_000 })).stdout;

    test('grpcurl lists, describes, checks health, runs and watches', async () => {
      const { address } = gateway();
      expect(await call(address, 'list')).toBe(`${HEALTH}\n${A2A}\n${SERVICE}\n`);
      expect(await call(address, 'describe', `${A2A}.SendMessage`)).toContain('.lf.a2a.v1.SendMessageRequest');
      expect(await call(address, 'describe', `${SERVICE}.Run`)).toContain('.mesh.v1.RunRequest');
      expect(await call(address, `${HEALTH}/Check`)).toContain('"SERVING"');
      const run = await call('-d', JSON.stringify({ prompt: answerPrompt }), address, `${SERVICE}/Run`);
      const { task } = JSON.parse(run) as { task: { correlationId: string; state: string } };
      expect(task.state).toBe('TASK_STATE_COMPLETED');
      const { correlationId } = task;
      const failed = await call('-d', '{"correlation_id": "x"}', address, `${SERVICE}/Get`).catch(
        (error: unknown) => error,
      );
      expect(failed).toMatchObject({ stderr: expect.stringContaining('INVALID_FIELD') });
      const watched = await call('-d', JSON.stringify({ correlationId }), address, `${SERVICE}/Watch`);
      expect(watched).toContain('dev.agentmesh.task.completed.v1');
    });
  }
});
