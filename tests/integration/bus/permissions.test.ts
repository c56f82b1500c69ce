/**
 * Who may do what on the NATS server of the mesh, tried on real servers: the installed one, and with
 * `MESH_NATS_SERVER_CURRENT` a current one as well. Owns: every subject of the table as every identity, and attacks by
 * name. Does not own: the table (tests/unit/bus/identities.test.ts).
 */
import { connect, type NatsConnection, nkeyAuthenticator, PermissionViolationError } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Identity, identities, permissionsOf } from '../../../bus/identities.ts';
import { answerAsKeeper } from '../../../bus/keeper.ts';
import { connectBus } from '../../../bus/nats-bus.ts';
import type { Bus } from '../../../bus/port.ts';
import { matchesFilter } from '../../../bus/subject-filter.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { factSubject, inboxSubject, journalSubject, tokenSubject } from '../../../schemas/events/subjects.ts';
import { makeIdentities } from '../../support/nats-identities.ts';
import { findNatsServer, type NatsServer, startNatsServer } from '../../support/nats-server.ts';
import { failure, until } from './contract-support.ts';

const TASK = newCorrelationId();
/** What no service may: administration of streams, everything at once, and what others hear. */
const NOBODYS = [
  '$JS.API.STREAM.DELETE.MESH',
  '$JS.API.STREAM.DELETE.KV_mesh-push',
  '$JS.API.STREAM.PURGE.MESH',
  '$JS.API.STREAM.SNAPSHOT.MESH',
  '$JS.API.STREAM.RESTORE.MESH',
  '$JS.API.STREAM.LIST',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.TEMPLATE.CREATE.x',
  '$JS.API.STREAM.CREATE.OTHER',
  '$JS.API.CONSUMER.CREATE.MESH',
  '$JS.API.CONSUMER.CREATE.MESH.x',
  '$JS.API.CONSUMER.CREATE.MESH.x.>',
  '$JS.API.CONSUMER.CREATE.MESH.x.mesh.>',
  '$JS.API.CONSUMER.DURABLE.CREATE.MESH.x',
  '$JS.API.CONSUMER.LIST.MESH',
  '$JS.API.CONSUMER.MSG.NEXT.MESH.x',
  '$JS.API.DIRECT.GET.MESH',
  `$JS.API.DIRECT.GET.MESH.${factSubject(TASK)}`,
  '$JS.API.DIRECT.GET.KV_mesh-push',
  '$JS.ACK.MESH.x.1.1.1.1.0',
  '$SYS.REQ.SERVER.PING',
  'anything.else',
];

/** A subject that a filter matches. */
const literal = (filter: string): string => filter.replaceAll('*', 'x').replace(/>$/, 'x.y');

/**
 * Whether who is allowed one filter may subscribe by another one. To the server a wildcard that is asked for is a token like
 * any other: so `a.*` lets in `a.>` as well, below which nobody may write.
 */
function covers(wide: string, narrow: string): boolean {
  const [one, other] = [wide.split('.'), narrow.split('.')];
  const ends = one.indexOf('>');
  if (ends < 0 ? one.length !== other.length : other.length <= ends) return false;
  const compared = ends < 0 ? one : one.slice(0, ends);
  return compared.every((token, at) => token === '*' || token === other[at]);
}

const allows = (list: readonly string[], subject: string): boolean =>
  list.some((filter) => matchesFilter(filter, subject));

const servers = [['the installed', findNatsServer()]] as [string, string][];
const current = process.env.MESH_NATS_SERVER_CURRENT;
if (current !== undefined && current !== '') servers.push(['a current', current]);

describe.each(servers)('on %s nats-server', (_name, binary) => {
  const keys = makeIdentities();
  let server: NatsServer;
  let owner: Bus;
  const open: (Bus | NatsConnection)[] = [];

  const busAs = async (identity: Identity, topology: 'make' | 'wait' = 'wait'): Promise<Bus> => {
    const seed = keys.seed(identity);
    const bus = await connectBus({ url: server.url, name: `test-${identity}`, identity, seed, topology });
    open.push(bus);
    return bus;
  };
  const rawAs = async (identity: Identity): Promise<NatsConnection> => {
    const authenticator = nkeyAuthenticator(new TextEncoder().encode(keys.seed(identity)));
    const nc = await connect({ servers: server.url, authenticator, inboxPrefix: `_INBOX.${identity}` });
    open.push(nc);
    return nc;
  };
  /** Subjects whose publishing the server refuses. */
  const refusedPublishes = async (identity: Identity, subjects: readonly string[]): Promise<Set<string>> => {
    const nc = await rawAs(identity);
    const refused = new Set<string>();
    void (async () => {
      for await (const status of nc.status())
        if (status.type === 'error' && status.error instanceof PermissionViolationError)
          refused.add(status.error.subject);
    })();
    // Refusals come in the order of the publishes.
    const last = 'nobody.may.this';
    for (const subject of [...subjects, last]) nc.publish(subject);
    await until(() => refused.delete(last), 'the last refusal');
    return refused;
  };

  beforeAll(async () => {
    server = await startNatsServer({ binary, extraConfig: keys.config });
    owner = await connectBus({ url: server.url, name: 'test-owner', identity: 'owner', seed: keys.seed('owner') });
    await (await busAs('keeper', 'make')).ensureTopology();
  });
  afterAll(async () => {
    for (const one of open) await one.close();
    await owner?.close();
    await server?.stop();
  });

  const universe = [
    ...new Set([...identities.flatMap((one) => permissionsOf(one)?.publish ?? []).map(literal), ...NOBODYS]),
  ];
  const limited = identities.filter((one) => permissionsOf(one) !== null);

  test.each(limited)('%s publishes what its row says, and nothing else', async (identity) => {
    const allowed = permissionsOf(identity)?.publish ?? [];
    const refused = await refusedPublishes(identity, universe);
    expect([...refused].sort()).toEqual(universe.filter((subject) => !allows(allowed, subject)).sort());
    expect(refused.size).toBeGreaterThan(universe.length / 4);
  });

  /** All that anybody hears or writes, as the table has it and as one subject of each, and wider than anybody may. */
  const heard = [
    ...new Set([
      ...identities.flatMap((one) => permissionsOf(one)?.subscribe ?? []),
      ...identities.flatMap((one) => permissionsOf(one)?.publish ?? []),
      ...universe,
      ...['>', 'mesh.>', '*.>', 'mesh.*', 'mesh.*.>', '_INBOX.>', '_ANSWER.>', '_INBOX.*', '$JS.>', '$KV.>', '$SRV.>'],
      ...[
        '$SYS.>',
        '$JS.EVENT.ADVISORY.>',
        'mesh.in.>',
        'mesh.events.>',
        'mesh.tasks',
        'mesh.tasks.>',
        'mesh.tokens.>',
      ],
      ...identities.flatMap((one) => [`_INBOX.${one}.>`, `_INBOX.${one}.x`, `_ANSWER.${one}.>`, `_ANSWER.${one}.x`]),
    ]),
  ];

  test.each(limited)('%s hears what its row says, and nothing else', async (identity) => {
    const nc = await rawAs(identity);
    const allowed = permissionsOf(identity)?.subscribe ?? [];
    const mayNot = heard.filter((subject) => !allowed.some((filter) => covers(filter, subject)));
    const refused: string[] = [];
    for (const subject of heard) {
      // With a queue as well: a list of what is denied could be passed by with one.
      for (const queue of [undefined, 'q']) {
        nc.subscribe(subject, {
          ...(queue === undefined ? {} : { queue }),
          callback: (error) => {
            if (error !== null) refused.push(subject);
          },
        });
      }
    }
    // Refusals come in the order of the subscriptions, and the answer after them.
    await nc.flush();
    await until(() => refused.length >= 2 * mayNot.length, 'every subscription is refused');
    expect(refused.toSorted()).toEqual(mayNot.flatMap((subject) => [subject, subject]).sort());
    expect(mayNot.length).toBeGreaterThan(heard.length - 30);
  });

  test('nobody comes in without a key, or with one of somebody else', async () => {
    const strange = makeIdentities().seed('owner');
    for (const credentials of [{}, { seed: strange }]) {
      const error = await failure(connectBus({ url: server.url, name: 'stranger', ...credentials }));
      expect([error.code, error.message]).toEqual(['refused', expect.stringContaining('refuses these credentials')]);
    }
    const withPassword = server.url.replace('//', '//mesh:secret-of-mine@');
    const error = await failure(connectBus({ url: withPassword, name: 'stranger' }));
    expect(error.code).toBe('refused');
    expect(error.message).not.toContain('secret-of-mine');
  });

  test('a role cannot write the journal or the facts of another, nor read where it has no business', async () => {
    const llm = await busAs('llm');
    const forged = [
      factSubject(TASK),
      journalSubject('agents', 0),
      'mesh.checkpoint.agents.0',
      journalSubject('tools', 0),
      'mesh.tasks',
    ];
    for (const subject of forged) expect((await failure(llm.publish({ subject, body: '{}' }))).code).toBe('refused');
    expect((await failure(llm.kv('push').get('a'))).code).toBe('refused');
    expect((await failure(llm.kv('config').put('ROUTER_TIMEOUT_MS', '1'))).code).toBe('refused');
    expect((await failure(llm.read({ filter: 'mesh.events.*', fromSeq: 1, onMessage: () => undefined }))).code).toBe(
      'refused',
    );
    expect((await failure(llm.setMaxAge(1000))).code).toBe('refused');
    // What is its own it may, and answer the tools that asked it for a choice.
    await llm.publish({ subject: inboxSubject('tools', TASK), body: '{}' });
    await llm.publish({ subject: journalSubject('llm', 0), body: '{}' });
    expect(await llm.getLast(journalSubject('llm', 0))).not.toBeNull();
    expect(await owner.getLast(factSubject(TASK))).toBeNull();
  });

  test('who may submit, may submit and no more', async () => {
    const nc = await rawAs('public');
    const { lastSeq } = await owner.streamInfo();
    nc.publish('mesh.tasks', 'hello');
    await until(async () => (await owner.streamInfo()).lastSeq === lastSeq + 1, 'the task is stored');
    expect([...(await refusedPublishes('public', ['mesh.tasks.doors', 'mesh.tasks.x', 'mesh.tasks']))].sort()).toEqual([
      'mesh.tasks.doors',
      'mesh.tasks.x',
    ]);
    const public_ = await failure(busAs('public'));
    expect(public_.code).toBe('no_jetstream');
  });

  test('an acknowledgement is no order to the server', async () => {
    const nc = await rawAs('public');
    await owner.kv('config').put('ROUTER_TIMEOUT_MS', '100');
    await owner.publish({ subject: 'mesh.tasks', body: 'the first' });
    const { firstSeq } = await owner.streamInfo();
    for (const stream of ['MESH', 'KV_mesh-config', 'KV_mesh-leases', 'MESH_QUARANTINE'])
      for (const order of ['STREAM.PURGE', 'STREAM.MSG.DELETE', 'STREAM.DELETE', 'STREAM.UPDATE'])
        nc.publish('mesh.tasks', 'x', { reply: `$JS.API.${order}.${stream}` });
    await nc.flush();
    // Answered after all that came before it.
    await owner.publish({ subject: 'mesh.tasks', body: 'the last' });
    expect((await owner.streamInfo()).firstSeq).toBe(firstSeq);
    expect((await owner.kv('config').get('ROUTER_TIMEOUT_MS'))?.value).toBe('100');
    expect((await owner.streamInfo('quarantine')).lastSeq).toBeGreaterThanOrEqual(0);
  });

  test('the filter of a reader is the one it may have', async () => {
    const llm = await rawAs('llm');
    const subject = '$JS.API.CONSUMER.CREATE.MESH.x.mesh.journal.llm.*';
    const config = { name: 'x', deliver_subject: '_INBOX.llm.x', ack_policy: 'none', mem_storage: true };
    for (const filter of [
      { filter_subject: 'mesh.>' },
      { filter_subjects: ['mesh.journal.llm.*', 'mesh.events.*'] },
      {},
    ]) {
      const answer = await llm.request(
        subject,
        JSON.stringify({ stream_name: 'MESH', config: { ...config, ...filter } }),
      );
      expect(answer.json<{ error?: { code: number } }>().error?.code).toBe(400);
    }
  });

  test('what the server is told to deliver elsewhere is still what its writer may write, and no fact', async () => {
    const [llm, listener] = await Promise.all([rawAs('llm'), rawAs('owner')]);
    const heardAs: string[] = [];
    // Nothing is delivered where nobody listens; the log alone is nobody.
    listener.subscribe(factSubject(TASK), { callback: (_error, { subject }) => void heardAs.push(subject) });
    await listener.flush();
    await owner.publish({ subject: 'mesh.tasks', body: 'one before' });
    const { lastSeq } = await owner.streamInfo();
    llm.publish('mesh.checkpoint.llm.7', '{"forged":true}');
    await llm.flush();
    const config = { name: 'x', deliver_subject: factSubject(TASK), filter_subject: 'mesh.checkpoint.llm.*' };
    const options = { ack_policy: 'none', mem_storage: true, deliver_policy: 'all' };
    const asked = '$JS.API.CONSUMER.CREATE.MESH_CHECKPOINTS.x.mesh.checkpoint.llm.*';
    const order = { stream_name: 'MESH_CHECKPOINTS', config: { ...config, ...options } };
    const answer = await llm.request(asked, JSON.stringify(order));
    expect(answer.json<{ error?: object }>().error).toBeUndefined();
    // It comes into the log, where nobody reads that subject.
    await until(async () => (await owner.streamInfo()).lastSeq > lastSeq, 'it is delivered');
    expect((await owner.get(lastSeq + 1))?.subject).toBe('mesh.checkpoint.llm.7');
    await until(() => heardAs.length > 0, 'the listener hears it');
    expect(heardAs).toEqual(['mesh.checkpoint.llm.7']);
    expect(await owner.getLast(factSubject(TASK))).toBeNull();
    // In one stream the server itself refuses it.
    const own = { ...config, ...options, filter_subject: 'mesh.journal.llm.*' };
    const within = await llm.request(
      '$JS.API.CONSUMER.CREATE.MESH.x.mesh.journal.llm.*',
      JSON.stringify({ stream_name: 'MESH', config: own }),
    );
    expect(within.json<{ error?: { code: number } }>().error?.code).toBe(400);
  });

  test('answers reach who asked, and nobody else may give itself out as that', async () => {
    const [gateway, agents] = await Promise.all([busAs('gateway'), busAs('agents')]);
    const end = agents.answerVolatile('mesh.recall.*', () => 'kept');
    await until(
      async () => (await gateway.askVolatile(`mesh.recall.${TASK}`, '', { answers: 1, limitMs: 1000 })).length === 1,
      'the question is answered',
    );
    end();
    const heard: string[] = [];
    gateway.subscribeVolatile(tokenSubject(TASK), (subject) => heard.push(subject));
    await until(() => {
      agents.publishVolatile(tokenSubject(TASK), '{}');
      return heard.length > 0;
    }, 'the text arrives');
  });

  test('a stream that is taken away is made again by the keeper, for whoever asks', async () => {
    const keeper = await busAs('keeper', 'make');
    const agents = await busAs('agents');
    expect((await failure(keeper.purge('mesh.checkpoint.agents.0', 5, 'checkpoints'))).code).toBe('refused');
    const raw = await connect({
      ...{ servers: server.url, inboxPrefix: '_INBOX.owner' },
      authenticator: nkeyAuthenticator(new TextEncoder().encode(keys.seed('owner'))),
    });
    await raw.request('$JS.API.STREAM.DELETE.MESH');
    await raw.request('$JS.API.STREAM.DELETE.KV_mesh-leases');
    await raw.close();
    const missing = await failure(agents.ensureTopology());
    expect([missing.code, missing.message]).toEqual(['unavailable', expect.stringContaining('KV_mesh-leases')]);
    const end = answerAsKeeper(keeper);
    const made = () =>
      agents.ensureTopology().then(
        () => true,
        () => false,
      );
    await until(made, 'the keeper has made it');
    expect((await agents.streamInfo()).lastSeq).toBe(0);
    end();
  });
});
