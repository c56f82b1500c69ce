/**
 * Tells a process from another that got its number later. Owns: the mark of a process: boot and start time. Does not
 * own: what is done with the process. On systems without /proc the mark comes from `ps`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

export const processIdentity = z.object({ pid: z.number().int().positive(), mark: z.string() });

export type ProcessIdentity = Readonly<z.infer<typeof processIdentity>>;

const hasProc = existsSync('/proc/self/stat');
let bootId: string | null = null;

function boot(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return bootId;
}

/** State letter and start time from the text of /proc/<pid>/stat; the name in brackets may hold anything. */
export function parseStat(text: string): { state: string; startTicks: string } | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  return state === undefined || startTicks === undefined ? null : { state, startTicks };
}

function markFromProc(pid: number): string | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  const stat = parseStat(text);
  // A zombie has ended; only its parent has not asked for the exit code yet.
  return stat === null || stat.state === 'Z' || stat.state === 'X' ? null : `${boot()}/${stat.startTicks}`;
}

function markFromPs(pid: number): string | null {
  try {
    const text = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' });
    const [state = '', ...start] = text.trim().split(/\s+/);
    return state === '' || state.startsWith('Z') ? null : start.join(' ');
  } catch {
    return null;
  }
}

/** The mark of a living process; null when there is none with this number. */
function markOf(pid: number): string | null {
  return hasProc ? markFromProc(pid) : markFromPs(pid);
}

export function identityOf(pid: number): ProcessIdentity | null {
  const mark = markOf(pid);
  return mark === null ? null : { pid, mark };
}

/** True while this very process lives: not one that has its number since a restart of the machine. */
export function isAlive(identity: ProcessIdentity): boolean {
  return markOf(identity.pid) === identity.mark;
}

/** True for a process that a signal has stopped (SIGSTOP, a debugger): it lives and does nothing. */
export function isStopped(pid: number): boolean {
  const state = hasProc ? stateFromProc(pid) : stateFromPs(pid);
  return state.startsWith('T') || state.startsWith('t');
}

function stateFromProc(pid: number): string {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.state ?? '';
  } catch {
    return '';
  }
}

function stateFromPs(pid: number): string {
  try {
    return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return '';
  }
}

function send(target: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    // EPERM: the number belongs to somebody else by now, or (macOS) to a group of zombies.
    if (error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM')) return false;
    throw error;
  }
}

/** Sends a signal to the process group that a process leads, or to the process alone; false when it was gone already. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  return send(-pid, signal) || send(pid, signal);
}

/** Ends what a dead process left behind in its group. */
export function killRestOfGroup(pid: number): void {
  send(-pid, 'SIGKILL');
}
