/** Push notifications: a share for each caller, nothing accepted and forgotten, and signatures by which a replay is told. */
import { createHmac, createPublicKey, randomUUID, verify } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { PushAddresses } from '../../../../gateway/a2a/push/address.ts';
import { PushConfigs } from '../../../../gateway/a2a/push/configs.ts';
import { PushRoom } from '../../../../gateway/a2a/push/room.ts';
import { PushSender } from '../../../../gateway/a2a/push/sender.ts';
import { newSigningKey, publicKeyOf, signatureHeaders } from '../../../../gateway/a2a/push/signature.ts';
import { PushStore } from '../../../../gateway/a2a/push/store.ts';
import { openMesh } from '../../../../gateway/core/mesh.ts';
import { CallerShares } from '../../../../gateway/core/shares.ts';
import { pushSigningKey } from '../../../../services/push-signing-key.ts';
import type { Caller } from '../../../../task-client/caller.ts';
import { MeshError } from '../../../../task-client/errors.ts';
import { Receiver } from '../../../support/receiver.ts';
import { memoryMesh } from '../../client/log.ts';

const LIMIT_MS = 60_000;
const COMPLETED = 'TASK_STATE_COMPLETED';
const alice: Caller = { name: 'alice', role: 'user' };
const bob: Caller = { name: 'bob', role: 'user' };
const receiver = await Receiver.open();
afterAll(() => receiver.close());
const key = newSigningKey();
const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent };

async function opened({ perCaller = 5, receiversMax = 100, bytesPerDay = 2 ** 30 } = {}) {
  const memory = await memoryMesh();
  const store = new PushStore(memory.bus);
  const addresses = new PushAddresses([receiver.host]);
  const mesh = await openMesh({ ...memory.ports, shares: new CallerShares({ tasksMax: 10, bytesPerDay }) });
  const sender = new PushSender({
    ...{ mesh, store, addresses, key, log, receiversMax },
    ...{ leases: memory.bus.leases, holder: 'test', callers: { isKnown: () => true } },
  });
  const room = new PushRoom(store, perCaller);
  onTestFinished(async () => {
    await room.stop();
    await sender.stop();
  });
  return { memory, store, sender, push: new PushConfigs({ store, sender, addresses, room, spend: mesh.spend }) };
}

const order = (taskId: string, path: string, more: object = {}) => ({ taskId, url: receiver.url(path), ...more });
const exhausted = (said: RegExp) =>
  expect.objectContaining({ code: 'resource_exhausted', retryAfterMs: 30_000, message: expect.stringMatching(said) });

describe('shares', () => {
  test('a caller has so many of tasks that have not ended, and others have theirs', async () => {
    const { push } = await opened();
    for (let i = 0; i < 5; i++) await push.create(order(randomUUID(), `/b${i}`), bob, '');
    await expect(push.create(order(randomUUID(), '/b5'), bob, '')).rejects.toEqual(
      exhausted(/^bob has 5 push notification configs .* try again in 30 s$/),
    );
    await push.create(order(randomUUID(), '/a'), alice, '');
  });

  test('one that is deleted, or whose task has ended, makes room', async () => {
    const { push, store } = await opened({ perCaller: 1 });
    const first = randomUUID();
    const made = await push.create(order(first, '/x'), bob, '');
    await push.delete(first, made.id);
    const second = await push.create(order(randomUUID(), '/x'), bob, '');
    const entry = await store.get(second.taskId, second.id);
    if (entry === null) throw new Error('it is not stored');
    await store.advance({ ...entry, done: true });
    await push.create(order(randomUUID(), '/x'), bob, '');
  });

  test('one that another gateway took counts as well, and so do those from before a start', async () => {
    const { push, store } = await opened({ perCaller: 2 });
    const config = { tenant: '', id: 'x', url: receiver.url('/x'), token: '' };
    const put = (done = false) =>
      store.put({ config: { ...config, taskId: randomUUID() }, caller: bob, cursor: '', done, nonce: 'n' });
    await put();
    await push.create(order(randomUUID(), '/x'), alice, '');
    await put();
    await expect(push.create(order(randomUUID(), '/x'), bob, '')).rejects.toThrow(MeshError);
  });

  test('S8: each takes of the bytes of a day: of a task that has ended, replaced, and deleted again', async () => {
    const { push, store } = await opened({ perCaller: 3, bytesPerDay: 100_000 });
    const taskId = randomUUID();
    const ways: readonly ((at: number) => Promise<void>)[] = [
      async (at) => {
        const { id } = await push.create(order(taskId, `/t${at}`), bob, '');
        const entry = await store.get(taskId, id);
        if (entry === null) throw new Error('it is not stored');
        await store.advance({ ...entry, done: true });
      },
      async (at) => void (await push.create(order(taskId, `/r${at}`, { id: 'same' }), bob, '')),
      async (at) => push.delete(taskId, (await push.create(order(taskId, `/d${at}`), bob, '')).id),
    ];
    for (const [n, way] of ways.entries()) for (let at = 0; at < 10; at++) await way(100 * n + at);
    const over = { reason: 'BYTES_LIMIT', retryAfterMs: expect.any(Number) };
    const stored = (await store.all()).length;
    for (const way of ways) {
      const forEver = async (): Promise<void> => {
        for (let at = 0; at < 1000; at++) await way(1000 + at);
      };
      await expect(forEver()).rejects.toMatchObject(over);
    }
    expect((await store.all()).length).toBeLessThan(stored + 60);
    // The same config again is stored already, and others have their own share.
    await push.create(order(randomUUID(), '/a'), alice, '');
  });

  test('S8: deleting what is not there writes nothing', async () => {
    const { push, memory } = await opened();
    const changes: string[] = [];
    onTestFinished(await memory.bus.kv('push').watch((changed) => void changes.push(changed)));
    const taskId = randomUUID();
    for (let at = 0; at < 5; at++) await push.delete(taskId, `never-${at}`);
    const { id } = await push.create(order(taskId, '/x'), bob, '');
    await push.delete(taskId, id);
    await expect.poll(() => changes.length, { timeout: LIMIT_MS }).toBe(3);
    expect(new Set(changes.map((one) => one.replace(/\.at$/, ''))).size).toBe(1);
  });

  test.each(['id', 'tenant'])('S8: %s is no way to store more', async (name) => {
    const { push, store } = await opened();
    await expect(push.create(order(randomUUID(), '/x', { [name]: 'x'.repeat(201) }), bob, '')).rejects.toThrow(name);
    expect(await store.all()).toEqual([]);
    await push.create(order(randomUUID(), '/x', { [name]: 'x'.repeat(200) }), bob, '');
  });

  test('the same config again takes no more room', async () => {
    const { push } = await opened({ perCaller: 1 });
    const same = order(randomUUID(), '/x');
    expect(await push.create(same, bob, '')).toEqual(await push.create(same, bob, ''));
  });

  test('a task that is refused leaves no config behind, one of which nobody knows keeps it', async () => {
    const { push, store } = await opened();
    const refused = () =>
      Promise.reject(new MeshError('invalid_argument', 'INVALID_FIELD', 'there is no such workflow'));
    for (let i = 0; i < 20; i++)
      await expect(push.createBefore(order(randomUUID(), '/x'), bob, '', refused)).rejects.toThrow(/no such workflow/);
    expect(await store.all()).toEqual([]);
    const away = () => Promise.reject(new MeshError('unavailable', 'NOT_TAKEN_YET', 'later'));
    const taskId = randomUUID();
    await expect(push.createBefore(order(taskId, '/x'), bob, '', away)).rejects.toThrow('later');
    expect(await push.list(taskId)).toHaveLength(1);
  });

  test('what there is no room for is not forgotten: it is taken up when another one ends', async () => {
    const { memory, push, sender } = await opened({ receiversMax: 1 });
    const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
    for (const [task, path] of [
      [first, '/first'],
      [second, '/second'],
      [third, '/third'],
    ] as const) {
      await memory.accept(task, 'hello', 'alice');
      await push.create(order(task, path), alice, '');
    }
    await sender.start();
    await receiver.until('/first', 'task', LIMIT_MS);
    await memory.complete(second, 'there');
    await memory.complete(third, 'there');
    await memory.complete(first, 'there');
    for (const path of ['/first', '/second', '/third']) await receiver.until(path, COMPLETED, LIMIT_MS);
  });
});

describe('signatures (Standard Webhooks)', () => {
  const secret = Buffer.alloc(32, 7);
  const authentication = { scheme: 'webhook-signature', credentials: `whsec_${secret.toString('base64')}` };

  test('a receiver checks who, when and whether again: by the public key, and by its own secret, which is not sent', async () => {
    const { memory, push, sender } = await opened();
    const task = randomUUID();
    await memory.accept(task, 'hello', 'alice');
    await memory.complete(task, 'there');
    await push.create(order(task, '/signed', { authentication }), alice, '');
    receiver.answer('/signed', 503);
    await sender.start();
    await receiver.until('/signed', COMPLETED, LIMIT_MS);
    const taken = receiver.at('/signed');
    const raw = Buffer.from(publicKeyOf(key).replace('whpk_', ''), 'base64').toString('base64url');
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw }, format: 'jwk' });
    for (const { headers, text } of taken) {
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
      const [v1 = '', v1a = ''] = String(headers['webhook-signature']).split(' ');
      expect(v1).toBe(`v1,${createHmac('sha256', secret).update(signed).digest('base64')}`);
      const bytes = Buffer.from(v1a.replace('v1a,', ''), 'base64');
      expect(verify(null, Buffer.from(signed), publicKey, bytes)).toBe(true);
      expect(verify(null, Buffer.from(signed.replace(task, randomUUID())), publicKey, bytes)).toBe(false);
      expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60);
      expect(headers.authorization).toBeUndefined();
      expect(JSON.stringify(headers)).not.toContain(authentication.credentials);
    }
    // The first was not taken and came again: the same id. Each other event has its own.
    const ids = taken.map(({ headers }) => headers['webhook-id']);
    expect(ids[0]).toBe(ids[1]);
    expect(new Set(ids).size).toBe(taken.length - 1);
  });

  test('while a receiver changes its secret, each notification is signed by the old one and the new one', () => {
    const secrets = [secret, Buffer.alloc(32, 8)];
    const credentials = secrets.map((one) => `whsec_${one.toString('base64')}`).join(' ');
    const message = { id: 'msg_1', body: '{}', atMs: 1_700_000_000_000 };
    const headers = signatureHeaders(message, key, { ...authentication, credentials });
    const [old, next, own] = String(headers['webhook-signature']).split(' ');
    const by = (one: Buffer) => `v1,${createHmac('sha256', one).update('msg_1.1700000000.{}').digest('base64')}`;
    expect([old, next, own?.slice(0, 4)]).toEqual([...secrets.map(by), 'v1a,']);
  });

  const one = authentication.credentials;
  const bad = [`${one} `, `${one} secret`, `${one} ${one} ${one}`];
  test.each(['', 'secret', 'whsec_', 'whsec_c2hvcnQ=', `whsec_${'!'.repeat(44)}`, `whsec_${'A'.repeat(400)}`, ...bad])(
    '%j is no secret to sign with',
    async (credentials) => {
      const { push } = await opened();
      const bad = order(randomUUID(), '/x', { authentication: { ...authentication, credentials } });
      await expect(push.create(bad, alice, '')).rejects.toThrow(/authentication\.credentials: must be whsec_/);
    },
  );

  test('the key is made once, for nobody else to read, and a file of another kind is refused', () => {
    const home = mkdtempSync(join(tmpdir(), 'mesh-key-'));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const settings = { MESH_HOME: home, MESH_PUSH_SIGNING_KEY: undefined };
    expect(publicKeyOf(pushSigningKey(settings))).toBe(publicKeyOf(pushSigningKey(settings)));
    expect(statSync(join(home, 'push-signing-key.pem')).mode & 0o777).toBe(0o600);
    const named = { ...settings, MESH_PUSH_SIGNING_KEY: join(import.meta.dirname, 'push.test.ts') };
    expect(() => pushSigningKey(named)).toThrow(/^MESH_PUSH_SIGNING_KEY: names no file with a private key/);
    // Somebody who takes the setting for the key itself.
    const pem = '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n';
    expect(() => pushSigningKey({ ...settings, MESH_PUSH_SIGNING_KEY: pem })).toThrow(
      /^MESH_PUSH_SIGNING_KEY: names no file with a private key in PEM \(ENOENT\)$/,
    );
  });
});
