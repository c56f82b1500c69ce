/**
 * The services of a mesh on one machine. Owns: the table; a new service is a new row. Does not own: running them.
 */
import { join } from 'node:path';
import { projectRoot, type Settings } from '../../config/settings.ts';
import type { Style } from '../terminal.ts';

export interface ServiceRow {
  readonly name: string;
  /** Program relative to the project's root, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** Heap limit, MiB. */
  readonly memoryMb: (settings: Settings) => number;
  /** Size of libuv's thread pool; a model's own threads are not among them. */
  readonly threads: (settings: Settings) => number;
  /** What yields to others: a generation must not slow down those who decide. 0 to 19. */
  readonly niceness: number;
  readonly colour: Style;
  /** For the summary of `mesh up`. */
  readonly what: string;
}

/** The llm process works in its model's threads; the pool only hands requests over to them. */
const LLM_POOL_THREADS = 4;

/** The gateway reads sockets; only its searches touch files. */
const GATEWAY_POOL_THREADS = 4;

export const services: readonly ServiceRow[] = [
  {
    name: 'agents',
    program: 'services/main.ts',
    args: ['agents'],
    memoryMb: (settings) => settings.AGENTS_MEMORY_MB,
    threads: (settings) => settings.AGENTS_THREADS,
    niceness: 0,
    colour: 'cyan',
    what: 'orchestrator, retriever, coder, reviewer, responder',
  },
  {
    name: 'llm',
    program: 'services/main.ts',
    args: ['llm'],
    memoryMb: (settings) => settings.LLM_MEMORY_MB,
    threads: () => LLM_POOL_THREADS,
    niceness: 5,
    colour: 'magenta',
    what: 'language model',
  },
  {
    name: 'tools',
    program: 'services/main.ts',
    args: ['tools'],
    memoryMb: (settings) => settings.TOOLS_MEMORY_MB,
    threads: (settings) => settings.TOOLS_THREADS,
    niceness: 5,
    colour: 'yellow',
    what: 'tools',
  },
  {
    name: 'gateway',
    program: 'services/gateway.ts',
    args: [],
    memoryMb: (settings) => settings.GATEWAY_MEMORY_MB,
    threads: () => GATEWAY_POOL_THREADS,
    niceness: 0,
    colour: 'green',
    what: 'gRPC, A2A',
  },
];

/** The name of the log in run.json and on the terminal. */
export const natsName = 'nats';
export const natsColour: Style = 'blue';

/** Arguments for node. */
export function nodeArgs(row: ServiceRow, settings: Settings): string[] {
  return [`--max-old-space-size=${row.memoryMb(settings)}`, join(projectRoot, row.program), ...row.args];
}

/** What is fixed before a service starts. */
export function serviceEnv(row: ServiceRow, settings: Settings): NodeJS.ProcessEnv {
  return { MESH_SUPERVISED: '1', UV_THREADPOOL_SIZE: String(row.threads(settings)) };
}

/** What a service prints, as the message of a log line, once it can work. */
export const READY_MESSAGE = 'ready';
/** What it prints now and then while a long start gets further. */
export const PROGRESS_MESSAGE = 'catching up with the log';

export function logPath(settings: Settings, name: string): string {
  return join(settings.MESH_HOME, 'logs', `${name}.log`);
}
