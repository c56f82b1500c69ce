/**
 * Killing a service of one's own mesh, to watch it come back. Owns: knowing which processes are our siblings. Does not
 * own: starting them again (the supervisor).
 *
 * Invariant: only a process that the supervisor which started this one has written down is killed, and never the
 * dashboard itself.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const runRecord = z.object({
  supervisor: z.object({ pid: z.number() }),
  services: z.array(z.object({ name: z.string(), process: z.object({ pid: z.number().int().positive() }).nullable() })),
});

export interface OwnProcess {
  readonly name: string;
  readonly pid: number;
}

/** Those that our supervisor runs; none when this process was not started by one. */
export function ownProcesses(home: string): OwnProcess[] {
  let text: string;
  try {
    text = readFileSync(join(home, 'run.json'), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  const parsed = runRecord.safeParse(JSON.parse(text));
  if (!parsed.success || parsed.data.supervisor.pid !== process.ppid) return [];
  return parsed.data.services.flatMap(({ name, process: one }) =>
    one === null || one.pid === process.pid ? [] : [{ name, pid: one.pid }],
  );
}

/** Null when it was killed; else why not. */
export function killOwn(home: string, name: string): string | null {
  const found = ownProcesses(home).find((one) => one.name === name);
  if (found === undefined) return `${name} is no running process of the mesh that started this dashboard`;
  try {
    process.kill(found.pid, 'SIGKILL');
    return null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return `${name} is not running just now`;
    throw error;
  }
}
