/** Temporal: its development server with a database file, and a worker (programs/temporal.mjs). */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listening } from '../processes.ts';
import type { Place, System } from '../system.ts';

/** The server opens its port for a moment to see whether it is free, before it serves there. */
const STEADY_LOOKS = 3;
const LOOK_EVERY_MS = 100;

/** As durable as it ships, and as the others are; the rollback journal that it ships with costs several syncs more. */
const PRAGMAS = ['journal_mode=WAL', 'synchronous=FULL'];

async function address({ port }: Place): Promise<string> {
  return `127.0.0.1:${await port('frontend')}`;
}

export const temporal: System = {
  inProcess: false,
  async start(place) {
    const { installDir, dataDir, processes, port } = place;
    const frontend = await port('frontend');
    const ports = ['--port', frontend, '--http-port', await port('http'), '--metrics-port', await port('metrics')];
    const pragmas = PRAGMAS.flatMap((pragma) => ['--sqlite-pragma', pragma]);
    const storage = ['--db-filename', join(dataDir, 'temporal.db'), ...pragmas];
    const binary = join(installDir, 'python', 'bin', 'temporal');
    const flags = [
      'server',
      'start-dev',
      ...storage,
      '--ip',
      '127.0.0.1',
      ...ports.map(String),
      '--headless',
      '--log-level',
      'error',
    ];
    await processes.start('engine', [binary, ...flags]);
    for (let looks = 0; looks < STEADY_LOOKS; looks += 1) {
      await listening(frontend);
      await sleep(LOOK_EVERY_MS);
    }
    const worker = [
      join(import.meta.dirname, '..', 'worker.ts'),
      join(installDir, 'temporal.mjs'),
      await address(place),
    ];
    await processes.start('worker', [process.execPath, ...worker], { env: place.env, ready: 'ready' });
  },
  callers: async (place) => ({ program: join(place.installDir, 'temporal.mjs'), address: await address(place) }),
};
