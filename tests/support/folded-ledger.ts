/**
 * The tasks that a ledger's file stands for: its checkpoints with the journal folded onto them, as a start would have
 * them. Owns: folding a file that nobody writes now. Does not own: the fold (`actors/runtime/tasks/tasks.ts`).
 */
import { hash } from 'node:crypto';
import { basename } from 'node:path';
import Database from 'better-sqlite3';
import { loadRoleDefinitions } from '../../actors/roles/index.ts';
import { decodeRecord } from '../../actors/runtime/journal/record.ts';
import type { EndedTask } from '../../actors/runtime/ledger/port.ts';
import { prepareReads } from '../../actors/runtime/ledger/reads.ts';
import { defaultLimits } from '../../actors/runtime/limits.ts';
import { freezeTask } from '../../actors/runtime/tasks/snapshot.ts';
import type { RolesByName } from '../../actors/runtime/tasks/task.ts';
import { createTasks, type LiveTask } from '../../actors/runtime/tasks/tasks.ts';
import { partitionNumbers } from '../../schemas/events/subjects.ts';

export interface FoldedTask {
  readonly task: string;
  /** By role: the value of its machine's state, words joined by dots. */
  readonly states: Readonly<Record<string, string>>;
  /** Effects that were wanted and had no result. */
  readonly effects: readonly { readonly role: string; readonly src: string; readonly failures: number }[];
}

/** The machines of each service. */
export type Machines = (service: string) => RolesByName;

export async function loadMachines(): Promise<Machines> {
  const definitions = await loadRoleDefinitions();
  return (service) => new Map(definitions.filter((role) => role.service === service).map((role) => [role.name, role]));
}

/** The open tasks of a ledger that is called after its service. */
function openTasks(path: string, machines: Machines): FoldedTask[] {
  return partitionsOf(path, machines).flatMap(({ live }) => live.map(folded));
}

/** `role:state` of every actor of an open task, such as `orchestrator:working.hop`. */
export function statesUnderWay(path: string, machines: Machines): string[] {
  return openTasks(path, machines).flatMap(({ states }) =>
    Object.entries(states).map(([role, state]) => `${role}:${state}`),
  );
}

/** What became of every task of these ledgers, as one number: equal when every actor is where it was. */
export function tasksHash(paths: readonly string[], machines: Machines): string {
  const all = paths.map((path) =>
    partitionsOf(path, machines).map(({ live, ended }) => [
      live.map((task) => freezeTask(task.id, task.actors, task)).sort((a, b) => (a.task < b.task ? -1 : 1)),
      ended.toSorted((a, b) => (a.task < b.task ? -1 : 1)).map(({ task, firstN, lastN }) => [task, firstN, lastN]),
    ]),
  );
  return hash('sha256', JSON.stringify(all), 'hex');
}

interface FoldedPartition {
  readonly live: readonly LiveTask[];
  readonly ended: readonly EndedTask[];
}

function partitionsOf(path: string, machines: Machines): FoldedPartition[] {
  const roles = machines(basename(path, '.db'));
  const db = new Database(path, { readonly: true });
  try {
    const ledger = prepareReads(db);
    return partitionNumbers.map((partition) => foldPartition(ledger, partition, roles));
  } finally {
    db.close();
  }
}

function foldPartition(
  ledger: ReturnType<typeof prepareReads>,
  partition: number,
  roles: RolesByName,
): FoldedPartition {
  const tasks = createTasks({ partition, roles, limits: defaultLimits, ledger });
  for (const { body, n } of ledger.records(partition, ledger.checkpointed(partition) + 1)) {
    for (const input of decodeRecord(body).inputs) {
      if (input.kind !== 'event') continue;
      const result = tasks.weigh(input);
      if (result.kind === 'applied') tasks.apply(input, result, n);
    }
  }
  const live = [...tasks.atWork()].flatMap((one) => ('rows' in one ? (tasks.find(one.task) ?? []) : one));
  const before = ledger.checkpoint(partition)?.ended ?? [];
  return { live, ended: [...before, ...tasks.checkpoint(0).ended] };
}

function folded({ id, actors }: LiveTask): FoldedTask {
  const all = [...actors];
  return {
    task: id,
    states: Object.fromEntries(all.map(([role, { snapshot }]) => [role, wordsOf(snapshot.value)])),
    effects: all.flatMap(([role, { effects }]) =>
      [...effects.values()].map(({ src, failures }) => ({ role, src, failures })),
    ),
  };
}

/** `{ working: 'hop' }` is `working.hop`. */
function wordsOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([outer, inner]) => `${outer}.${wordsOf(inner)}`)
    .join(' ');
}
