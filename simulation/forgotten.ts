/**
 * What no store knows any more, after stores were put back to an older state. Owns: computing that, when it happens, and
 * saying what may therefore be lost or repeated. Does not own: putting stores back (`rollback.ts`), or the checks that ask.
 *
 * Invariant: nothing may be lost or repeated that a store still tells of.
 */

import type { RecordHead } from '../actors/runtime/record.ts';
import { serverOf } from '../bus/memory-log.ts';
import { JOURNAL_HEADER, RECORD_HEADER } from '../schemas/events/journal.ts';
import { STREAM } from '../schemas/events/subjects.ts';
import { decoded, messagesOf } from './history.ts';
import type { Run } from './simulate.ts';

type Stores = Pick<Run, 'log' | 'hosts' | 'history'>;

export class Forgotten {
  /** By task, the services whose records of it are gone. */
  readonly #services = new Map<string, Set<string>>();
  readonly #repeatable = new Set<string>();
  /** Records that no store has any more: who had an answer that rests on one may lose it later. */
  readonly #gone = new Set<string>();

  /** True when records of the task are gone, of the named service or of any. */
  has(task: string, service?: string): boolean {
    const services = this.#services.get(task);
    return services !== undefined && (service === undefined || services.has(service));
  }

  /** True when nobody can know any more that the effect had begun. */
  mayRepeat(key: string): boolean {
    return this.#repeatable.has(key);
  }

  /** To be called with what all stores had before, when some of them have been put back. Returns the tasks concerned. */
  note(stores: Stores, before: ReadonlyMap<string, Uint8Array>): string[] {
    const after = recordsIn(stores);
    const lost = [...before].filter(([id]) => !after.has(id));
    const tasks = new Set<string>();
    // An older state may be a later one than what was there: what had been forgotten is back.
    for (const [, body] of [...after].filter(([id]) => !before.has(id)))
      for (const input of decoded(body).inputs) if (input.kind === 'event') tasks.add(input.event.correlationid);
    for (const [, body] of lost) {
      const { head, inputs } = decoded(body);
      for (const input of inputs) {
        if (input.kind !== 'event') continue;
        const task = input.event.correlationid;
        tasks.add(task);
        const services = this.#services.get(task) ?? new Set();
        this.#services.set(task, services.add(head.service));
      }
    }
    for (const [id] of lost) this.#gone.add(id);
    for (const id of after.keys()) this.#gone.delete(id);
    const answered = answersIn(stores, after);
    for (const [key, { head }] of stores.history.started) {
      if (this.#gone.has(head.id) && !answered.some((answer) => restsOn(answer, key, head))) this.#repeatable.add(key);
    }
    return [...tasks];
  }
}

/** All records that log and ledgers have, by id. */
export function recordsIn({ log, hosts }: Pick<Run, 'log' | 'hosts'>): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const { subject, data } of messagesOf(serverOf(log).findStream(STREAM)))
    if (subject.startsWith('mesh.journal.')) found.set(decoded(data).head.id, data);
  for (const { disk } of hosts)
    for (const { records } of disk.tables.partitions)
      for (const { body } of records.values()) found.set(decoded(body).head.id, body);
  return found;
}

/** What some journal was told by another one, and where in that one it comes from. */
interface Answer {
  readonly task: string;
  readonly journal: string;
  readonly n: number;
}

function answersIn({ history }: Stores, records: ReadonlyMap<string, Uint8Array>): Answer[] {
  const origins = new Map<string, { journal: string; n: number }>();
  for (const { message, event } of history.stored) {
    const journal = message.header(JOURNAL_HEADER);
    if (event && journal !== '' && message.subject.startsWith('mesh.in.'))
      origins.set(event.id, { journal, n: Number.parseInt(message.header(RECORD_HEADER), 10) });
  }
  const answers: Answer[] = [];
  for (const body of records.values()) {
    for (const input of decoded(body).inputs) {
      const origin = input.kind === 'event' ? origins.get(input.event.id) : undefined;
      if (origin && input.kind === 'event') answers.push({ task: input.event.correlationid, ...origin });
    }
  }
  return answers;
}

/** It left after the effect had begun, so whoever has it knows more than the one who would begin it again. */
function restsOn({ task, journal, n }: Answer, key: string, began: RecordHead): boolean {
  return key.startsWith(`${task}/`) && journal === `${began.service}.${began.partition}` && n > began.n;
}
