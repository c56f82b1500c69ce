/**
 * What a system of the race has to offer. Owns: the interface that the files of systems/ and programs/ implement. Does
 * not own: any of them, or measuring.
 *
 * A system is two things: how its servers are started (`System`, systems/<name>.ts), and what a user of it would write
 * (`ProgramModule`, programs/<name>), which runs in processes of its own beside the installed packages.
 */
import type { Job } from './job.ts';
import type { Processes } from './processes.ts';

/** Where one system runs; the same from start to start, so that it finds its data and its ports again. */
export interface Place {
  /** Everything the system stores; its size is measured. */
  readonly dataDir: string;
  /** Where its packages and its program are. */
  readonly installDir: string;
  readonly processes: Processes;
  /** For every process that runs steps. */
  readonly env: Readonly<Record<string, string>>;
  /** A free port of loopback that stays the same under this name. */
  port(name: string): Promise<number>;
}

export interface System {
  /** True when steps run in the callers' process: then that one is killed as well. */
  readonly inProcess: boolean;
  /** Why it cannot run on this machine, and what to install; null when it can. */
  missing?(): string | null;
  /** Done once after installing: what a user would set up by hand. */
  prepare?(installDir: string): void;
  /** Starts engine and worker; resolves when they take work. Called again after a stop or a kill. */
  start(place: Place): Promise<void>;
  /** The program of the callers, and the address it is given. */
  callers(place: Place): Promise<{ readonly program: string; readonly address: string }>;
}

/** What a caller does; loaded in the callers' process. */
export interface Program {
  /** Runs the five steps under this id, and answers with the last text. The same id is the same run. */
  run(id: string): Promise<unknown>;
  /** Goes on with a run of a process that was killed; `run` does when there is no such method. */
  resume?(id: string): Promise<unknown>;
}

export interface ProgramModule {
  open(address: string, job: Job): Promise<Program>;
  /** The worker, where it is a process of its own. Resolves when it takes work. */
  work?(address: string, job: Job): Promise<void>;
}
