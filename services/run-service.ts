/**
 * The process of a service. Owns: settings, signals, health, the beat to a supervisor, and exit codes. Does not own: the
 * service at work (`service-life.ts`), what it does (its start function), or which there are (`table.ts`).
 *
 * 1. It ends at SIGTERM, SIGINT, at the end of standard input under a supervisor, and over its memory cap; once,
 *    whichever comes first, also in the middle of a start.
 * 2. Its health is told from before its start to after its end (`health.ts`).
 * 3. Whatever is thrown ends the process with one line in the log and an exit code (`exit.ts`).
 */
import { flushCompileCache } from 'node:module';
import {
  loadEnvFile,
  meshConfigPath,
  meshFolder,
  readSettings,
  type Settings,
  SettingsError,
} from '../config/settings.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { type ExitCode, endingOf } from './exit.ts';
import { type Health, openHealth } from './health.ts';
import { giveBackMemory } from './idle-memory.ts';
import { beatToSupervisor } from './loop-beat.ts';
import { openService } from './service-life.ts';
import { hearStrayRejections } from './stray-rejections.ts';
import { type Service, serviceNamed, services } from './table.ts';

/** Runs the service of that name until this process ends. */
export async function runService(name: string): Promise<void> {
  try {
    const service = serviceNamed(name);
    if (service === null)
      throw new SettingsError(`usage: node services/main.ts ${services.map((one) => one.name).join('|')}`);
    loadEnvFile();
    const settings = readSettings();
    await run(service, settings);
  } catch (thrown) {
    const { exitCode, text } = endingOf(thrown);
    createLog(name || 'mesh', 'error').error({}, text);
    process.exit(exitCode);
  }
}

async function run(service: Service, settings: Settings): Promise<void> {
  beatToSupervisor(process.env.MESH_BEAT_FD);
  // Who is asked whether it has begun says meanwhile that it has not.
  const waitsForLog = process.env.MESH_SUPERVISED === '1' || settings.MESH_HEALTH_PORT !== undefined;
  const life = openService({ service, settings, waitsForLog, onOver: () => end(1), onFatal: die });
  const { log } = life;
  if (meshConfigPath() !== null) hearStrayRejections(meshFolder(), log);
  let health: Health | null = null;
  const end = (exitCode: 0 | ExitCode): void => {
    if (life.isStopping) return;
    log.info({}, 'stopping');
    const stopped = life.stop().then(() => health?.close());
    stopped.then(
      () => {
        log.info({}, 'stopped');
        process.exit(exitCode);
      },
      (error: unknown) => {
        log.error({ error: String(error) }, 'did not stop in order');
        process.exit(1);
      },
    );
  };
  health = await openHealth(settings, () => ({
    hasBegun: life.hasBegun,
    isStopping: life.isStopping,
    isConnected: life.isConnected,
    refusal: life.refusal(),
  }));
  endOnSignals(() => end(0));
  await life.begin();
  // A process that is killed later writes no cache at its end.
  if (life.isStopping) return;
  flushCompileCache();
  giveBackMemory();
}

function die(error: Error, log: Log): void {
  const { exitCode, text } = endingOf(error);
  log.error({ error: text }, 'cannot go on');
  process.exit(exitCode);
}

function endOnSignals(end: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
  if (process.env.MESH_SUPERVISED === '1') process.stdin.on('end', end).resume();
}
