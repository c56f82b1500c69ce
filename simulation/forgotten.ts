/**
 * What no store knows any more, after stores were put back to an older state. Owns: computing that, when it happens, and
 * saying what may therefore be lost or repeated. Does not own: putting stores back (`rollback.ts`), or the checks that ask.
 *
 * Invariant: nothing may be lost or repeated that a store still tells of. What a ledger has of a past that the log has
 * otherwise may be lost, since that is set aside and said, and may not be repeated.
 */

import type { RecordHead } from '../actors/runtime/journal/record.ts';
import { serverOf } from '../bus/memory-log.ts';
import { JOURNAL_HEADER, RECORD_HEADER } from '../schemas/events/journal.ts';
import { STREAM } from '../schemas/events/subjects.ts';
import { decoded, messagesOf } from './history.ts';
import type { Run } from './simulate.ts';

type Records = ReadonlyMap<string, Uint8Array>;

/** What the stores have, by the ids of the records. */
export interface Known {
  readonly all: Records;
  /** Without what a ledger has of a past that the log has otherwise: that is set aside (J3), and its tasks with it. */
  readonly lasting: Records;
  /** Hosts whose ledgers have such records of which they know that they had left. */
  readonly otherPast: ReadonlySet<string>;
}

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

  /** To be called when some stores have been put back, with what all had before and have now. Returns the tasks concerned. */
  note({ history }: Pick<Run, 'history'>, before: Known, after: Known): string[] {
    const tasks = new Set<string>();
    // An older state may be a later one than what was there: what had been forgotten is back.
    for (const [, body] of beyond(after.lasting, before.lasting))
      for (const input of decoded(body).inputs) if (input.kind === 'event') tasks.add(input.event.correlationid);
    for (const [, body] of beyond(before.lasting, after.lasting)) {
      const { head, inputs } = decoded(body);
      for (const input of inputs) {
        if (input.kind !== 'event') continue;
        const task = input.event.correlationid;
        tasks.add(task);
        const services = this.#services.get(task) ?? new Set();
        this.#services.set(task, services.add(head.service));
      }
    }
    for (const [id] of beyond(before.all, after.all)) this.#gone.add(id);
    for (const id of after.all.keys()) this.#gone.delete(id);
    const answered = answersIn(history, after.all);
    for (const [key, { head }] of history.started) {
      if (this.#gone.has(head.id) && !answered.some((answer) => restsOn(answer, key, head))) this.#repeatable.add(key);
    }
    return [...tasks];
  }
}

function beyond(some: Records, others: Records): [string, Uint8Array][] {
  return [...some].filter(([id]) => !others.has(id));
}

/** What log and ledgers have now. */
export function knownTo({ log, hosts }: Pick<Run, 'log' | 'hosts'>): Known {
  const lasting = new Map<string, Uint8Array>();
  /** Ids by journal and number. */
  const inLog = new Map<string, string>();
  for (const { subject, data } of messagesOf(serverOf(log).findStream(STREAM))) {
    if (!subject.startsWith('mesh.journal.')) continue;
    const { head } = decoded(data);
    lasting.set(head.id, data);
    inLog.set(placeOf(head), head.id);
  }
  const all = new Map(lasting);
  const otherPast = new Set<string>();
  for (const { name, disk } of hosts) {
    for (const { body } of disk.tables.setAsideRecords) all.set(decoded(body).head.id, body);
    for (const { records } of disk.tables.partitions) {
      let parted = false;
      for (const { body, seq } of records.values()) {
        const { head, inputs } = decoded(body);
        parted ||= (inLog.get(placeOf(head)) ?? head.id) !== head.id;
        all.set(head.id, body);
        if (!parted) lasting.set(head.id, body);
        else if (seq !== null && inputs.length > 0) otherPast.add(name);
      }
    }
  }
  return { all, lasting, otherPast };
}

function placeOf({ service, partition, n }: RecordHead): string {
  return `${service}.${partition}.${n}`;
}

/** What whoever had asked a role was told later by its journal, and where in that one it comes from. */
interface Answer {
  readonly task: string;
  /** That was asked. */
  readonly role: string;
  readonly journal: string;
  readonly n: number;
}

/** Nobody asks those whom a role has asked in its turn: what they were told is no answer. */
function answersIn(history: Run['history'], records: Records): Answer[] {
  const origins = new Map<string, { journal: string; n: number }>();
  /** Roles by task and who asked them. */
  const asked = new Map<string, Set<string>>();
  for (const { message, event } of history.stored) {
    const journal = message.header(JOURNAL_HEADER);
    if (!event || journal === '' || !message.subject.startsWith('mesh.in.')) continue;
    origins.set(event.id, { journal, n: Number.parseInt(message.header(RECORD_HEADER), 10) });
    if (event.type !== 'dev.agentmesh.hop.requested.v1') continue;
    const key = `${event.correlationid} ${event.senderrole}`;
    asked.set(key, (asked.get(key) ?? new Set()).add(event.recipientrole));
  }
  const answers: Answer[] = [];
  for (const body of records.values()) {
    for (const input of decoded(body).inputs) {
      const origin = input.kind === 'event' ? origins.get(input.event.id) : undefined;
      if (!origin || input.kind !== 'event') continue;
      const { correlationid: task, recipientrole } = input.event;
      for (const role of asked.get(`${task} ${recipientrole}`) ?? []) answers.push({ task, role, ...origin });
    }
  }
  return answers;
}

/** It left after the effect had begun, so whoever has it knows more than the one who would begin it again. */
function restsOn({ task, role, journal, n }: Answer, key: string, began: RecordHead): boolean {
  return key.startsWith(`${task}/${role}/`) && journal === `${began.service}.${began.partition}` && n > began.n;
}
