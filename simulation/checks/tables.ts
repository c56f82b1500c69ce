/**
 * The journals of a mesh at rest (J1, J3, S4): each store has the same records, nothing that follows from them is
 * missing in the log, nothing was passed over, and what a checkpoint says is what folding says.
 */

import type { Ledger } from '../../actors/runtime/ledger/port.ts';
import { defaultLimits } from '../../actors/runtime/limits.ts';
import type { Message } from '../../actors/runtime/messages/messages.ts';
import { freezeTask, readTask } from '../../actors/runtime/tasks/snapshot.ts';
import { type Actors, isOver } from '../../actors/runtime/tasks/task.ts';
import { createTasks } from '../../actors/runtime/tasks/tasks.ts';
import { serverOf } from '../../bus/memory-log.ts';
import { canonicalJson } from '../../schemas/events/envelope.ts';
import { RECORD_HEADER } from '../../schemas/events/journal.ts';
import {
  CHECKPOINT_STREAM,
  checkpointSubject,
  PARTITIONS,
  parseSubject,
  partitionOf,
  QUARANTINE_STREAM,
  STREAM,
} from '../../schemas/events/subjects.ts';
import { decoded, messagesOf } from '../history.ts';
import type { HostProcess } from '../hosts.ts';
import type { Run } from '../simulate.ts';
import { checkChain, checkWatermark, type LoggedRecord } from './chain.ts';
import { foldJournal, type JournalState } from './journal-state.ts';

/** The journals as the log has them, folded: once for all checks of a run. */
export interface Journals {
  readonly records: ReadonlyMap<string, readonly LoggedRecord[]>;
  readonly states: ReadonlyMap<string, JournalState>;
}

export function journalsInLog(run: Run): Journals {
  const records = recordsInLog(run);
  const states = new Map<string, JournalState>();
  // One that begins at a checkpoint says nothing by itself.
  for (const [journal, mine] of records)
    if (mine[0]?.n === 1)
      states.set(journal, foldJournal(run.catalog.services.get(journal.split('.')[0] ?? '') ?? [], mine));
  return { records, states };
}

const nothing: JournalState = {
  ...{ tasks: new Map(), messages: [], heads: [], problems: [] },
  ...{ inputs: new Set<string>(), refused: new Set<string>() },
};

export function checkJournals(run: Run, { records, states }: Journals): void {
  const bodies = bodiesIn(run);
  for (const service of run.catalog.services.keys()) {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      if (run.report.failed) return;
      const journal = `${service}.${partition}`;
      const place = { service, partition, journal };
      checkJournal(run, place, records.get(journal) ?? [], states.get(journal) ?? nothing, bodies);
    }
  }
}

function recordsInLog({ log }: Run): Map<string, LoggedRecord[]> {
  const found = new Map<string, LoggedRecord[]>();
  for (const { subject, seq, data } of messagesOf(serverOf(log).findStream(STREAM))) {
    if (!subject.startsWith('mesh.journal.')) continue;
    const { head } = decoded(data);
    const journal = `${head.service}.${head.partition}`;
    const records = found.get(journal) ?? [];
    records.push({ partition: head.partition, n: head.n, body: data, seq });
    found.set(journal, records);
  }
  return found;
}

interface JournalPlace {
  readonly service: string;
  readonly partition: number;
  readonly journal: string;
}

/** What log and quarantine hold, as `<subject> <base64>`, each with its first place. */
function bodiesIn({ log }: Run): ReadonlyMap<string, number> {
  const server = serverOf(log);
  const messages = [STREAM, QUARANTINE_STREAM].flatMap((name) => messagesOf(server.findStream(name)));
  const outside = messages.filter(({ subject }) => !subject.startsWith('mesh.journal.'));
  const places = new Map<string, number>();
  for (const { subject, data, seq } of outside.reverse())
    places.set(`${subject} ${Buffer.from(data).toString('base64')}`, seq);
  return places;
}

/** The last record that a checkpoint in the log stands for; 0 when there is none. */
function checkpointInLog({ log }: Run, service: string, partition: number): number {
  const subject = checkpointSubject(service, partition);
  const parts = messagesOf(serverOf(log).findStream(CHECKPOINT_STREAM)).filter((one) => one.subject === subject);
  return Math.max(0, ...parts.map(({ data }) => (JSON.parse(new TextDecoder().decode(data)) as { n: number }).n));
}

function checkJournal(
  run: Run,
  { service, partition, journal }: JournalPlace,
  records: readonly LoggedRecord[],
  state: JournalState,
  bodies: ReadonlyMap<string, number>,
): void {
  const { report } = run;
  const first = records[0]?.n ?? 1;
  if (first > 1 && checkpointInLog(run, service, partition) >= first - 1) {
    // The log was made anew by a host that had taken the tasks over at a checkpoint.
    report.count('journal that begins at a checkpoint');
    return;
  }
  const gap = records.findIndex(({ n }, index) => n !== index + 1);
  if (gap !== -1) {
    report.violation('J1', `${journal} has record ${records[gap]?.n} at place ${gap + 1} of the log`);
    return;
  }
  const owner = ownerOf(run, service, partition, records);
  if (owner === null) {
    report.violation('J3', `no ledger of ${service} has the ${records.length} records of ${journal} that the log has`);
    return;
  }
  checkChain(run, journal, { records, state });
  checkMessages(run, journal, { records, state }, bodies);
  if (!report.failed) checkCheckpoint(run, owner, journal, partition, state);
}

/** The host whose ledger has the journal as the log has it, to the byte. */
function ownerOf(
  { hosts }: Run,
  service: string,
  partition: number,
  records: readonly LoggedRecord[],
): HostProcess | null {
  const mine = hosts.filter((host) => host.service === service);
  const same = mine.filter(({ disk }) => {
    const kept = disk.tables.partition(partition).records;
    const last = records.at(-1);
    if ((disk.tables.partition(partition).last?.n ?? 0) !== (last?.n ?? 0)) return false;
    return records.every(({ n, body }) => {
      const own = kept.get(n);
      return own === undefined || Buffer.compare(own.body, body) === 0;
    });
  });
  return same[0] ?? null;
}

/** Everything that follows from the journal is in the log, and nothing that does not. */
function checkMessages(
  { report, plan }: Run,
  journal: string,
  { records, state }: { readonly records: readonly LoggedRecord[]; readonly state: JournalState },
  bodies: ReadonlyMap<string, number>,
): void {
  const { messages } = state;
  const logLost = plan.logWentBack;
  const places = messages.map((message) => bodies.get(formOf(message)));
  for (const [index, { kind, subject, headers }] of messages.entries()) {
    // Who was answered is not asked again.
    if (kind === 'request' && logLost) continue;
    if (places[index] === undefined)
      report.violation('S4', `${subject} of record ${headers[RECORD_HEADER]} of ${journal} is not in the log`);
  }
  if (!logLost && !report.failed) checkWatermark(report, journal, { records, state, places });
}

function formOf({ subject, body, encoding }: Message): string {
  return `${subject} ${encoding === 'base64' ? body : Buffer.from(body).toString('base64')}`;
}

/** The checkpoint and the records after it give what all records give. */
function checkCheckpoint(run: Run, owner: HostProcess, journal: string, partition: number, state: JournalState): void {
  const { catalog, report } = run;
  const roles = new Map((catalog.services.get(owner.service) ?? []).map((role) => [role.name, role]));
  const ledger = owner.disk.open();
  const tasks = createTasks({ partition, roles, limits: defaultLimits, ledger });
  for (const { body } of ledger.records(partition, ledger.checkpointed(partition) + 1)) {
    const { head, inputs } = decoded(body);
    for (const input of inputs) {
      if (input.kind === 'quarantined') continue;
      const result = tasks.weigh(input);
      if (result.kind === 'applied') tasks.apply(input, result, head.n);
      else
        report.violation(
          'J1',
          `${input.event.type} in record ${head.n} of ${journal} is ${result.kind} after the checkpoint`,
        );
    }
  }
  for (const [id, actors] of state.tasks) {
    // Of a mesh at rest every task has ended.
    if (!isOver(actors) && !run.forgotten.has(id)) report.violation('J7', `${journal} keeps task ${id}, which is over`);
    const found = tasks.find(id)?.actors ?? null;
    if (isOver(actors)) {
      if (!tasks.hasEnded(id))
        report.violation('J1', `task ${id} of ${journal} has ended, and the checkpoint forgot it`);
    } else if (found === null || stateOf(found) !== stateOf(thawed(id, actors, roles)))
      report.violation(
        'J1',
        `task ${id} of ${journal}: folding says ${stateOf(actors)}, the checkpoint ${found === null ? 'nothing' : stateOf(found)}`,
      );
  }
  checkLedgerEnds(ledger, partition, state, (what) => report.violation('J7', `${journal}: ${what}`));
}

function thawed(id: string, actors: Actors, roles: Parameters<ReturnType<typeof readTask>['wake']>[0]): Actors {
  return readTask(freezeTask(id, actors, { firstN: 1, lastN: 1, updatedAtMs: 0, doubtful: false })).wake(roles);
}

function checkLedgerEnds(ledger: Ledger, partition: number, state: JournalState, say: (what: string) => void): void {
  for (const { task } of ledger.tasks(partition))
    if (!state.tasks.has(task)) say(`the checkpoint has task ${task}, of which no record speaks`);
}

/** What follows from the journal alone. */
function stateOf(actors: Actors): string {
  const { body } = freezeTask('', actors, { firstN: 0, lastN: 0, updatedAtMs: 0, doubtful: false });
  return canonicalJson(JSON.parse(body));
}

/** Every message for a role is an input of its journal, a repetition of one, or in quarantine (S3, S9). */
export function checkNothingPassedOver(run: Run, { states }: Journals): void {
  const { catalog, history, report, plan } = run;
  if (plan.logWentBack) return;
  const serviceOf = new Map(
    [...catalog.services].flatMap(([service, roles]) => roles.map(({ name }) => [name, service])),
  );
  for (const { message, event } of history.now()) {
    const address = parseSubject(message.subject);
    if (address.kind !== 'inbox' || event === null) continue;
    const service = serviceOf.get(address.role);
    if (service === undefined) continue;
    const state = states.get(`${service}.${partitionOf(address.correlationId)}`);
    const known =
      state?.inputs.has(`${address.role} ${event.id}`) || state?.refused.has(`${address.role} ${message.seq}`);
    const last = state?.heads.at(-1);
    // A mesh at rest has read everything, what needs nothing done too.
    if (last?.word === 'stopped' && last.log === history.identity && message.seq > (last.read[address.role] ?? 0))
      report.violation('S3', `${event.type} ${event.id} at ${message.seq} was never read by ${service}`);
    const over = state?.tasks.get(event.correlationid);
    if (known || (over && isOver(over))) continue;
    report.violation('S3', `${event.type} ${event.id} at ${message.seq} was passed over by ${service}`);
    return;
  }
}
