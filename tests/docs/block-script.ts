/**
 * A block of commands as one script of bash, in one shell, so that a variable, a folder or a job of one command is there for
 * the next. Owns: the script, and reading from what it printed how each command ended. Does not own: which commands.
 */
import type { DocCommand } from './blocks.ts';

export interface Ended {
  readonly command: DocCommand;
  /** Null when the script ended before it. */
  readonly code: number | null;
  readonly said: string;
}

export interface Written {
  readonly command: DocCommand;
  /** What is run: the command, with what its example's names stand for. */
  readonly text: string;
  /** Of a command that follows what happens until it is stopped. */
  readonly limitS?: number;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const mark = (at: number): string => `printf '\\n@@%d ended with %d\\n' ${at} $?`;

function linesOf({ text, limitS }: Written, at: number): string {
  const [, job] = /^(.*[^&\s])\s*&\s*(?:#.*)?$/s.exec(text) ?? [];
  if (job !== undefined) return `{ ${job}\n${mark(at)}; } &`;
  const timed = `timeout --signal=INT --kill-after=5 ${limitS} bash -c ${quoted(text)}`;
  return `${limitS === undefined ? text : timed}\n${mark(at)}`;
}

/** Ends when the jobs that it left in the background have ended. */
export function scriptOf(commands: readonly Written[]): string {
  // What stands before a pipe counts as well: what comes after it takes an empty input for none.
  return ['exec 2>&1', 'set -o pipefail', ...commands.map(linesOf), 'wait'].join('\n');
}

/** In the order of the commands; one that never ended has no code. */
export function endedOf(commands: readonly Written[], output: string): Ended[] {
  const codes = new Map<number, { code: number; said: string }>();
  let rest = output;
  for (const found of output.matchAll(/\n@@(\d+) ended with (\d+)\n/g)) {
    const [said = '', ...after] = rest.split(found[0]);
    rest = after.join(found[0]);
    codes.set(Number(found[1]), { code: Number(found[2]), said });
  }
  return commands.map(({ command }, at) => ({
    command,
    code: codes.get(at)?.code ?? null,
    said: codes.get(at)?.said ?? rest,
  }));
}
