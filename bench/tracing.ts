/**
 * `mesh bench --tracing`: what tracing costs. Owns: the comparison of a host that tells nothing, one that keeps as many
 * traces as by default, and one that keeps all. Does not own: the load (`tasks.ts`), or the host.
 *
 * The three run side by side, each with a log server of its own, and share the processor as the system divides it: who
 * needs less for a task does more of them. So whatever else the machine does, it does to all of them in the same moment.
 * What counts is the median of the rounds' ratios; processor time of a task says the same in another way.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBus } from '../bus/nats-bus.ts';
import type { Bus } from '../bus/port.ts';
import { startNatsServer } from '../tests/support/nats-server.ts';
import { startBenchHost } from './bench-host.ts';
import { machineInfo, percentile, round } from './measure.ts';
import { runTasks } from './tasks.ts';

const KINDS = ['off', 'shipping', 'all'] as const;
type Kind = (typeof KINDS)[number];
const BATCH = 100;

/** Of a process until now, milliseconds; Linux tells it in hundredths of a second. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

interface Measured {
  readonly perSecond: number;
  readonly cpuMsPerTask: number;
}

interface Arena {
  readonly kind: Kind;
  readonly bus: Bus;
  readonly pid: number;
  close(): Promise<void>;
}

async function openArena(kind: Kind, folder: string): Promise<Arena> {
  const server = await startNatsServer();
  const bus = await connectBus({ url: server.url, name: 'bench-client' });
  await bus.ensureTopology();
  const host = await startBenchHost(server.url, join(folder, `${kind}.db`), { BENCH_TRACING: kind });
  return {
    ...{ kind, bus, pid: host.pid },
    async close() {
      await host.kill('SIGTERM');
      await bus.close();
      await server.stop();
    },
  };
}

/** As many tasks as are done in that time, in batches. */
async function load({ bus, pid }: Arena, forMs: number, concurrency: number): Promise<Measured> {
  const [beganMs, cpuBeforeMs] = [performance.now(), cpuMs(pid)];
  let tasks = 0;
  while (performance.now() - beganMs < forMs) tasks += (await runTasks(bus, { tasks: BATCH, concurrency })).count;
  const seconds = (performance.now() - beganMs) / 1000;
  return { perSecond: tasks / seconds, cpuMsPerTask: (cpuMs(pid) - cpuBeforeMs) / tasks };
}

export async function measureTracing(options: {
  rounds: number;
  seconds: number;
  concurrency: number;
}): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-bench-tracing-'));
  const arenas = await Promise.all(KINDS.map((kind) => openArena(kind, folder)));
  const measured: Record<Kind, Measured[]> = { off: [], shipping: [], all: [] };
  const inTurn = (forMs: number): Promise<Measured[]> =>
    Promise.all(arenas.map((arena) => load(arena, forMs, options.concurrency)));
  try {
    await inTurn(options.seconds * 1000);
    for (let at = 0; at < options.rounds; at += 1) {
      const found = await inTurn(options.seconds * 1000);
      for (const [index, kind] of KINDS.entries()) measured[kind].push(found[index] as Measured);
      const said = KINDS.map((kind, index) => `${kind} ${round(found[index]?.perSecond ?? 0)}`).join(', ');
      process.stderr.write(`round ${at + 1}, tasks a second: ${said}\n`);
    }
  } finally {
    for (const arena of arenas) await arena.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const median = (kind: Kind, of: (one: Measured) => number): number => percentile(measured[kind].map(of), 0.5);
  /** To the host that tells nothing, in the same moment: a machine that slows down slows both. */
  const ratio = (kind: Kind, of: (one: Measured) => number): number =>
    percentile(
      measured[kind].map((one, at) => of(one) / of(measured.off[at] ?? one)),
      0.5,
    );
  const lost = (kind: Kind): number => round((1 - ratio(kind, (one) => one.perSecond)) * 100);
  const dearer = (kind: Kind): number => round((ratio(kind, (one) => one.cpuMsPerTask) - 1) * 100);
  return {
    machine: machineInfo(),
    ...options,
    tasksPerSecond: Object.fromEntries(KINDS.map((kind) => [kind, round(median(kind, (one) => one.perSecond))])),
    cpuMsPerTask: Object.fromEntries(KINDS.map((kind) => [kind, round(median(kind, (one) => one.cpuMsPerTask))])),
    throughputLostPercent: { shipping: lost('shipping'), all: lost('all') },
    cpuMorePercent: { shipping: dearer('shipping'), all: dearer('all') },
  };
}
