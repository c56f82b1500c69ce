/**
 * Who goes first on a busy machine. Owns: how a worker lets its host, and all else that answers in milliseconds, go first.
 * Does not own: which worker does, and when.
 *
 * Niceness alone is not enough: Linux leaves a processor to whoever has it until its slice is over, some milliseconds,
 * however nice it is. A task passes through a dozen such moments. Only what is scheduled as *idle* gives way at once. It is
 * a policy that Node cannot set, so util-linux's `chrt` does, where it is; elsewhere niceness is what there is. There is no
 * way back from it without rights of root.
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants as files, readFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { delimiter, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

/** Half of what a host gets: what cannot be told how long it waited has to be done within its limit beside a build. */
const NICER_BY = 3;
const LOWEST = constants.priority.PRIORITY_LOW;
const isLinux = process.platform === 'linux';

let launcher: readonly string[] | null | undefined;

/** The command before a command that lets it run while nobody else wants the processor; null where there is none. */
export function idleLauncher(): readonly string[] | null {
  launcher ??= findLauncher();
  return launcher;
}

/** Another program's command line, so that it lets others go first where that can be had. */
export function behindOthers(command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  const [first, ...rest] = idleLauncher() ?? [];
  return first === undefined ? command : [first, ...rest, ...command];
}

function findLauncher(): readonly string[] | null {
  const chrt = isLinux ? inPath('chrt') : null;
  if (chrt === null) return null;
  const command = [chrt, '-i', '0'];
  // A container may refuse the call, and a smaller `chrt` the option.
  return spawnSync(chrt, ['-i', '0', 'true'], { stdio: 'ignore', timeout: 5000 }).status === 0 ? command : null;
}

function inPath(program: string): string | null {
  for (const folder of (process.env.PATH ?? '/usr/bin:/bin').split(delimiter)) {
    try {
      const path = join(folder, program);
      accessSync(path, files.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** What a worker calls at its start: it lets its host go first. */
export function letHostGoFirst(): void {
  // Linux counts threads as it counts processes; elsewhere a thread's priority is that of its whole process.
  if (!isLinux && !isMainThread) return;
  setPriority(Math.min(LOWEST, getPriority() + NICER_BY));
}

/**
 * Lets all others go first for the rest of its life; takes a process, or a thread by the number that Linux has for it.
 * Its niceness counts at once, the rest as soon as it is done.
 */
export function goLast(id: number): void {
  setPriority(id, LOWEST);
  const [chrt, ...policy] = idleLauncher() ?? [];
  if (chrt === undefined) return;
  const setting = spawn(chrt, [...policy.slice(0, -1), '-p', '0', String(id)], { stdio: 'ignore' });
  // It may have ended meanwhile; and one that is only nice does its work as well.
  setting.on('error', () => undefined).unref();
}

/** What became of a process or thread since its start, milliseconds. */
export interface Turns {
  readonly ranMs: number;
  /** Ready to run, and another one had the processor. Of the wait that it is in nothing is counted yet. */
  readonly waitedMs: number;
  readonly isReady: boolean;
}

/** Null where nobody knows: not on Linux, it has ended, or the kernel does not count. */
export function turnsOf(id: number): Turns | null {
  if (!isLinux) return null;
  try {
    // Threads are found there as well, though they are not listed.
    const [ranNs, waitedNs] = readFileSync(`/proc/${id}/schedstat`, 'utf8').split(' ').map(Number);
    if (ranNs === undefined || waitedNs === undefined) return null;
    const isReady = /\) R /.test(readFileSync(`/proc/${id}/stat`, 'utf8'));
    return { ranMs: ranNs / 1e6, waitedMs: waitedNs / 1e6, isReady };
  } catch {
    return null;
  }
}

/** How much of a time was work: all but the waits for a processor. */
export function workedMs(passedMs: number, before: Turns | null, now: Turns | null): number {
  if (before === null || now === null) return passedMs;
  const worked = now.isReady ? now.ranMs - before.ranMs : passedMs - (now.waitedMs - before.waitedMs);
  return Math.min(passedMs, Math.max(0, worked));
}
