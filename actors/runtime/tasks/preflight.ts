/**
 * Before a partition goes on: can every open task? Owns: the check. Does not own: loading for use. A snapshot that no
 * machine can load stops the start, or the takeover, with the list of tasks, instead of failing in the middle of one (S11).
 */
import { FatalError } from '../errors.ts';
import type { StoredTask } from './snapshot.ts';
import type { RolesByName } from './task.ts';

/** Tasks named in the message; the rest are counted. */
const NAMED_MAX = 20;

/** @throws FatalError exit code 2, naming the tasks */
export function preflight(roles: RolesByName, tasks: Iterable<StoredTask>): void {
  const problems: string[] = [];
  /** Machines in the same state can all be loaded, or none: one of them is tried. */
  const tried = new Map<string, string | null>();
  for (const task of tasks) {
    const words = task.machines.map(({ role, since, place }) => `${role} ${since} ${place}`).join(' ');
    const known = tried.get(words);
    const problem = known === undefined ? problemOf(roles, task) : known;
    tried.set(words, problem);
    if (problem === null) continue;
    const machines = task.machines.map(({ role, since }) => `${role}, machine ${since}`).join('; ');
    problems.push(`${task.task} (${machines}): ${problem}`);
  }
  if (problems.length === 0) return;
  const named = problems.slice(0, NAMED_MAX).join('; ');
  const more = problems.length > NAMED_MAX ? `; and ${problems.length - NAMED_MAX} more` : '';
  throw new FatalError(
    `${problems.length} of the open tasks cannot go on with this release: ${named}${more}. Bring their machines back, or cancel them with the release that they began on.`,
    { exitCode: 2 },
  );
}

function problemOf(roles: RolesByName, task: StoredTask): string | null {
  try {
    task.wake(roles);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
