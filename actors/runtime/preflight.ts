/**
 * Before anything is read: can every open task go on? Owns: the check. Does not own: loading for use. A snapshot that no
 * machine can load stops the start with the list of tasks, instead of failing in the middle of one (S11).
 */
import { FatalError } from './errors.ts';
import { revive } from './instances.ts';
import type { LoadedInstance } from './ledger/port.ts';
import type { RoleDefinition } from './role.ts';

/** Tasks named in the message; the rest are counted. */
const NAMED_MAX = 20;

/** @throws FatalError exit code 2, naming the tasks */
export function preflight(roles: readonly RoleDefinition[], open: readonly LoadedInstance[]): void {
  const problems: string[] = [];
  for (const loaded of open) {
    const { role: name, correlationId, machineSince } = loaded.stored;
    const role = roles.find((candidate) => candidate.name === name);
    try {
      if (!role) throw new Error('no such role here');
      revive(role, loaded);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push(`${correlationId} (${name}, machine ${machineSince}): ${reason}`);
    }
  }
  if (problems.length === 0) return;
  const named = problems.slice(0, NAMED_MAX).join('; ');
  const more = problems.length > NAMED_MAX ? `; and ${problems.length - NAMED_MAX} more` : '';
  throw new FatalError(
    `${problems.length} open tasks cannot go on with this release: ${named}${more}. Bring their machines back, or cancel them with the release that they began on.`,
    { exitCode: 2 },
  );
}
