/**
 * `<MESH_HOME>/run.json`: what runs on this machine. Owns: its form, writing it atomically, and telling a live record
 * from a stale one. Does not own: the processes. Only the holder of the supervisor's lock writes it.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Settings } from '../../config/settings.ts';
import { codeOf } from '../errors.ts';
import { isAlive, type ProcessIdentity, processIdentity } from './process-mark.ts';

const serviceState = z.enum(['starting', 'ready', 'waiting', 'failed', 'stopped']);

const service = z.object({
  name: z.string(),
  /** Null while it does not run. */
  process: processIdentity.nullable(),
  /** `waiting`: died and will be started again; `failed`: will not be. */
  state: serviceState,
  restarts: z.number().int(),
  /** RFC 3339, of the present or last process. */
  startedAt: z.string().nullable(),
  /** Why it is waiting or failed, one line. */
  problem: z.string().nullable(),
});

/** Names of what a user's own mesh brings, for people. */
const own = z.object({ roles: z.array(z.string()), workflows: z.array(z.string()), tools: z.array(z.string()) });

const runState = z.object({
  version: z.literal(1),
  state: z.enum(['starting', 'ready', 'stopping', 'stopped', 'failed']),
  supervisor: processIdentity,
  startedAt: z.string(),
  natsUrl: z.string(),
  foreground: z.boolean(),
  /** What `mesh up` failed with. */
  problem: z.string().nullable(),
  services: z.array(service),
  /** Absent for a mesh as it ships. */
  own: own.optional(),
});

export type ServiceState = z.infer<typeof serviceState>;
export type ServiceRecord = Readonly<z.infer<typeof service>>;
export type OwnParts = Readonly<z.infer<typeof own>>;
export type RunState = Readonly<z.infer<typeof runState>>;

export function runStatePath(home: string): string {
  return join(home, 'run.json');
}

/** Null when there is none, or when it is not ours to understand: then nothing of it can be relied on. */
export function readRunState(settings: Settings): RunState | null {
  let text: string;
  try {
    text = readFileSync(runStatePath(settings.MESH_HOME), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
  return parseRunState(text);
}

export function parseRunState(text: string): RunState | null {
  try {
    const parsed = runState.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

export function runStateText(state: RunState): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}

export function writeRunState(home: string, state: RunState): void {
  const path = runStatePath(home);
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, runStateText(state));
  renameSync(temporary, path);
}

/** A supervisor looks after its record every second (`record-keeper.ts`). */
const RECORD_BACK_MS = 3000;
const RECORD_POLL_MS = 50;

export type Liveness =
  /** The supervisor lives; the record is true. */
  | { readonly kind: 'up'; readonly state: RunState }
  /** The supervisor is gone; these processes of it still run. */
  | { readonly kind: 'leftovers'; readonly state: RunState; readonly processes: readonly ServiceRecord[] }
  | { readonly kind: 'down' };

/** @param alive replaced by tests */
export function liveness(state: RunState | null, alive: (one: ProcessIdentity) => boolean = isAlive): Liveness {
  if (state === null) return { kind: 'down' };
  const over = state.state === 'stopped' || state.state === 'failed';
  if (!over && alive(state.supervisor)) return { kind: 'up', state };
  const processes = state.services.filter((one) => one.process !== null && alive(one.process));
  return processes.length > 0 ? { kind: 'leftovers', state, processes } : { kind: 'down' };
}

/**
 * True once a supervisor that lives is on record; false when none is after the time in which one whose record was removed
 * writes it again.
 */
export async function livingRecord(settings: Settings): Promise<boolean> {
  const deadline = performance.now() + RECORD_BACK_MS;
  do {
    if (liveness(readRunState(settings)).kind === 'up') return true;
    await sleep(RECORD_POLL_MS);
  } while (performance.now() < deadline);
  return false;
}
