/**
 * What the gateway costs: `node bench/gateway.ts [--json] [--quick]`. Owns: the measurements of gateway and client
 * together, beside the same tasks without them. Does not own: any target; those are in docs/gateway.md, beside the
 * numbers.
 *
 * The tasks are those of `bench/main.ts`, five hops that do nothing, so that what is measured is the way of a call and
 * not the work. Where ghz is installed, it puts the same load on the gateway from outside of Node.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Client, credentials } from '@grpc/grpc-js';
import { connectBus } from '../bus/nats-bus.ts';
import type { Bus } from '../bus/port.ts';
import { scriptOptions } from '../cli/script-options.ts';
import { createMeshClient, MeshCallError, type MeshClient, TaskState } from '../gateway/client/index.ts';
import { newCorrelationId } from '../schemas/events/ids.ts';
import { DOORS_SUBJECT, factSubject } from '../schemas/events/subjects.ts';
import { freePort, startNatsServer } from '../tests/support/nats-server.ts';
import { startBenchHost } from './bench-host.ts';
import { machineInfo, percentile, round } from './measure.ts';
import { runTasks } from './tasks.ts';

const {
  values: { quick, json: asJson },
} = await scriptOptions({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const say = (text: string): void => {
  if (!asJson) process.stderr.write(`${text}\n`);
};
const prompt = 'Five hops, please.';
/** More callers than this are let in for one caller by default. */
const CALLS_AT_ONCE = 256;

interface Counted {
  readonly latenciesMs: readonly number[];
  readonly perSecond: number;
  /** How often a call ended so: `ok`, or the code and reason of its error. */
  readonly outcomes: Readonly<Record<string, number>>;
}

async function startGateway(natsUrl: string, port: number) {
  const env = {
    ...process.env,
    NATS_URL: natsUrl,
    MESH_GRPC_PORT: String(port),
    MESH_GATEWAY_CALLS_PER_SECOND: '100000',
  };
  const args = ['--max-old-space-size=256', join(import.meta.dirname, '..', 'services', 'main.ts'), 'gateway'];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code} before it was ready`)));
    lines.on('line', (line) => {
      if (line.includes('"msg":"ready"')) resolve();
    });
  });
  return {
    rssMb: (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024,
    async stop(): Promise<void> {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

/** One task, and what became of the call; no second attempt. */
async function runOnce(client: MeshClient): Promise<string> {
  try {
    const { task } = await client.run({ prompt }, { timeoutMs: 60_000, attemptsMax: 1 });
    return task.state === TaskState.COMPLETED ? 'ok' : `ended as ${task.state}`;
  } catch (thrown) {
    if (thrown instanceof MeshCallError) return `${thrown.code} ${thrown.reason}`;
    throw thrown;
  }
}

/** A call that asks nothing of the mesh: what gRPC itself costs between two processes, milliseconds. */
function emptyCall(bare: Client): Promise<number> {
  const asIs = (bytes: Buffer): Buffer => bytes;
  const beganMs = performance.now();
  return new Promise((resolve, reject) => {
    bare.makeUnaryRequest('/grpc.health.v1.Health/Check', asIs, asIs, Buffer.alloc(0), (error) => {
      if (error === null) resolve(performance.now() - beganMs);
      else reject(error);
    });
  });
}

/** One task as a caller has it, who watches nothing else; milliseconds. */
async function plainRun(client: MeshClient): Promise<number> {
  const beganMs = performance.now();
  await client.run({ prompt });
  return performance.now() - beganMs;
}

/**
 * What gateway and client added to the way of one task, milliseconds: from the call until the submission is on the bus, and from the
 * last fact on the bus until the answer. What the mesh does in between, and how loaded the disk is, is not in it.
 */
async function timedRun(client: MeshClient, bus: Bus): Promise<number> {
  const correlationId = newCorrelationId();
  const submitted = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<number>();
  const isOurs = (data: Uint8Array, text: string): boolean => {
    const body = Buffer.from(data).toString('latin1');
    return body.includes(correlationId) && body.includes(text);
  };
  const ends = [
    bus.subscribeVolatile(DOORS_SUBJECT, (_subject, data) => {
      if (isOurs(data, 'task.submitted')) submitted.resolve(performance.now());
    }),
    bus.subscribeVolatile(factSubject(correlationId), (_subject, data) => {
      if (isOurs(data, 'task.completed')) ended.resolve(performance.now());
    }),
  ];
  // Answered after what was asked before it: the server knows both subscriptions now.
  await bus.getLast(factSubject(correlationId));
  const beganMs = performance.now();
  await client.run({ prompt, correlationId });
  const wholeMs = performance.now() - beganMs;
  // The answer may be here before the bench's own copies of the events.
  const [submittedMs, endedMs] = await Promise.all([submitted.promise, ended.promise]);
  for (const end of ends) end();
  return wholeMs - (endedMs - submittedMs);
}

/** So many callers, each with its next call when the last one has ended. */
async function load(client: MeshClient, calls: number, callers: number): Promise<Counted> {
  const latenciesMs: number[] = [];
  const outcomes: Record<string, number> = {};
  let left = calls;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const beganMs = performance.now();
      const outcome = await runOnce(client);
      if (outcome === 'ok') latenciesMs.push(performance.now() - beganMs);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  const beganMs = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  return { latenciesMs, perSecond: round((1000 * calls) / (performance.now() - beganMs)), outcomes };
}

function summary({ latenciesMs, perSecond, outcomes }: Counted) {
  return {
    p50_ms: percentile(latenciesMs, 0.5),
    p95_ms: percentile(latenciesMs, 0.95),
    per_second: perSecond,
    outcomes,
  };
}

function ghzPath(): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), join(homedir(), 'go', 'bin')];
  return folders.map((folder) => join(folder, 'ghz')).find((path) => existsSync(path)) ?? null;
}

interface GhzReport {
  readonly count: number;
  readonly rps: number;
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
  readonly latencyDistribution: readonly { readonly percentage: number; readonly latency: number }[];
}

async function ghz(path: string, address: string, total: number, concurrency: number) {
  const counts = ['-n', String(total), '-c', String(concurrency), '--connections', '4'];
  const call = ['--insecure', '--call', 'mesh.v1.MeshService/Run', '-d', JSON.stringify({ prompt })];
  const args = [...call, ...counts, '--timeout', '60s', '--format', 'json', address];
  const { stdout } = await promisify(execFile)(path, args, { maxBuffer: 64 * 1024 ** 2 });
  const report = JSON.parse(stdout) as GhzReport;
  const at = (percentage: number): number =>
    round((report.latencyDistribution.find((one) => one.percentage === percentage)?.latency ?? Number.NaN) / 1e6);
  return { p50_ms: at(50), p95_ms: at(95), per_second: round(report.rps), outcomes: report.statusCodeDistribution };
}

const folder = mkdtempSync(join(tmpdir(), 'mesh-bench-gateway-'));
const server = await startNatsServer();
const bus = await connectBus({ url: server.url, name: 'bench-client' });
await bus.ensureTopology();
const host = await startBenchHost(server.url, join(folder, 'ledger.db'), {});
const port = await freePort();
const gateway = await startGateway(server.url, port);
const address = `127.0.0.1:${port}`;
const client = createMeshClient({ address });
const bare = new Client(address, credentials.createInsecure());
try {
  say('warming up');
  await runTasks(bus, { tasks: 100, concurrency: 8 });
  await load(client, quick ? 100 : 400, 8);
  say('one task at a time, in turn without the gateway, with it, and with it while watching the bus');
  const [direct, through, inPath]: [number[], number[], number[]] = [[], [], []];
  const [roundTrips, emptyCalls]: [number[], number[]] = [[], []];
  for (let round = 0; round < (quick ? 100 : 500); round += 1) {
    direct.push(...(await runTasks(bus, { tasks: 1, concurrency: 1 })).latenciesMs);
    through.push(await plainRun(client));
    inPath.push(await timedRun(client, bus));
    const askedMs = performance.now();
    await bus.getLast(factSubject(newCorrelationId()));
    roundTrips.push(performance.now() - askedMs);
    emptyCalls.push(await emptyCall(bare));
  }
  const idleMb = gateway.rssMb();
  say('32 at a time, without and with the gateway');
  const direct32 = await runTasks(bus, { tasks: quick ? 300 : 2000, concurrency: 32 });
  const through32 = await load(client, quick ? 300 : 2000, 32);
  say('200 at a time');
  const through200 = await load(client, quick ? 600 : 4000, 200);
  say(`${CALLS_AT_ONCE + 144} at a time, ${CALLS_AT_ONCE} are let in`);
  const beyond = await load(client, CALLS_AT_ONCE + 144, CALLS_AT_ONCE + 144);
  const loadedMb = gateway.rssMb();
  const path = ghzPath();
  if (path !== null) say('200 at a time, by ghz');
  const [p50, p95] = [0.5, 0.95].map((share) => round(percentile(through, share) - percentile(direct, share)));
  const report = {
    machine: { ...machineInfo(), natsServer: bus.serverVersion },
    one_at_a_time: {
      direct: { p50_ms: percentile(direct, 0.5), p95_ms: percentile(direct, 0.95) },
      gateway: { p50_ms: percentile(through, 0.5), p95_ms: percentile(through, 0.95) },
      difference: { p50_ms: p50, p95_ms: p95 },
      // For scale: one question to the log server and its answer, and one empty call of gRPC, at the same moments.
      log_round_trip: { p50_ms: percentile(roundTrips, 0.5), p95_ms: percentile(roundTrips, 0.95) },
      empty_call: { p50_ms: percentile(emptyCalls, 0.5), p95_ms: percentile(emptyCalls, 0.95) },
      added_in_path: { p50_ms: percentile(inPath, 0.5), p95_ms: percentile(inPath, 0.95) },
    },
    at_32: { direct_per_second: direct32.perSecond, gateway: summary(through32) },
    at_200: summary(through200),
    beyond_the_limit: summary(beyond),
    ...(path === null ? {} : { ghz_at_200: await ghz(path, address, quick ? 600 : 4000, 200) }),
    rss_mb: { before_load: round(idleMb), after_load: round(loadedMb) },
  };
  process.stdout.write(`${JSON.stringify(report, null, asJson ? 0 : 2)}\n`);
} finally {
  client.close();
  bare.close();
  await gateway.stop();
  await host.kill('SIGTERM');
  await bus.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
