/** Ending a process that a test found. Owns: never ending the group of the test itself, which the pid 0 would mean. */

/** @throws Error when there is no such process */
export function killProcess(pid: number | null | undefined): void {
  if (pid === null || pid === undefined || pid <= 0) throw new Error(`no process to kill: ${pid}`);
  process.kill(pid, 'SIGKILL');
}
