import { once } from 'node:events';
import { cp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect } from 'nats';
import { afterEach, describe, expect, test } from 'vitest';
import { connectBus } from '../../../bus/nats-bus.ts';
import type { Bus } from '../../../bus/port.ts';
import { isAtLeast } from '../../../bus/server-version.ts';
import { ensureTopology, missingStreams } from '../../../bus/topology.ts';
import { freezeProcess, thawProcess } from '../../support/kill.ts';
import type { NatsServer, NatsServerOptions } from '../../support/nats-server.ts';
import { findNatsServer, freePort, startNatsServer } from '../../support/nats-server.ts';
import { testBusContract } from './contract.ts';
import type { BusHarness } from './contract-support.ts';
import { failure, textOf, until } from './contract-support.ts';

async function natsHarness(binary: string): Promise<BusHarness> {
  const server = await startNatsServer({ binary });
  const nc = await connect({ servers: server.url });
  const version = nc.info?.version ?? '';
  await nc.close();
  return {
    repeated: isAtLeast(version, [2, 12, 0]) ? 'conflict' : 'duplicate',
    connect: (name, options) => connectBus({ url: server.url, name, ...options }),
    kill: () => server.kill(),
    start: () => server.start(),
    stop: () => server.stop(),
    wipe: () => deleteStreams(server),
    powerLossAfter: async (action) => {
      const kept = `${server.storeDir}-kept`;
      await server.kill();
      await cp(server.storeDir, kept, { recursive: true });
      await server.start();
      await action();
      await server.kill();
      await rm(server.storeDir, { recursive: true });
      await cp(kept, server.storeDir, { recursive: true });
      await server.start();
    },
  };
}

async function deleteStreams(server: NatsServer): Promise<void> {
  const nc = await connect({ servers: server.url });
  const jsm = await jetstreamManager(nc);
  for (const name of await jsm.streams.names().next()) await jsm.streams.delete(name);
  await nc.close();
}

testBusContract('nats-bus on the installed nats-server', () => natsHarness(findNatsServer()));

const binaries = [['installed', findNatsServer()]];
const current = process.env.MESH_NATS_SERVER_CURRENT;
if (current !== undefined && current !== '') {
  binaries.push(['current', current]);
  testBusContract('nats-bus on a current nats-server', () => natsHarness(current));
}

describe('nats-bus', () => {
  const cleanups: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const startServer = async (options: NatsServerOptions = {}) => {
    const server = await startNatsServer(options);
    cleanups.push(() => server.stop());
    return server;
  };
  const open = async (url: string): Promise<Bus> => {
    const bus = await connectBus({ url, name: 'test' });
    cleanups.push(() => bus.close());
    return bus;
  };

  test('an address where nobody listens fails quickly and names it', async () => {
    const url = `nats://user:secret@127.0.0.1:${await freePort()}`;
    const begun = performance.now();
    const error = await failure(connectBus({ url, name: 'test' }));
    expect(error.code).toBe('unreachable');
    expect(error.message).toContain(url.replace('user:secret@', ''));
    expect(error.message).not.toContain('secret');
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect((await failure(connectBus({ url: 'not an address', name: 'test' }))).code).toBe('unreachable');
  });

  test('a server known to lose streams is refused', async () => {
    const greeting = {
      server_id: 'X',
      version: '2.10.21',
      max_payload: 1024,
      proto: 1,
      headers: true,
      jetstream: true,
    };
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes) => {
        if (bytes.includes('PING')) socket.write('PONG\r\n');
      });
      socket.write(`INFO ${JSON.stringify(greeting)}\r\n`);
    });
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const error = await failure(connectBus({ url: `nats://127.0.0.1:${port}`, name: 'test' }));
    expect(error.code).toBe('unsupported_server');
    expect(error.message).toContain('2.10.21');
    server.close();
    await once(server, 'close');
  });

  test('one of several addresses is enough', async () => {
    const server = await startServer();
    const bus = await open(`nats://127.0.0.1:${await freePort()},${server.url}`);
    await bus.ensureTopology();
    expect(bus.serverVersion).toMatch(/^\d+\.\d+\.\d+/);
    expect(bus.maxPayloadBytes).toBe(8 * 1024 * 1024);
  });

  test('a server without JetStream is refused with what to do', async () => {
    const server = await startServer({ jetStream: false });
    const error = await failure(connectBus({ url: server.url, name: 'test' }));
    expect(error.code).toBe('no_jetstream');
    expect(error.message).toMatch(/JetStream.*-js/);
  });

  test('credentials come from the address; a forbidden subject is refused at once', async () => {
    const users = `authorization { users = [
      { user: mesh, password: "p@ss:word" }
      { user: limited, password: x, permissions: { publish: ["$JS.API.>", "_INBOX.>"], subscribe: ">" } }
    ] }`;
    const server = await startServer({ extraConfig: users });
    const at = (credentials: string) => server.url.replace('nats://', `nats://${credentials}@`);
    const bus = await open(at('mesh:p%40ss%3Aword'));
    await bus.ensureTopology();
    await bus.publish({ subject: 'mesh.tasks', body: 'x' });
    expect((await failure(connectBus({ url: at('mesh:wrong'), name: 'test' }))).code).toBe('refused');
    const limited = await open(at('limited:x'));
    const begun = performance.now();
    expect((await failure(limited.publish({ subject: 'mesh.tasks', body: 'x' }))).code).toBe('refused');
    expect(performance.now() - begun).toBeLessThan(15_000);
  });

  test('the store removed while the server was down: readers are told, the identity is another', async () => {
    const server = await startServer();
    const bus = await open(server.url);
    await bus.ensureTopology();
    const before = await bus.streamInfo();
    const errors: string[] = [];
    await bus.read({
      filter: 'mesh.tasks',
      fromSeq: 1,
      onMessage: () => undefined,
      onError: (e) => errors.push(e.code),
    });
    await server.kill();
    await server.wipeStore();
    await server.start();
    await until(() => errors.length === 1, 'the reader has been told');
    expect(errors).toEqual(['unavailable']);
    await bus.ensureTopology();
    expect((await bus.streamInfo()).identity).not.toBe(before.identity);
  });

  test('a stream that exists with other limits is brought in line, and keeps what it stores', async () => {
    const server = await startServer();
    const nc = await connect({ servers: server.url });
    cleanups.push(() => nc.close());
    const jsm = await jetstreamManager(nc);
    const description = 'Agent Mesh log, format 2';
    await jsm.streams.add({ name: 'MESH', description, subjects: ['mesh.tasks'], max_msgs: 1_000_000 });
    nc.publish('mesh.tasks', 'early');
    await nc.flush();
    const bus = await open(server.url);
    await bus.ensureTopology();
    const { config } = await jsm.streams.info('MESH');
    expect(config.subjects).toEqual(['mesh.tasks', 'mesh.tasks.>', 'mesh.in.>', 'mesh.events.*', 'mesh.journal.*.*']);
    expect(config.max_msgs).toBe(1_000_000);
    expect(config.allow_direct).toBe(true);
    const [stored] = await bus.readLast('mesh.tasks');
    expect(stored && textOf(stored)).toBe('early');
    expect(stored?.header('traceparent')).toBe('');
  });

  test('a record takes little room whatever the server, and is read as it was written', async () => {
    const server = await startServer();
    const bus = await open(server.url);
    await bus.ensureTopology();
    const { jsm, nc } = await manage(server.url);
    const [journal, facts] = ['mesh.journal.agents.3', 'mesh.events.0192fd9f-7a6c-7b3e-8c33-1d4b6f2c1a01'];
    const record = JSON.stringify([{ type: 'a record', data: 'of one commit and another. '.repeat(100) }]);
    nc.publish(journal, record);
    await nc.flush();
    const headers = { 'content-type': 'application/cloudevents-batch+json' };
    const { seq } = await bus.publish({ subject: journal, body: record, headers, expectLastSeq: 1 });
    await bus.publish({ subject: facts, body: record });
    const stored = await jsm.streams.getMessage('MESH', { seq });
    const { config } = await jsm.streams.info('MESH');
    expect(config.compression === 's2' || (stored?.data.length ?? 0) < record.length / 4).toBe(true);
    expect(stored?.header.get('content-type')).toBe(headers['content-type']);
    const fact = await jsm.streams.getMessage('MESH', { last_by_subj: facts });
    expect(fact?.string()).toBe(record);
    const read: string[] = [];
    const reader = await bus.read({ filter: journal, fromSeq: 1, onMessage: (message) => read.push(textOf(message)) });
    await reader.caughtUp;
    const others = [await bus.getLast(journal), await bus.get(seq), ...(await bus.readLast(journal))];
    expect([...read, ...others.map((one) => one && textOf(one))]).toEqual(Array(5).fill(record));
    const named = [...(others[0]?.headers() ?? [])].filter(([name]) => !name.toLowerCase().startsWith('nats-'));
    expect(named).toEqual(Object.entries(headers));
  });

  test('streams, buckets and consumers say what they are for, also those that were there before', async () => {
    const server = await startServer();
    const { jsm, nc } = await manage(server.url);
    await new Kvm(nc).create('mesh-leases', { history: 1 });
    await jsm.streams.add({ name: 'MESH_TELEMETRY', description: 'of ops', subjects: ['mesh.telemetry.>'] });
    const bus = await open(server.url);
    await bus.ensureTopology();
    const described = new Map<string, string>();
    for await (const { config } of jsm.streams.list()) described.set(config.name, config.description ?? '');
    expect(described.get('MESH_TELEMETRY')).toBe('of ops');
    expect(described.get('KV_mesh-leases')).toMatch(/partition/);
    expect(described.get('MESH_CHECKPOINTS')).toMatch(/Checkpoints .* Agent Mesh log, format \d/);
    expect([...described.values()]).not.toContain('');
    expect(described.size).toBe(9);
    await bus.read({ filter: 'mesh.in.coder.>', fromSeq: 1, onMessage: () => undefined });
    const consumers = await jsm.consumers.list('MESH').next();
    expect(consumers.map(({ name }) => name)).toEqual([expect.stringMatching(/^[\w-]*_mesh-in-coder-all_\w{22}$/)]);
    expect(consumers[0]?.config.description).toMatch(/reads mesh\.in\.coder\.>$/);
  });

  const manage = async (url: string) => {
    const nc = await connect({ servers: url });
    cleanups.push(() => nc.close());
    return { nc, jsm: await jetstreamManager(nc) };
  };

  test.each([
    ['without a description', {}, /^the stream MESH holds 1 messages of an earlier Agent Mesh .*names no format/],
    ['of another description', { description: 'our log' }, /names no format.*delete the stream MESH.*nats\/.*ledger\//],
    ['of an older format', { description: 'Agent Mesh log, format 1' }, /is of format 1, this one reads format 2/],
    ['of a newer format', { description: 'Agent Mesh log, format 3' }, /newer Agent Mesh \(log format 3.*: upgrade$/],
  ])('a log %s is refused and left as it was', async (_, described, reason) => {
    const server = await startServer();
    const { nc, jsm } = await manage(server.url);
    await jsm.streams.add({ name: 'MESH', subjects: ['mesh.tasks'], ...described });
    nc.publish('mesh.tasks', 'early');
    await nc.flush();
    const before = await jsm.streams.info('MESH');
    const bus = await open(server.url);
    const error = await failure(bus.ensureTopology());
    expect(error.code).toBe('refused');
    expect(error.message).toMatch(reason);
    expect((await jsm.streams.info('MESH')).config).toEqual(before.config);
    expect(await jsm.streams.names().next()).toEqual(['MESH']);
  });

  test('an empty log of an older format is taken over, one of a newer is refused', async () => {
    const server = await startServer();
    const { nc, jsm } = await manage(server.url);
    await jsm.streams.add({ name: 'MESH', subjects: ['mesh.tasks'] });
    nc.publish('mesh.tasks', 'long gone');
    await nc.flush();
    await jsm.streams.purge('MESH');
    await (await open(server.url)).ensureTopology();
    expect((await jsm.streams.info('MESH')).config.description).toBe('Agent Mesh log, format 2');
    await jsm.streams.update('MESH', { description: 'Agent Mesh log, format 3' });
    expect((await failure((await open(server.url)).ensureTopology())).message).toMatch(/upgrade/);
  });

  test('what an operator writes around the format does not hide it', async () => {
    const server = await startServer();
    const { jsm } = await manage(server.url);
    const bus = await open(server.url);
    await bus.ensureTopology();
    await bus.publish({ subject: 'mesh.tasks', body: 'x' });
    await jsm.streams.update('MESH', { description: 'Production: Agent Mesh log, format 2 (do not touch)' });
    await bus.ensureTopology();
    expect((await bus.streamInfo()).lastSeq).toBe(1);
  });

  test.each([
    ['subjects overlap with an existing stream', 10065],
    ['stream name already in use with a different configuration', 10058],
  ])(
    'a stream that another process made between the two looks of the server is joined: %s',
    async (description, code) => {
      const server = await startServer();
      const { nc, jsm } = await manage(server.url);
      const add = jsm.streams.add.bind(jsm.streams);
      jsm.streams.add = async (config) => {
        await add(config);
        throw new JetStreamApiError({ code: 400, err_code: code, description });
      };
      await ensureTopology(nc, jsm);
      expect(await missingStreams(jsm)).toEqual([]);
    },
  );

  test('a stream of somebody else on our subjects is an error, and theirs stays', async () => {
    const server = await startServer();
    const { nc, jsm } = await manage(server.url);
    await jsm.streams.add({ name: 'THEIRS', subjects: ['mesh.tasks'] });
    await expect(ensureTopology(nc, jsm)).rejects.toThrow(/overlap/);
    expect((await jsm.streams.info('THEIRS')).config.subjects).toEqual(['mesh.tasks']);
  });

  test.each(binaries)(
    'checkpoints never age; log and checkpoints are compressed where the server can: %s',
    async (_, binary) => {
      const server = await startServer({ binary });
      const { jsm } = await manage(server.url);
      // As a server without compression leaves them: there, and not compressed.
      const description = 'Agent Mesh log, format 2';
      await jsm.streams.add({ name: 'MESH', description, subjects: ['mesh.tasks'] });
      const bus = await open(server.url);
      await bus.ensureTopology();
      await bus.ensureTopology();
      const [log, checkpoints] = [await jsm.streams.info('MESH'), await jsm.streams.info('MESH_CHECKPOINTS')];
      expect(checkpoints.config).toMatchObject({ max_age: 0, storage: 'file', allow_direct: true });
      expect(checkpoints.config.description).toContain(description);
      expect(checkpoints.config.duplicate_window).toBe(log.config.duplicate_window);
      const compression = isAtLeast(bus.serverVersion, [2, 10, 0]) ? 's2' : undefined;
      expect([log.config.compression, checkpoints.config.compression]).toEqual([compression, compression]);
      expect((await jsm.streams.info('MESH_TELEMETRY')).config.compression ?? 'none').toBe('none');
    },
  );

  test('a server that hangs: a publish fails at its deadline, and tried again it is stored once', async () => {
    const server = await startServer();
    const bus = await open(server.url);
    await bus.ensureTopology();
    const { pid } = server;
    if (pid === null) throw new Error('the server must run');
    await freezeProcess(pid);
    const error = await failure(bus.publish({ subject: 'mesh.tasks', body: 'x', msgId: 'm' }));
    thawProcess(pid);
    expect(error.code).toBe('unavailable');
    expect(error.message).toMatch(/no PubAck within/);
    await bus.publish({ subject: 'mesh.tasks', body: 'x', msgId: 'm' });
    expect((await bus.streamInfo()).lastSeq).toBe(1);
  });

  test('a stream at its limit refuses for good', async () => {
    const server = await startServer();
    const bus = await open(server.url);
    await bus.ensureTopology();
    const nc = await connect({ servers: server.url });
    cleanups.push(() => nc.close());
    const jsm = await jetstreamManager(nc);
    await jsm.streams.update('MESH', { max_msg_size: 100 });
    const error = await failure(bus.publish({ subject: 'mesh.tasks', body: 'x'.repeat(200) }));
    expect(error.code).toBe('refused');
    expect(error.message).toMatch(/size exceeds/);
  });
});
