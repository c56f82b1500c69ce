/**
 * Measures `mesh up` as a user would: from the command to everything ready, the first time and later; `mesh run` on a mesh
 * that is up; and the memory when nothing happens.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../tests/support/nats-server.ts';
import { percentile, round } from './measure.ts';

const run = promisify(execFile);
/** Garbage of the start is collected by then. */
const SETTLE_MS = 3000;

/** Odd, for a median: a start is a second of all processors, and anything beside it shows. */
const STARTS = 3;
const RUNS = 5;
const PROMPT = 'tool:calculator {"expression": "6*7"}';

export interface MeshStart {
  /** With the indexing of the docs. */
  readonly firstStartMs: number;
  /** Of a mesh that was down. */
  readonly startupMs: number;
  /** From the command to the answer. */
  readonly runMs: number;
  readonly idleRssMb: number;
}

export async function measureMesh(folder: string): Promise<MeshStart> {
  const ports = {
    MESH_NATS_PORT: String(await freePort()),
    MESH_GRPC_PORT: String(await freePort()),
    MESH_HTTP_PORT: String(await freePort()),
    MESH_DASHBOARD_PORT: String(await freePort()),
  };
  const env = { ...process.env, MESH_HOME: join(folder, 'home'), ...ports };
  const mesh = (...args: string[]) => run(join(import.meta.dirname, '..', 'mesh'), args, { env });
  const timed = async (...args: string[]): Promise<number> => {
    const beganMs = performance.now();
    await mesh(...args);
    return performance.now() - beganMs;
  };
  const firstStartMs = await timed('up', '--detach');
  const starts: number[] = [];
  for (let start = 0; start < STARTS; start += 1) {
    await mesh('down');
    starts.push(await timed('up', '--detach'));
  }
  await sleep(SETTLE_MS);
  const { stdout } = await mesh('status', '--json');
  const runs: number[] = [];
  for (let one = 0; one < RUNS; one += 1) runs.push(await timed('run', PROMPT));
  await mesh('down');
  return {
    firstStartMs: round(firstStartMs),
    startupMs: percentile(starts, 0.5),
    runMs: percentile(runs, 0.5),
    idleRssMb: memoryIn(stdout),
  };
}

function memoryIn(status: string): number {
  const { services } = JSON.parse(status) as { services: { memoryMb: number }[] };
  return services.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
}
