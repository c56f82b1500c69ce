/**
 * Has a machine of one's own changed under its number? Owns: what of a machine counts as its form, remembering it in the
 * ledger, and telling of a change under tasks that are open. Does not own: whether such a task can go on: `preflight.ts`
 * and the fold find that out, task by task.
 *
 * A form is what can be read of a machine: its states, events and effects. What its functions do cannot be compared: the
 * same function has another text in a package than in a checkout. So the same form is no promise, and another one is no
 * fault: a state that was added harms nobody. Shipped machines are not compared: `tests/upgrade` tries
 * tasks in flight on both sides of a change.
 */
import { createHash } from 'node:crypto';
import type { AnyStateMachine } from 'xstate';
import { NEXT_VERSION, type RoleDefinition, type RoleVersion } from '../role.ts';
import type { StoredTask } from './snapshot.ts';
import type { LiveTask } from './tasks.ts';

/** Where each version's form stands in the ledger's notes. */
const keyOf = (role: string, version: number): string => `machine.${role}.${version}`;

/** Keys of a machine that change nothing for a task under way, or only by what functions do. */
const PASSED_OVER: ReadonlySet<string> = new Set([
  'context',
  'description',
  'input',
  'meta',
  'output',
  'tags',
  'params',
]);

function machineForm({ config }: AnyStateMachine): string {
  const text = JSON.stringify(config, (key, value: unknown) => {
    if (PASSED_OVER.has(key)) return undefined;
    return typeof value === 'function' || (key === 'src' && typeof value !== 'string') ? 'code' : value;
  });
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

export interface ChangedMachine {
  readonly role: string;
  readonly version: number;
  /** Open tasks of that version; which of them began before the change cannot be told. */
  readonly tasks: number;
}

/**
 * Compares the machines of one's own with what is remembered of them. What is new, or has no open task, is remembered as it
 * is now; what changed under open tasks stays as it was, so that it is told again for as long as they are open.
 */
export function changedMachines(
  roles: Iterable<RoleDefinition>,
  open: () => Iterable<StoredTask | LiveTask>,
  notes: { read(key: string): string | null; write(key: string, value: string): void },
): ChangedMachine[] {
  const changed: (RoleVersion & { readonly role: string; readonly key: string; readonly form: string })[] = [];
  for (const { name, versions, countsFromOne } of roles) {
    if (!countsFromOne) continue;
    for (const version of versions) {
      const [key, form] = [keyOf(name, version.since), machineForm(version.machine)];
      const before = notes.read(key);
      if (before === null) notes.write(key, form);
      else if (before !== form) changed.push({ ...version, role: name, key, form });
    }
  }
  if (changed.length === 0) return [];
  const tasks = new Map<string, number>();
  for (const task of open()) for (const key of machinesOf(task)) tasks.set(key, (tasks.get(key) ?? 0) + 1);
  for (const { key, form } of changed) if (!tasks.has(key)) notes.write(key, form);
  return changed.flatMap(({ role, since, key }) => {
    const count = tasks.get(key);
    return count === undefined ? [] : [{ role, version: since, tasks: count }];
  });
}

function machinesOf(task: StoredTask | LiveTask): string[] {
  if ('machines' in task) return task.machines.map(({ role, since }) => keyOf(role, since));
  return [...task.actors.values()].map(({ role, machineSince }) => keyOf(role, machineSince));
}

/** In words, for the log. */
export function changeText({ role, version, tasks }: ChangedMachine): string {
  const who = tasks === 1 ? '1 open task' : `${tasks} open tasks`;
  return `the machine of ${role} is another one than before under the same version ${version}, and ${who} may have begun before: ${NEXT_VERSION}`;
}
