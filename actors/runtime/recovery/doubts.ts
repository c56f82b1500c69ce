/**
 * Tasks of another past: records that were set aside tell more of them than the journal does (J5). Owns: noting these tasks
 * and reading them. Does not own: when records are set aside (`recovery.ts`), or what follows from a doubt (`effects.ts`,
 * `requests.ts`).
 *
 * Stores that were put back at different moments may hold two pasts of a journal. The log's is the one that goes on (J3); in
 * the other one an effect that may not be repeated may have begun, here or at who was asked. So none begins any more for a
 * task of which it told that much.
 */

import { decodeRecord, type Input, isOverWord } from '../journal/record.ts';
import { emptyBatch, type Ledger } from '../ledger/port.ts';

function keyOf(partition: number): string {
  return `doubts.${partition}`;
}

/** To be called before the records of a partition from `fromN` on are set aside, when what they tell may have left. */
export async function noteDoubts(ledger: Ledger, partition: number, fromN: number): Promise<void> {
  const before = doubtsOf(ledger, partition);
  const tasks = new Set(before);
  for (const { body } of ledger.records(partition, fromN))
    for (const input of decodeRecord(body).inputs)
      if (input.kind === 'event' && tellsOfDeeds(input)) tasks.add(input.event.correlationid);
  if (tasks.size > before.size)
    await ledger.commit({ ...emptyBatch, meta: [{ key: keyOf(partition), value: JSON.stringify([...tasks]) }] });
}

/** Without those that have ended. */
export function doubtsOf(ledger: Pick<Ledger, 'meta' | 'ended'>, partition: number): ReadonlySet<string> {
  const tasks = JSON.parse(ledger.meta(keyOf(partition)) ?? '[]') as string[];
  return new Set(tasks.filter((task) => ledger.ended(partition, task) === null));
}

/** An effect that may not be repeated has begun, or who was asked elsewhere has answered. */
function tellsOfDeeds(input: Input & { readonly kind: 'event' }): boolean {
  if (input.place === null) return input.event.type === 'dev.agentmesh.effect.started.v1';
  return input.event.source !== '/mesh/ingress' && !isOverWord(input);
}
