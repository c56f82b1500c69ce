/**
 * `mesh bench`: measures what the project promises (blueprint: overhead of a hop, throughput, recovery, ledger size,
 * start-up, idle memory). Owns: the measurements and their form. Does not own: any target; those are in
 * docs/benchmarks.md, beside the numbers.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBus } from '../bus/nats-bus.ts';
import { scriptOptions } from '../cli/script-options.ts';
import { exitWhenWritten } from '../cli/written.ts';
import { startNatsServer } from '../tests/support/nats-server.ts';
import { type Bench, startBenchHost } from './bench-host.ts';
import { ledgerBytes } from './ledger-size.ts';
import { fdatasyncMs, machineInfo, percentile, round } from './measure.ts';
import { measureMesh } from './mesh-startup.ts';
import { runTasks } from './tasks.ts';

if (process.argv.includes('--corpora')) {
  await import('./recall-corpora.ts');
  await exitWhenWritten(Number(process.exitCode ?? 0));
}
if (process.argv.includes('--recall')) {
  await import('./recall.ts');
  await exitWhenWritten(0);
}
if (process.argv.includes('--peers')) {
  await import('./peers/main.ts');
  await exitWhenWritten(0);
}
if (process.argv.includes('--tracing')) {
  const { measureTracing } = await import('./tracing.ts');
  const { values } = await scriptOptions({
    options: { tracing: { type: 'boolean' }, quick: { type: 'boolean', default: false } },
  });
  const measured = await measureTracing({ rounds: values.quick ? 2 : 15, seconds: 4, concurrency: 8 });
  process.stdout.write(`${JSON.stringify(measured, null, 2)}\n`);
  process.exit();
}
if (process.argv.includes('--soak')) {
  const { soak } = await import('./soak.ts');
  await exitWhenWritten(await soak());
}

const HOPS = 5;
const {
  values: { quick, json: asJson },
} = await scriptOptions({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const say = (text: string): void => {
  if (!asJson) process.stderr.write(`${text}\n`);
};

const folder = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
const server = await startNatsServer();
const bus = await connectBus({ url: server.url, name: 'bench-client' });
await bus.ensureTopology();
let host: Bench | undefined;
try {
  host = await startBenchHost(server.url, join(folder, 'ledger.db'), {});
  say('warming up');
  await runTasks(bus, { tasks: quick ? 50 : 300, concurrency: 8 });
  const bytesBefore = ledgerBytes(join(folder, 'ledger.db'));
  say('measuring one task at a time');
  const single = await runTasks(bus, { tasks: quick ? 100 : 500, concurrency: 1 });
  say('measuring 8 at a time');
  const eight = await runTasks(bus, { tasks: quick ? 300 : 2000, concurrency: 8 });
  say('measuring 32 at a time');
  const many = await runTasks(bus, { tasks: quick ? 600 : 4000, concurrency: 32 });
  const bytes = ledgerBytes(join(folder, 'ledger.db')) - bytesBefore;
  const hops = (single.count + eight.count + many.count) * HOPS;
  await host.kill('SIGTERM');

  say('killing everything with 100 tasks in flight');
  const slow = await startBenchHost(server.url, join(folder, 'slow.db'), { BENCH_EFFECT_MS: '300' });
  const inFlight = runTasks(bus, { tasks: 100, concurrency: 100 });
  await inFlight.accepted;
  await Promise.all([slow.kill('SIGKILL'), server.kill()]);
  const beganMs = performance.now();
  await server.start();
  host = await startBenchHost(server.url, join(folder, 'slow.db'), { BENCH_EFFECT_MS: '0' });
  const recoveryMs = performance.now() - beganMs;
  await inFlight;
  const finishedMs = performance.now() - beganMs;
  await host.kill('SIGTERM');

  say('starting a whole mesh');
  const mesh = await measureMesh(folder);
  const perHop = single.latenciesMs.map((ms) => ms / HOPS);
  const report = {
    machine: { ...machineInfo(), natsServer: bus.serverVersion },
    hop: { p50_ms: percentile(perHop, 0.5), p95_ms: percentile(perHop, 0.95), p99_ms: percentile(perHop, 0.99) },
    throughput: { c1: single.perSecond, c8: eight.perSecond, c32: many.perSecond },
    recovery_ms: round(recoveryMs),
    recovery_finished_ms: round(finishedMs),
    bytes_per_hop: Math.round(bytes / hops),
    first_start_ms: mesh.firstStartMs,
    startup_ms: mesh.startupMs,
    run_ms: mesh.runMs,
    idle_rss_mb: mesh.idleRssMb,
    fdatasync_ms: fdatasyncMs(folder),
  };
  process.stdout.write(`${JSON.stringify(report, null, asJson ? 0 : 2)}\n`);
} finally {
  await host?.kill('SIGKILL');
  await bus.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
