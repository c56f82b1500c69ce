/** Copies of the log in a cluster: three real servers, and the loss of one. */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import { afterEach, describe, expect, it } from 'vitest';
import { connectBus } from '../../../bus/nats-bus.ts';
import { STREAM } from '../../../schemas/events/subjects.ts';
import { type NatsCluster, startNatsCluster } from '../../support/nats-cluster.ts';

const COPIES = 3;
/** Four streams and five buckets. */
const STREAMS = 9;
const LEADER_LIMIT_MS = 90_000;
let cluster: NatsCluster | null = null;

afterEach(() => cluster?.stop());

/** Tries until the cluster has a leader. */
async function eventually<T>(action: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + LEADER_LIMIT_MS;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

async function copiesOfStreams(url: string): Promise<Record<string, number>> {
  const nc = await connect({ servers: url.split(',').map((one) => one.replace('nats://', '')) });
  try {
    const jsm = await jetstreamManager(nc);
    const streams = await jsm.streams.list().next();
    return Object.fromEntries(streams.map(({ config }) => [config.name, config.num_replicas]));
  } finally {
    await nc.close();
  }
}

describe('copies of the log', () => {
  it('streams and buckets have as many as asked; one that asks for fewer takes none away', async () => {
    cluster = await startNatsCluster(COPIES);
    const { url, servers } = cluster;
    const open = async (replicas: number): Promise<void> => {
      const bus = await connectBus({ url, name: `copies-${replicas}`, replicas });
      try {
        await bus.ensureTopology();
      } finally {
        await bus.close();
      }
    };
    await eventually(() => open(1));
    const single = await eventually(async () => {
      const found = await copiesOfStreams(url);
      expect(Object.keys(found)).toHaveLength(STREAMS);
      return found;
    });
    expect(new Set(Object.values(single))).toEqual(new Set([1]));
    await eventually(() => open(COPIES));
    await eventually(() => open(1));
    const raised = Object.fromEntries(Object.keys(single).map((name) => [name, COPIES]));
    // A list tells the streams that have a leader by then.
    await eventually(async () => expect(await copiesOfStreams(url)).toEqual(raised));

    await servers[0]?.kill();
    const left = servers
      .slice(1)
      .map((server) => server.url)
      .join(',');
    await eventually(async () => expect((await copiesOfStreams(left))[STREAM]).toBe(COPIES));
  });
});
