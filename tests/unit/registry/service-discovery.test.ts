/** NATS service discovery, by the bytes of its answers (NATS ADR-32). The real CLI asks in tests/integration/registry. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryBus, createMemoryLog, type MemoryBus } from '../../../bus/memory-bus.ts';
import { answerDiscovery, type DiscoveredService } from '../../../registry/service-discovery.ts';

const service: DiscoveredService = {
  ...{ name: 'mesh-tools', id: 'desk-1', version: '0.1.0', description: 'runs tools' },
  ...{ metadata: { roles: 'tools' }, startedAt: '2026-11-25T15:00:00.000Z' },
  endpoints: [
    {
      ...{ name: 'tools-run', subject: 'mesh.in.tools.>', metadata: { concurrency: '8' } },
      ...{ requests: 4, errors: 1, lastError: 'refused', busyMs: 10.5 },
    },
  ],
};
let bus: MemoryBus;

beforeEach(() => {
  bus = createMemoryBus(createMemoryLog());
});
afterEach(() => bus.close());

const ask = async (subject: string): Promise<unknown[]> => {
  const answers = await bus.askVolatile(subject, '', { answers: 5, limitMs: 50 });
  return answers.map((data) => JSON.parse(new TextDecoder().decode(data)) as unknown);
};
const named = { name: 'mesh-tools', id: 'desk-1', version: '0.1.0', metadata: { roles: 'tools' } };

describe('service discovery', () => {
  it.each(['$SRV.PING', '$SRV.PING.mesh-tools', '$SRV.PING.mesh-tools.desk-1'])('answers %s', async (subject) => {
    answerDiscovery(bus, () => service);
    expect(await ask(subject)).toEqual([{ type: 'io.nats.micro.v1.ping_response', ...named }]);
  });

  it('answers INFO with its endpoints', async () => {
    answerDiscovery(bus, () => service);
    const endpoint = { name: 'tools-run', subject: 'mesh.in.tools.>', queue_group: '', metadata: { concurrency: '8' } };
    expect(await ask('$SRV.INFO.mesh-tools')).toEqual([
      { type: 'io.nats.micro.v1.info_response', ...named, description: 'runs tools', endpoints: [endpoint] },
    ]);
  });

  it('answers STATS, in nanoseconds', async () => {
    answerDiscovery(bus, () => service);
    expect(await ask('$SRV.STATS')).toEqual([
      {
        ...{ type: 'io.nats.micro.v1.stats_response', ...named, started: '2026-11-25T15:00:00.000Z' },
        endpoints: [
          {
            ...{ name: 'tools-run', subject: 'mesh.in.tools.>', queue_group: '', num_requests: 4, num_errors: 1 },
            ...{ last_error: 'refused', processing_time: 10_500_000, average_processing_time: 2_625_000 },
          },
        ],
      },
    ]);
  });

  it('says nothing to a question for another service, and nothing when it has ended', async () => {
    const end = answerDiscovery(bus, () => service);
    expect(await ask('$SRV.PING.mesh-llm')).toEqual([]);
    end();
    expect(await ask('$SRV.PING')).toEqual([]);
  });

  it('makes a name and an id that can be tokens of a subject', async () => {
    answerDiscovery(bus, () => ({ ...service, id: 'my.host *>' }));
    expect(await ask('$SRV.PING.mesh-tools.my_host___')).toMatchObject([{ id: 'my_host___' }]);
  });
});
