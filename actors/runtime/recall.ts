/**
 * What an ended task was. Owns: folding its records once more, for who asks after it has left the log. Does not own:
 * open tasks, which are remembered as they are.
 */
import type { EndedTask, Ledger } from './ledger/port.ts';
import type { RuntimeLimits } from './limits.ts';
import { decodeRecord } from './record.ts';
import { type Actors, applyToTask, type RolesByName } from './task.ts';
import { digestOf } from './tasks.ts';

export interface RecallOptions {
  readonly ledger: Pick<Ledger, 'records'>;
  readonly roles: RolesByName;
  readonly limits: RuntimeLimits;
  readonly partition: number;
}

/** Null when its records are gone, or were written with machines that this release does not have. */
export function recallEnded(
  { ledger, roles, limits, partition }: RecallOptions,
  over: EndedTask,
): { readonly actors: Actors; readonly updatedAtMs: number } | null {
  const { task } = over;
  let actors: Actors = new Map();
  for (const { n, body } of ledger.records(partition, over.firstN)) {
    if (n > over.lastN) break;
    for (const input of decodeRecord(body).inputs) {
      if (input.kind !== 'event' || input.event.correlationid !== task) continue;
      const { event, role, atMs, upMs } = input;
      const result = applyToTask(
        roles,
        actors,
        { role, logged: { event, atMs, upMs, digest: digestOf(input) } },
        limits,
      );
      if (result.kind === 'rejected') return null;
      if (result.kind === 'applied') actors = result.actors;
    }
  }
  return actors.size === 0 ? null : { actors, updatedAtMs: over.atMs };
}
