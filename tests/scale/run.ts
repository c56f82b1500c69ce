/**
 * A mesh scaled out, for real: processes, ledgers, leases and three nats-servers on loopback, each killed or paused under
 * load. Owns: the run and its verdict.
 *
 *   node tests/scale/run.ts            small: two hosts of agents and tools each, killed, paused, rolled
 *   node tests/scale/run.ts --large    a standby, every host in turn, the servers of NATS, all hosts of a service at once
 *   node tests/scale/run.ts --throughput    tasks on 1, 2 and 4 hosts, interleaved (docs/scaling.md)
 *
 * Exit code 0 when nothing was lost, nothing was done twice and every takeover was in time.
 */
import { scriptOptions } from '../../cli/script-options.ts';
import { exitWhenWritten } from '../../cli/written.ts';
import { startLoad } from '../chaos/load.ts';
import { createRandom } from '../chaos/random.ts';
import { Mesh } from '../support/mesh.ts';
import type { NatsCluster } from '../support/nats-cluster.ts';
import { addHost, type HostPlan, Leases } from './hosts.ts';
import { measureThroughput } from './throughput.ts';
import { killHost, loseServer, needStandby, pauseHost, rollHosts, shared, type Trial } from './trial.ts';

const COPIES = 3;
const CALLERS = 4;
/** As shipped in the large form; shorter where seconds count. */
const LEASE_TTL_MS = { large: 5000, small: 1500 };

const { values } = await scriptOptions({
  options: {
    large: { type: 'boolean', default: false },
    throughput: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
});
const say = (text: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

const few: readonly HostPlan[] = [
  { service: 'agents', letter: 'a' },
  { service: 'agents', letter: 'b' },
  { service: 'llm', letter: 'a' },
  { service: 'tools', letter: 'a' },
  { service: 'tools', letter: 'b' },
];
const hosts: readonly HostPlan[] = values.large ? [...few, { service: 'agents', letter: 's', standby: true }] : few;

async function openMesh(): Promise<{ mesh: Mesh; cluster: NatsCluster }> {
  const leaseTtlMs = values.large ? LEASE_TTL_MS.large : LEASE_TTL_MS.small;
  const mesh = await Mesh.open('scale', { services: [], copies: COPIES, leaseTtlMs });
  const { nats } = mesh;
  if (!('servers' in nats)) throw new Error('this trial needs a cluster of NATS');
  return { mesh, cluster: nats as NatsCluster };
}

async function steps(trial: Trial): Promise<number[]> {
  const [agentsA, , , toolsA, toolsB] = few;
  if (agentsA === undefined || toolsA === undefined || toolsB === undefined) throw new RangeError('no hosts');
  const takeovers: number[] = [];
  if (!values.large) {
    takeovers.push(await killHost(trial, agentsA));
    takeovers.push(await pauseHost(trial, toolsB));
    return takeovers;
  }
  for (const plan of few) if (plan.service !== 'llm') takeovers.push(await killHost(trial, plan));
  for (const plan of few) if (plan.service !== 'llm') takeovers.push(await pauseHost(trial, plan));
  takeovers.push(await needStandby(trial, 'agents'));
  await loseServer(trial, 'leader');
  await loseServer(trial, 'follower');
  await rollHosts(trial);
  return takeovers;
}

async function run(): Promise<boolean> {
  const { mesh, cluster } = await openMesh();
  let isGood = false;
  try {
    const leases = await Leases.open(mesh);
    for (const plan of hosts) await addHost(mesh, plan).start();
    const load = startLoad({ mesh, random: createRandom(Number(values.seed)), callers: CALLERS, own: null });
    const trial: Trial = { mesh, cluster, leases, load, hosts, say };
    for (const service of ['agents', 'tools'] as const)
      say(`${service} shared after ${await shared(trial, service)} ms`);
    const takeovers = await steps(trial);
    await load.finish();
    const lost = load.asked.filter(({ ended }) => !ended);
    const doubled = load.asked.filter(({ path }) => path !== '' && mesh.counter.deeds(path) > 1);
    const report = {
      ...{ tasks: load.asked.length, lost: lost.length, doneTwice: doubled.length },
      ...{ askedWhatHappened: load.asked.filter(({ unknown }) => unknown).length, takeoversMs: takeovers },
      endsToldTwice: load.asked.filter(({ id }) => mesh.watch.terminal(id).length > 1).length,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    isGood = report.lost + report.doneTwice + report.endsToldTwice === 0;
    await leases.close();
  } finally {
    await mesh.close({ keepLogs: !isGood });
  }
  return isGood;
}

if (values.throughput) {
  process.stdout.write(`${JSON.stringify(await measureThroughput(say), null, 2)}\n`);
  await exitWhenWritten(0);
} else await exitWhenWritten((await run()) ? 0 : 1);
