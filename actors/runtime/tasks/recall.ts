/**
 * What the journal says of one task. Owns: its inputs, and what a task was that has ended, for who asks after it has left
 * the log. Does not own: open tasks, which are remembered as they are.
 */

import { decodeRecord, type EventInput } from '../journal/record.ts';
import type { EndedTask, Ledger } from '../ledger/port.ts';
import type { RuntimeLimits } from '../limits.ts';
import { type Actors, applyToTask, type RolesByName } from './task.ts';
import { loggedOf } from './tasks.ts';

/** The inputs of a task, from its journal. */
export function* inputsOf(
  ledger: Pick<Ledger, 'records'>,
  partition: number,
  { task, firstN, lastN }: { readonly task: string; readonly firstN: number; readonly lastN: number },
): Iterable<EventInput> {
  for (const { n, body } of ledger.records(partition, firstN)) {
    if (n > lastN) return;
    for (const input of decodeRecord(body).inputs)
      if (input.kind === 'event' && input.event.correlationid === task) yield input;
  }
}

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
  let actors: Actors = new Map();
  for (const input of inputsOf(ledger, partition, over)) {
    const result = applyToTask(roles, actors, { role: input.role, logged: loggedOf(input) }, limits);
    if (result.kind === 'rejected') return null;
    if (result.kind === 'applied') actors = result.actors;
  }
  return actors.size === 0 ? null : { actors, updatedAtMs: over.atMs };
}
