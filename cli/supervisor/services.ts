/**
 * How the services of the table are started on this machine. Owns: the arguments and the environment of their processes,
 * and the names of lines that the supervisor waits for. Does not own: which services there are (services/table.ts), or
 * running them.
 */
import { join } from 'node:path';
import { blankSecrets, meshEnv, programFile, type Settings } from '../../config/settings.ts';
import type { Service } from '../../services/table.ts';
import type { Style } from '../terminal.ts';

/** The name of the log in run.json and on the terminal. */
export const natsName = 'nats';
export const natsColour: Style = 'blue';

/** Arguments for node. */
export function nodeArgs(service: Service, settings: Settings): string[] {
  return [`--max-old-space-size=${service.heapMb(settings)}`, programFile('services', 'main'), service.name];
}

/** What is fixed before a service starts. */
export function serviceEnv(service: Service, settings: Settings): NodeJS.ProcessEnv {
  return {
    ...meshEnv(),
    ...blankSecrets(service.secrets),
    MESH_SUPERVISED: '1',
    UV_THREADPOOL_SIZE: String(service.poolThreads(settings)),
    // glibc gives each thread a region of its own, and keeps in all of them what was freed in any.
    MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '2',
    // What a process has compiled once it need not compile again, nor load the compiler: 15 MB of each. As `./mesh` sets it.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(settings.MESH_HOME, 'cache'),
  };
}

/** What a service prints, as the message of a log line, once it can work. */
export const READY_MESSAGE = 'ready';
/** What it prints now and then while a long start gets further. */
export const PROGRESS_MESSAGE = 'catching up with the log';

export function logPath(settings: Settings, name: string): string {
  return join(settings.MESH_HOME, 'logs', `${name}.log`);
}
