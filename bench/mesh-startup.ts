/**
 * Measures `mesh up` as a user would: from the command to everything ready, and the memory when nothing happens.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../tests/support/nats-server.ts';
import { round } from './measure.ts';

const run = promisify(execFile);
/** Garbage of the start is collected by then. */
const SETTLE_MS = 3000;

/** The second start is measured: the first one also indexes the docs. */
export async function measureMesh(folder: string): Promise<{ startupMs: number; idleRssMb: number }> {
  const ports = {
    MESH_NATS_PORT: String(await freePort()),
    MESH_GRPC_PORT: String(await freePort()),
    MESH_HTTP_PORT: String(await freePort()),
    MESH_DASHBOARD_PORT: String(await freePort()),
  };
  const env = { ...process.env, MESH_HOME: join(folder, 'home'), ...ports };
  const mesh = (...args: string[]) => run(join(import.meta.dirname, '..', 'mesh'), args, { env });
  await mesh('up', '--detach');
  await mesh('down');
  const beganMs = performance.now();
  await mesh('up', '--detach');
  const startupMs = performance.now() - beganMs;
  await sleep(SETTLE_MS);
  const { stdout } = await mesh('status', '--json');
  await mesh('down');
  return { startupMs: round(startupMs), idleRssMb: memoryIn(stdout) };
}

function memoryIn(status: string): number {
  const { services } = JSON.parse(status) as { services: { memoryMb: number }[] };
  return services.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
}
