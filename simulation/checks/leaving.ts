/**
 * Checks at the moment something leaves (J2, S6): both stores have what it rests on by then. Owns: those checks. Does not
 * own: checks of a mesh at rest.
 */

import { type Input, isOverWord } from '../../actors/runtime/journal/record.ts';
import type { LedgerBatch } from '../../actors/runtime/ledger/port.ts';
import { AGAIN_HEADER } from '../../actors/runtime/messages/messages.ts';
import type { Unsent } from '../../actors/runtime/messages/sender.ts';
import { keyOf } from '../../actors/runtime/tasks/actor.ts';
import type { MemoryLog } from '../../bus/memory-bus.ts';
import { serverOf } from '../../bus/memory-log.ts';
import type { PublishRequest } from '../../bus/port.ts';
import type { MeshEvent } from '../../schemas/events/envelope.ts';
import { JOURNAL_HEADER, RECORD_HEADER } from '../../schemas/events/journal.ts';
import { parseSubject, partitionOf, STREAM } from '../../schemas/events/subjects.ts';
import type { Catalog } from '../catalog.ts';
import type { Gate } from '../gate.ts';
import { decoded, type History } from '../history.ts';
import { typeNameIn } from '../host-ports.ts';
import type { HostProcess } from '../hosts.ts';
import type { Report } from '../report.ts';
import type { Run } from '../simulate.ts';
import { foldJournal, journalOnDisk } from './journal-state.ts';

/** What rests on a record leaves only when it is in both stores, the same one. */
export function checkLeaving(
  { report, history }: { report: Report; history: History },
  host: HostProcess,
  request: PublishRequest,
  connection: 'certain' | 'disturbed',
): void {
  const { subject, headers = {} } = request;
  const journal = headers[JOURNAL_HEADER];
  if (journal === undefined) return;
  const partition = Number(journal.split('.')[1]);
  const n = Number(headers[RECORD_HEADER]?.split('.')[0]);
  const { records, checkpointed } = host.disk.tables.partition(partition);
  const record = records.get(n);
  // A ledger that was lost was given the log's checkpoint in place of its records.
  if (!record && checkpointed >= n) return;
  if (!record) {
    report.violation('J2', `${host.name} sends ${subject} of record ${n} of ${journal}, which its disk does not have`);
    return;
  }
  const { id, process } = decoded(record.body).head;
  const lacks = history.lacks(id);
  // What the network has not told yet nobody can know.
  if (lacks === 'never had' || (lacks !== null && connection === 'certain'))
    report.violation('J2', `${host.name} sends ${subject} of record ${n} of ${journal}, which the log ${lacks}`);
  const isRequest = subject.startsWith('mesh.in.') && typeNameIn(request.body) !== 'task.over';
  if (isRequest && host.foundLogLost && process !== host.process && headers[AGAIN_HEADER] === undefined)
    report.violation('J5', `${host.name} asks ${subject} of record ${n} of ${journal} again, as if it were new`);
  if (headers[AGAIN_HEADER] !== undefined && isAnswered(host, request, n))
    report.violation('J5', `${host.name} asks ${subject} of record ${n} of ${journal} again, and was answered before`);
}

/** Who opens a partition says that it has read nothing which the log, as it is now, does not have yet (S10). */
export function checkClaim(
  { report, log }: { report: Report; log: MemoryLog },
  { name, process }: HostProcess,
  { subject, body }: PublishRequest,
  connection: 'certain' | 'disturbed',
): void {
  if (!subject.startsWith('mesh.journal.') || typeof body === 'string' || connection === 'disturbed') return;
  const { head } = decoded(body);
  const { identity, lastSeq } = serverOf(log).findStream(STREAM)?.info() ?? {};
  if (head.word !== 'claimed' || head.process !== process || head.log !== identity) return;
  for (const [lane, seq] of Object.entries(head.read)) {
    if (seq > (lastSeq ?? 0))
      report.violation('S10', `${name} opens ${subject} as if it had read ${lane} up to ${seq}, and the log is cut`);
  }
}

/** A checkpoint remembers all that follows from the records before it and never was in the log (S4). */
export function checkUnsent(
  { report, history, plan }: Pick<Run, 'report' | 'history' | 'plan'>,
  { disk, roles, service, name }: HostProcess,
  { records, checkpoints }: LedgerBatch,
): void {
  if (plan.logWentBack || plan.lostForGood || report.failed) return;
  for (const { partition, n, unsent } of checkpoints) {
    const stored = journalOnDisk(history, disk.tables.partition(partition));
    const mine = records.filter((record) => record.partition === partition);
    const { messages } = foldJournal(roles, [...stored, ...mine]);
    const remembered = new Set(unsentIn(unsent));
    const journal = `${service}.${partition}`;
    for (const { kind, msgId, headers } of messages) {
      const place = headers[RECORD_HEADER] ?? '';
      if (kind === 'quarantine' || Number.parseInt(place, 10) > n || remembered.has(msgId)) continue;
      if (!history.sent.has(`${journal} ${place}`))
        report.violation(
          'S4',
          `the checkpoint ${n} of ${journal} at ${name} forgets ${place}, which the log never had`,
        );
    }
  }
}

function unsentIn(text: string): string[] {
  const all = text === '[]' ? [] : (JSON.parse(text) as { messages: readonly Unsent[] }).messages;
  return all.flatMap(({ messages }) => messages.map(({ msgId }) => msgId));
}

/** The role that is asked had said something about the task since, when this process opened the journal. */
function isAnswered({ disk, process }: HostProcess, { subject, body }: PublishRequest, n: number): boolean {
  const address = parseSubject(subject);
  if (address.kind !== 'inbox') return false;
  const { hopindex } = JSON.parse(String(body)) as MeshEvent;
  let answered = false;
  for (const { body } of disk.tables.partition(partitionOf(address.correlationId)).records.values()) {
    const { head, inputs } = decoded(body);
    if (head.process === process) break;
    answered ||= head.n > n && inputs.some((input) => isWordOf(input, { ...address, hopindex }));
  }
  return answered;
}

interface Asked {
  readonly role: string;
  readonly correlationId: string;
  readonly hopindex: number;
}

function isWordOf(input: Input, { role, correlationId, hopindex }: Asked): boolean {
  // That a task is over does not say that its answer was heard: who says so may have forgotten it since.
  if (input.kind !== 'event' || input.place === null || isOverWord(input)) return false;
  const { event } = input;
  // What is of an earlier hop was said before it was heard.
  return event.correlationid === correlationId && event.senderrole === role && event.hopindex >= hopindex;
}

/** Before the effect was said to begin, something was said of its task that the log had lost since it was said first. */
function cameAgain(journal: readonly { readonly body: Uint8Array }[], task: string, key: string): boolean {
  let again = false;
  for (const { body } of journal) {
    for (const input of decoded(body).inputs) {
      if (input.kind !== 'event' || input.event.correlationid !== task) continue;
      if (input.event.type === 'dev.agentmesh.effect.started.v1' && input.event.data.key === key) return again;
      again ||= input.again;
    }
  }
  return again;
}

/** Who stops in order takes back what it had only announced: there is nothing to ask a person about (S6). */
export function checkAnnouncements(
  { report, history, world }: Pick<Run, 'report' | 'history' | 'world'>,
  { disk, roles, name, process }: HostProcess,
): void {
  for (const partition of disk.tables.partitions) {
    const records = journalOnDisk(history, partition);
    const last = records.at(-1);
    if (!last || decoded(last.body).head.word !== 'stopped') continue;
    const announced = new Set<string>();
    for (const { body } of records) {
      const { head, inputs } = decoded(body);
      for (const input of head.process === process ? inputs : [])
        if (input.kind === 'event' && input.event.type === 'dev.agentmesh.effect.started.v1')
          announced.add(input.event.data.key);
    }
    for (const actors of announced.size > 0 ? foldJournal(roles, records).tasks.values() : []) {
      for (const actor of actors.values()) {
        for (const row of actor.effects.values()) {
          const key = keyOf(actor, row);
          if (row.started && announced.has(key) && !world.dealings.has(key))
            report.violation('S6', `${name} has stopped in order, and ${key}, which it announced, has never run`);
        }
      }
    }
  }
}

/** Why an effect that leaves a trace may not begin yet, or null. */
export function mayBegin(
  run: { log: MemoryLog; history: History; hosts: readonly HostProcess[]; catalog: Catalog },
  { key, fence, gate }: { key: string; fence: 'keyed' | 'once'; gate: Gate },
): string | null {
  const host = run.hosts.find((one) => one.gate === gate);
  if (!host) return 'its process is gone';
  const [task = '', role = '', effect = '', armed = ''] = key.split('/');
  const journal = journalOnDisk(run.history, host.disk.tables.partition(partitionOf(task)));
  const row = foldJournal(host.roles, journal, task).tasks.get(task)?.get(role)?.effects.get(effect);
  if (row?.armedVersion !== Number(armed)) return 'the disk does not know that it is wanted';
  if (fence === 'keyed') return null;
  if (cameAgain(journal, task, key)) return 'what was asked had been lost by the log, and came again';
  if (!row.started) return 'the disk does not know that it begins';
  const started = run.history.started.get(key);
  const stream = serverOf(run.log).findStream(STREAM);
  if (!started || stream?.get(started.message.seq) !== started.message) return 'the log does not know that it begins';
  return null;
}
