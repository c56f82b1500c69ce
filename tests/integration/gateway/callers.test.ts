/**
 * Who may call, what they may see, and how much they may ask at a time.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createMeshClient, type MeshClient, Mode, TaskState } from '../../../gateway/client/index.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { failure, useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';

const LIMIT_MS = 90_000;
const AT_ONCE = 5;
const folder = mkdtempSync(join(tmpdir(), 'mesh-callers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tokens = { alice: 'token-of-alice', bob: 'token-of-bob', olga: 'token-of-olga', root: 'token-of-root' };

function callersFile(): string {
  const sha = (token: string): string => createHash('sha256').update(token).digest('hex');
  const path = join(folder, 'callers.json');
  const callers = [
    { name: 'alice', tokenSha256: sha(tokens.alice) },
    { name: 'bob', tokenSha256: sha(tokens.bob) },
    { name: 'olga', role: 'observer', tokenSha256: sha(tokens.olga) },
    { name: 'root', role: 'admin', tokenSha256: sha(tokens.root) },
  ];
  writeFileSync(path, JSON.stringify({ callers }), { mode: 0o600 });
  return path;
}

describe('callers with tokens', () => {
  const gateway = useGateway('gateway-callers', {
    env: {
      MESH_GATEWAY_CALLERS: callersFile(),
      MESH_GATEWAY_CALLS_AT_ONCE: String(AT_ONCE),
      MESH_GATEWAY_CALLS_PER_SECOND: '20',
    },
  });
  const opened: MeshClient[] = [];
  afterAll(() => {
    for (const client of opened) client.close();
  });
  const as = (token?: string): MeshClient => {
    const client = createMeshClient({ address: gateway().address, ...(token === undefined ? {} : { token }) });
    opened.push(client);
    return client;
  };

  test('without a token, or with a wrong one, nothing is answered', async () => {
    expect(await failure(as().registry())).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'NO_TOKEN' });
    expect(await failure(as('guessed').registry())).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'WRONG_TOKEN' });
    expect(await failure(as(`${tokens.alice} `.trimEnd().slice(1)).registry())).toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    const watch = as().watch(newCorrelationId())[Symbol.asyncIterator]();
    expect(await failure(watch.next())).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test("a caller's name stands on the task, and only the caller sees it", async () => {
    const { task } = await as(tokens.alice).run({ prompt: answerPrompt });
    const { correlationId } = task;
    expect(task.caller).toBe('alice');
    const bob = as(tokens.bob);
    expect(await failure(bob.get(correlationId))).toMatchObject({ code: 'NOT_FOUND', reason: 'UNKNOWN_TASK' });
    expect(await failure(bob.get(newCorrelationId()))).toMatchObject({ code: 'NOT_FOUND', reason: 'UNKNOWN_TASK' });
    expect(await failure(bob.watch(correlationId).next())).toMatchObject({ code: 'NOT_FOUND' });
    expect(await failure(bob.cancel(correlationId))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await failure(bob.fork({ correlationId, hop: 1 }))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await failure(bob.listMessages({ correlationId }))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await failure(bob.run({ prompt: answerPrompt, correlationId }))).toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'ID_TAKEN',
    });
    expect((await bob.list()).tasks).toEqual([]);
    expect((await as(tokens.alice).list()).tasks.map((one) => one.correlationId)).toEqual([correlationId]);
  });

  test('an observer sees all and changes nothing; an admin may', async () => {
    const { mesh } = gateway();
    const path = '/watched/by/others';
    mesh.counter.hold(path);
    const { task } = await as(tokens.alice).submit({ prompt: mesh.counter.prompt('http_post', path) });
    await mesh.counter.arrived(path, 1, LIMIT_MS);
    const { correlationId } = task;
    const olga = as(tokens.olga);
    expect((await olga.get(correlationId)).task.caller).toBe('alice');
    expect((await olga.list({ caller: 'alice' })).tasks.length).toBeGreaterThan(0);
    expect(await failure(olga.cancel(correlationId))).toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'NOT_YOUR_TASK',
    });
    expect(await failure(olga.setMode(Mode.DEBUG))).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'NOT_ADMIN' });
    expect(await failure(olga.setWindow(60_000))).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'NOT_ADMIN' });
    await as(tokens.root).setMode(Mode.DEBUG);
    await as(tokens.root).setWindow(60_000);
    expect((await as(tokens.root).cancel(correlationId)).task.state).toBe(TaskState.CANCELLED);
    mesh.counter.release(path);
  });

  test('so many calls at once, and not more: the others are told when to come again', async () => {
    const { mesh } = gateway();
    const path = '/all/at/once';
    mesh.counter.hold(path);
    const bob = as(tokens.bob);
    const prompt = mesh.counter.prompt('http_post', path);
    const ids = Array.from({ length: AT_ONCE }, newCorrelationId);
    const held = ids.map((correlationId) => bob.run({ prompt, correlationId }));
    await Promise.all(ids.map((id) => mesh.watch.fact(id, 'task.accepted')));
    const refused = await failure(bob.run({ prompt: answerPrompt }, { timeoutMs: 900 }));
    expect(refused).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'CONCURRENCY_LIMIT', retryAfterMs: 1000 });
    expect((await as(tokens.alice).run({ prompt: answerPrompt })).task.state).toBe(TaskState.COMPLETED);
    mesh.counter.release(path);
    for (const { task } of await Promise.all(held)) expect(task.state).toBe(TaskState.COMPLETED);
  });

  test('so many calls a second, and not more; whoever waits as told is let in', async () => {
    const olga = as(tokens.olga);
    // Forty may begin within two seconds; a call that is told to wait longer than it has fails with what it was told.
    const burst = async (): Promise<never> => {
      for (;;) await olga.registry({ timeoutMs: 200 });
    };
    const limited = await failure(burst());
    expect(limited).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'RATE_LIMIT' });
    expect(limited.retryAfterMs).toBeGreaterThan(0);
    await olga.registry({ timeoutMs: LIMIT_MS });
  });
});

describe('callers with certificates', () => {
  const tls = join(import.meta.dirname, '..', '..', 'fixtures', 'tls');
  const pem = (name: string): Buffer => readFileSync(join(tls, name));
  const gateway = useGateway('gateway-certificates', {
    services: ['agents', 'llm', 'gateway'],
    env: {
      MESH_GATEWAY_TLS_CERT: join(tls, 'gateway.pem'),
      MESH_GATEWAY_TLS_KEY: join(tls, 'gateway.key'),
      MESH_GATEWAY_TLS_CLIENT_CA: join(tls, 'ca.pem'),
    },
  });
  const authority = pem('ca.pem');

  test('the certificate says who calls', async () => {
    const credentials = { authority, key: pem('carol.key'), certificate: pem('carol.pem') };
    const carol = createMeshClient({ address: gateway().address, tls: credentials });
    const { task } = await carol.run({ prompt: answerPrompt });
    expect(task.caller).toBe('cert:carol');
    expect(await failure(carol.setMode(Mode.DEBUG))).toMatchObject({ code: 'PERMISSION_DENIED' });
    carol.close();
  });

  test.each([
    ['no certificate', { authority }],
    ['a certificate of nobody we trust', { authority, key: pem('mallory.key'), certificate: pem('mallory.pem') }],
  ])('with %s there is no connection', async (_what, credentials) => {
    const client = createMeshClient({ address: gateway().address, tls: credentials });
    expect(await failure(client.registry({ timeoutMs: 1500 }))).toMatchObject({ reason: '' });
    client.close();
  });

  test('without TLS there is no connection', async () => {
    const client = createMeshClient({ address: gateway().address });
    expect(await failure(client.registry({ timeoutMs: 1500 }))).toMatchObject({ reason: '' });
    client.close();
  });
});
