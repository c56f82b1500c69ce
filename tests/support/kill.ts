/**
 * Signals to processes that a test found. Owns: never ending the group of the test itself, which the pid 0 would mean,
 * and that a frozen process really stands still. Does not own: starting them, or letting them go on.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isStopped } from '../../cli/supervisor/process-mark.ts';

type Pid = number | null | undefined;

function numberOf(pid: Pid): number {
  if (pid === null || pid === undefined || pid <= 0) throw new Error(`no process to send a signal to: ${pid}`);
  return pid;
}

/** @throws Error when there is no such process */
export function killProcess(pid: Pid): void {
  process.kill(numberOf(pid), 'SIGKILL');
}

function threadStandsStill(path: string): boolean {
  try {
    const stat = readFileSync(path, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  } catch {
    return true; // It ended meanwhile.
  }
}

/** True when no thread of it is left that could still answer. */
function standsStill(pid: number): boolean {
  const threads = `/proc/${pid}/task`;
  if (!existsSync(threads)) return isStopped(pid);
  return readdirSync(threads).every((thread) => threadStandsStill(`${threads}/${thread}/stat`));
}

/**
 * Stops a process as SIGSTOP does, and waits until it stands still: the signal reaches its threads one by one, and the
 * last of them may answer a request after `kill` has returned.
 *
 * @throws Error when there is no such process
 */
export async function freezeProcess(pid: Pid): Promise<void> {
  const target = numberOf(pid);
  process.kill(target, 'SIGSTOP');
  while (!standsStill(target)) await sleep(5);
}

/** @throws Error when there is no such process */
export function thawProcess(pid: Pid): void {
  process.kill(numberOf(pid), 'SIGCONT');
}
