/**
 * Measures one system once. Owns: the order of things (set up, stop, start, idle, warm up, loads, stop) and what is read
 * when. Does not own: how often, or in which order systems are measured (race.ts).
 */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { freePort } from '../../tests/support/nats-server.ts';
import { round } from '../measure.ts';
import { Callers } from './callers-protocol.ts';
import { type JobOptions, jobEnv } from './job.ts';
import { Processes } from './processes.ts';
import { LOADS, type Sample, type WindowSample } from './results.ts';
import type { Place, System } from './system.ts';

export interface Pace {
  /** Of each load. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Garbage of the start is collected by then; the memory of an idle system is read after it. */
  readonly settleMs: number;
  /** With one caller at a time at least so many runs are made, so that p95 means something. */
  readonly runsMin: number;
}

export interface Contestant {
  readonly name: string;
  readonly system: System;
  readonly installDir: string;
}

/** Memory is read in the midst of the heaviest load. */
const LOAD_MEMORY_AT = 0.7;

/** Gives the system a place of its own for as long as `use` takes; nothing of it is left, whatever happens. */
export async function withPlace<T>(
  { name, installDir }: Contestant,
  home: string,
  job: JobOptions,
  use: (place: Place) => Promise<T>,
): Promise<T> {
  for (const folder of ['data', 'logs']) mkdirSync(join(home, folder), { recursive: true });
  const dataDir = mkdtempSync(join(home, 'data', `${name}-`));
  const processes = new Processes(join(home, 'logs', `${name}.log`));
  const ports = new Map<string, Promise<number>>();
  const port = (what: string): Promise<number> => {
    const known = ports.get(what) ?? freePort();
    ports.set(what, known);
    return known;
  };
  const tidy = async (): Promise<void> => {
    await processes.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
  const onSignal = (): void => {
    void tidy().finally(() => process.exit(130));
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal);
  try {
    return await use({ dataDir, installDir, processes, env: jobEnv(job), port });
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeListener(name, onSignal);
    await tidy();
  }
}

export async function startCallers(system: System, place: Place): Promise<Callers> {
  const { program, address } = await system.callers(place);
  const argv = [process.execPath, join(import.meta.dirname, 'callers.ts'), program, address];
  return new Callers(await place.processes.start('callers', argv, { env: place.env, ready: 'ready', messages: true }));
}

/** Started once on an empty folder, so that what a product does at its first start is done, and then as every day. */
export async function startSettled(system: System, place: Place): Promise<Callers> {
  await system.start(place);
  await (await startCallers(system, place)).finish('run', [newCorrelationId()]);
  await place.processes.stopAll();
  await system.start(place);
  const callers = await startCallers(system, place);
  await callers.finish('run', [newCorrelationId()]);
  return callers;
}

export function measureSystem(contestant: Contestant, home: string, pace: Pace): Promise<Sample> {
  return withPlace(contestant, home, {}, async (place) => {
    const { processes, dataDir } = place;
    const callers = await startSettled(contestant.system, place);
    await sleep(pace.settleMs);
    const idleMb = processes.memoryMb();
    await callers.window(8, pace.warmUpSeconds);
    const bytesBefore = folderBytes(dataDir);
    const windows: WindowSample[] = [];
    let loadMb = idleMb;
    for (const count of LOADS) {
      const cpuBeforeMs = processes.cpuMs();
      const window = callers.window(count, pace.seconds, count === 1 ? pace.runsMin : 0);
      if (count === Math.max(...LOADS)) {
        await Promise.race([window, sleep(pace.seconds * 1000 * LOAD_MEMORY_AT)]);
        loadMb = processes.memoryMb();
      }
      const measured = await window;
      const cpuMsPerRun = round((processes.cpuMs() - cpuBeforeMs) / measured.runs);
      windows.push({ callers: count, ...measured, cpuMsPerRun });
    }
    await sleep(pace.settleMs / 4);
    const runs = windows.reduce((sum, one) => sum + one.runs, 0);
    const bytesPerRun = Math.round((folderBytes(dataDir) - bytesBefore) / runs);
    await processes.stopAll();
    return { windows, idleMb: Math.round(idleMb), loadMb: Math.round(loadMb), bytesPerRun };
  });
}

/** Sizes of all files, as `du --apparent-size` adds them up. Servers make and remove files meanwhile. */
function folderBytes(path: string): number {
  try {
    const stat = lstatSync(path);
    if (!stat.isDirectory()) return stat.size;
    return readdirSync(path).reduce((sum, name) => sum + folderBytes(join(path, name)), 0);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return 0;
    throw thrown;
  }
}
