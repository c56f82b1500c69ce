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
  readonly colour: Style;
  /** For the summary of `mesh up`. */
  readonly what: string;
}

export const services: readonly ServiceRow[] = [
  {
    name: 'agents',
    program: 'actors/main.ts',
    args: ['agents'],
    memoryMb: (settings) => settings.AGENTS_MEMORY_MB,
    colour: 'cyan',
    what: 'orchestrator, retriever, coder, reviewer, responder',
  },
  {
    name: 'llm',
    program: 'actors/main.ts',
    args: ['llm'],
    memoryMb: (settings) => settings.LLM_MEMORY_MB,
    colour: 'magenta',
    what: 'language model',
  },
  {
    name: 'tools',
    program: 'actors/main.ts',
    args: ['tools'],
    memoryMb: (settings) => settings.TOOLS_MEMORY_MB,
    colour: 'yellow',
    what: 'tools',
  },
  {
    name: 'gateway',
    program: 'gateway/main.ts',
    args: [],
    memoryMb: (settings) => settings.GATEWAY_MEMORY_MB,
    colour: 'green',
    what: 'gRPC',
  },
];

/** The name of the log in run.json and on the terminal. */
export const natsName = 'nats';
export const natsColour: Style = 'blue';

/** Arguments for node. */
export function nodeArgs(row: ServiceRow, settings: Settings): string[] {
  return [`--max-old-space-size=${row.memoryMb(settings)}`, join(projectRoot, row.program), ...row.args];
}

/** What a service prints, as the message of a log line, once it can work. */
export const READY_MESSAGE = 'ready';

export function logPath(settings: Settings, name: string): string {
  return join(settings.MESH_HOME, 'logs', `${name}.log`);
}
