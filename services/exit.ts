/**
 * How a process ends. Owns: the exit code of anything thrown, and what is said of it. Does not own: when it ends.
 *
 * Codes are those of the `mesh` command: 1 anything else, 2 configuration, 3 something it depends on is missing.
 */
import { BusError } from '../bus/port.ts';

export type ExitCode = 1 | 2 | 3;

export interface Ending {
  readonly exitCode: ExitCode;
  /** One line when the reason is known; else with the stack, as somebody has to find out. */
  readonly text: string;
}

const isExitCode = (value: unknown): value is ExitCode => value === 1 || value === 2 || value === 3;

/** An error that knows what it means for the process says so in `exitCode`. */
function codeOf(thrown: Error): ExitCode | null {
  if ('exitCode' in thrown && isExitCode(thrown.exitCode)) return thrown.exitCode;
  return thrown instanceof BusError ? 3 : null;
}

export function endingOf(thrown: unknown): Ending {
  if (!(thrown instanceof Error)) return { exitCode: 1, text: String(thrown) };
  const exitCode = codeOf(thrown);
  if (exitCode !== null) return { exitCode, text: thrown.message };
  return { exitCode: 1, text: thrown.stack ?? thrown.message };
}
