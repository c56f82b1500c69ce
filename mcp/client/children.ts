/**
 * Processes of MCP servers that a killed process has left behind. Owns: noting which ones run, and ending those of the
 * life before. Does not own: starting or ending them in order (connection.ts).
 *
 * A server whose client is gone reads the end of its input and should end, but one that is busy need not. A process is
 * known by its id together with its start time: ids are used again.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../../guards/make-folder.ts';

const record = z.array(z.object({ server: z.string(), pid: z.number().int().min(2), startedAt: z.string().min(1) }));
type Child = z.infer<typeof record>[number];

export interface Children {
  /** A server runs as this process now; null: it has ended. */
  note(server: string, pid: number | null): void;
  /** Ends what the life before has left, and tells which servers that were. */
  endLeftOvers(): string[];
}

/** @param path file of the record; one for each process that has MCP servers */
export function createChildren(path: string): Children {
  const running = new Map<string, Child>();
  return {
    note(server, pid) {
      const startedAt = pid === null ? null : startOf(pid);
      if (pid === null || startedAt === null) running.delete(server);
      else running.set(server, { server, pid, startedAt });
      if (running.size === 0) rmSync(path, { force: true });
      else {
        makeFolder(dirname(path));
        writeFileSync(path, JSON.stringify([...running.values()]));
      }
    },
    endLeftOvers() {
      const left = read(path).filter(({ pid, startedAt }) => startOf(pid) === startedAt);
      for (const { pid } of left) end(pid);
      rmSync(path, { force: true });
      return left.map(({ server }) => server);
    },
  };
}

function read(path: string): Child[] {
  try {
    const parsed = record.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.data : [];
  } catch {
    // None was written, or its writing was cut off: then there is nothing to go by.
    return [];
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended by itself meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** When a process began, as the system tells it; null when there is none. */
function startOf(pid: number): string | null {
  try {
    if (process.platform !== 'linux')
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
    // proc(5): the 22nd field; the second, the name, may hold spaces and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
