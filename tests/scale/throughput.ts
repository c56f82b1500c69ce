/**
 * Tasks on 1, 2 and 4 hosts of agents, in turns on one mesh each, so that what else the machine does weighs on all alike.
 * Owns: measuring tasks a second and CPU time a task. Does not own: what the numbers mean (docs/scaling.md).
 */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { Mesh } from '../support/mesh.ts';
import { addHost, Leases } from './hosts.ts';
import { shared } from './trial.ts';

const HOSTS = [1, 2, 4] as const;
const ROUNDS = 2;
const TASKS = 80;
const LETTERS = ['a', 'b', 'c', 'd'] as const;
/** Of the kernel's clock, in which /proc counts. */
const TICKS_PER_SECOND = 100;

export interface Throughput {
  readonly hosts: number;
  readonly tasksPerSecond: number;
  /** Of all processes of the mesh, milliseconds a task. */
  readonly cpuMsPerTask: number;
  readonly load: number;
}

/** User and system time of a process, milliseconds. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

async function openWith(count: number): Promise<Mesh> {
  const mesh = await Mesh.open(`scale-${count}`, { services: ['tools', 'llm'], leaseTtlMs: 1500 });
  const hosts = LETTERS.slice(0, count).map((letter) => ({ service: 'agents', letter }) as const);
  for (const plan of hosts) await addHost(mesh, plan).start();
  const leases = await Leases.open(mesh);
  const nobody = { asked: [], finish: () => Promise.resolve() };
  // Nothing is killed here: the servers of a cluster are not asked for.
  const cluster = { ...mesh.nats, servers: [mesh.nats] };
  await shared({ mesh, cluster, leases, load: nobody, hosts, say: () => undefined }, 'agents');
  await leases.close();
  return mesh;
}

async function round(mesh: Mesh, hosts: number): Promise<Throughput> {
  const pids = [mesh.nats.pid ?? 0, ...mesh.services.map(({ life }) => life.pid)];
  const spent = (): number => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const [cpuBefore, beganMs] = [spent(), performance.now()];
  await Promise.all(
    Array.from({ length: TASKS }, async () => {
      const id = await mesh.submit('tool:clock {}', newCorrelationId());
      await mesh.watch.result(id, 120_000);
    }),
  );
  const seconds = (performance.now() - beganMs) / 1000;
  return {
    hosts,
    tasksPerSecond: Math.round((TASKS / seconds) * 10) / 10,
    cpuMsPerTask: Math.round(((spent() - cpuBefore) / TASKS) * 10) / 10,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}

export async function measureThroughput(say: (text: string) => void): Promise<Throughput[]> {
  const meshes: { count: number; mesh: Mesh }[] = [];
  const found: Throughput[] = [];
  try {
    for (const count of HOSTS) meshes.push({ count, mesh: await openWith(count) });
    for (let at = 0; at <= ROUNDS; at += 1)
      for (const { count, mesh } of meshes) {
        const one = await round(mesh, count);
        say(`round ${at}: ${JSON.stringify(one)}`);
        // The first one warms up.
        if (at > 0) found.push(one);
      }
  } finally {
    for (const { mesh } of meshes) await mesh.close({ keepLogs: false });
  }
  return found;
}
