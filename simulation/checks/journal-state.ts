/**
 * What a journal says, folded from its first record. Owns: that fold, for the checks. It uses the runtime's own machines
 * and its own way of applying an input; what it checks is that every store and every memory agrees with it.
 */

import type { EventInput, RecordHead } from '../../actors/runtime/journal/record.ts';
import type { StoredRecord } from '../../actors/runtime/ledger/port.ts';
import { defaultLimits } from '../../actors/runtime/limits.ts';
import { type Message, RecordMessages } from '../../actors/runtime/messages/messages.ts';
import type { RoleDefinition } from '../../actors/runtime/role.ts';
import { type Actors, applyToTask } from '../../actors/runtime/tasks/task.ts';
import { loggedOf } from '../../actors/runtime/tasks/tasks.ts';
import { PAYLOAD_MAX_BYTES } from '../../schemas/events/envelope.ts';
import { decoded, type History } from '../history.ts';

export interface JournalState {
  readonly tasks: ReadonlyMap<string, Actors>;
  readonly messages: readonly Message[];
  readonly heads: readonly RecordHead[];
  /** All events from elsewhere that were inputs, as `<role> <id>`. */
  readonly inputs: ReadonlySet<string>;
  /** Places in the log of messages that went into quarantine, as `<lane> <seq>`. */
  readonly refused: ReadonlySet<string>;
  /** What no journal may say, in words. */
  readonly problems: readonly string[];
}

export function foldJournal(
  roles: readonly RoleDefinition[],
  records: Iterable<Pick<StoredRecord, 'body'>>,
  /** Only this task is of interest. */
  only?: string,
): JournalState {
  const byName = new Map(roles.map((role) => [role.name, role]));
  const tasks = new Map<string, Actors>();
  const messages: Message[] = [];
  const heads: RecordHead[] = [];
  const inputs = new Set<string>();
  const refused = new Set<string>();
  const problems: string[] = [];
  for (const { body } of records) {
    const { head, inputs: told } = decoded(body);
    const following = new RecordMessages();
    for (const input of told) {
      if (input.kind === 'quarantined') {
        following.quarantine(input.message);
        refused.add(`${input.place.lane} ${input.place.seq}`);
        continue;
      }
      const { event, role } = input;
      if (only !== undefined && event.correlationid !== only) continue;
      const before: Actors = tasks.get(event.correlationid) ?? new Map();
      const which = `${event.type} ${event.id} in record ${head.n} of ${head.service}.${head.partition}`;
      if (input.place !== null && inputs.has(`${role} ${event.id}`)) problems.push(`${which} was an input before`);
      if (input.place !== null) inputs.add(`${role} ${event.id}`);
      const early = earlyBy(before, input);
      if (early > 0) problems.push(`${which} came ${early} ms before its time`);
      const result = applyToTask(byName, before, { role, logged: loggedOf(input) }, defaultLimits);
      if (result.kind !== 'applied')
        throw new Error(
          `${event.type} ${event.id} in record ${head.n} of ${head.service}.${head.partition} is ${JSON.stringify(result)}`,
        );
      tasks.set(event.correlationid, result.actors);
      following.add(result);
    }
    messages.push(...following.messages(`${head.service}.${head.partition}`, head.n, head.id, PAYLOAD_MAX_BYTES));
    heads.push(head);
  }
  return { tasks, messages, heads, inputs, refused, problems };
}

/** How long before its time a limit counted as passed, on the partition's clock, milliseconds. */
function earlyBy(actors: Actors, { role, event, upMs }: EventInput): number {
  if (event.type !== 'dev.agentmesh.timer.fired.v1') return 0;
  const row = actors.get(role)?.timers.get(event.data.timer);
  return row === undefined ? 0 : row.dueUpMs - upMs - ROUNDED_MS;
}

/** Readings of the clock are whole milliseconds. */
const ROUNDED_MS = 1;

/**
 * All records of a journal up to the last one that a disk has. What a ledger was given as a checkpoint it does not have
 * as records; then the log had them.
 */
export function journalOnDisk(history: History, journal: DiskJournal): { body: Uint8Array }[] {
  const found: { body: Uint8Array }[] = [];
  let body = journal.last?.body;
  while (body) {
    found.push({ body });
    const { n, previous } = decoded(body).head;
    body = journal.records.get(n - 1)?.body ?? history.records.get(previous)?.message.data;
  }
  return found.reverse();
}

interface DiskJournal {
  readonly last: Pick<StoredRecord, 'body'> | null;
  readonly records: ReadonlyMap<number, Pick<StoredRecord, 'body'>>;
}
