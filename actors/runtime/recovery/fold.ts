/**
 * Folding a partition's journal. Owns: the state that its records make, and what follows from them that the log may lack.
 * Does not own: making the two stores agree on them (`recovery.ts`), or sending.
 *
 * Invariants:
 * 1. A fold runs no effects, sends nothing and asks no clock (J6).
 * 2. A log that has lost something is given what it lacks, and each request in it carries a mark: whoever is asked cannot
 *    know whether it was asked before (J5). A request that was answered is not asked again.
 */
import type { Bus, StoredMessage } from '../../../bus/port.ts';
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import { AFTER_HEADER, JOURNAL_HEADER, RECORD_HEADER } from '../../../schemas/events/journal.ts';
import { FatalError } from '../errors.ts';
import { type DecodedRecord, decodeRecord, isOverWord, type RecordHead } from '../journal/record.ts';
import type { Ledger } from '../ledger/port.ts';
import { AGAIN_HEADER, type Message, RecordMessages } from '../messages/messages.ts';
import type { Unsent } from '../messages/sender.ts';
import { createTasks, nothingStored, type Tasks } from '../tasks/tasks.ts';
import { doubtsOf } from './doubts.ts';
import type { AgreedEnd, RecoveryOptions } from './recovery.ts';
import { keeps, seqOf } from './witness.ts';

/** Records folded in one turn of the event loop. */
const FOLDED_AT_ONCE = 16;
/** Questions to the log that are under way at a time. */
const ASKED_AT_ONCE = 64;

export interface Folded {
  readonly tasks: Tasks;
  /** Tasks of which another past has told more. */
  readonly doubts: ReadonlySet<string>;
  /** What may not have arrived, in order, by record. */
  readonly unsent: readonly Unsent[];
  /** Records since the last checkpoint. */
  readonly records: number;
}

/** Set when records of a partition were lost for good: what later ones say of their tasks cannot be applied. */
export function lossKey(partition: number): string {
  return `loss.${partition}`;
}

/**
 * Folds the journal after the ledger's checkpoint.
 *
 * @param logLost what it lacks is found from the first record on, and who is asked again is told so
 * @throws FatalError exit code 2, naming the tasks, when this release cannot go on with them
 */
export async function foldPartition(
  options: RecoveryOptions,
  partition: number,
  end: Pick<AgreedEnd, 'sent' | 'coversMore'>,
  logLost: boolean,
): Promise<Folded> {
  const { ledger, clock } = options;
  const from = ledger.checkpointed(partition);
  const doubts = doubtsOf(ledger, partition);
  const tasks = createTasks({ ...options, partition, doubts });
  const { sent } = end;
  const everything = logLost || end.coversMore;
  const stored = readUnsent(ledger.unsent(partition));
  const unsent = stored.messages.filter(({ n }) => n > sent);
  let count = 0;
  for (const { body } of ledger.records(partition, from + 1)) {
    const record = decodeRecord(body);
    const messages = foldRecord(options, tasks, record, ledger.meta(lossKey(partition)) === null ? 'whole' : 'pruned');
    if (!logLost && record.head.n > sent) unsent.push({ n: record.head.n, messages });
    count += 1;
    if (count % FOLDED_AT_ONCE === 0) await new Promise<void>((resolve) => clock.soon(resolve));
  }
  const derived = everything ? await messagesOfAll(options, partition, tasks, logLost) : [];
  // Where the ledger began at a checkpoint, nothing of what is before it can be derived: the checkpoint remembers it.
  const all = logLost ? derived : joined(derived, unsent);
  const missing = await missingOf(options, all);
  const unsentNow = missing.map(({ n, messages }) => ({ n, messages: markedFor(doubts, messages) }));
  return { tasks, doubts, unsent: unsentNow, records: count };
}

interface UnsentAt {
  /** Up to which record everything was in the log at the checkpoint. */
  readonly sent: number;
  readonly messages: readonly Unsent[];
  /** How long the partition had been up: its limits of time count on also where no record is left to tell. */
  readonly upMs: number;
}

/** What a checkpoint remembers of what was not sent, and when that was. */
export function unsentText(sent: number, messages: readonly Unsent[], upMs: number): string {
  return JSON.stringify({ sent, messages, upMs } satisfies UnsentAt);
}

/** How long the partition has been up, as far as its last record and its checkpoint know. */
export function upMsOf(ledger: Ledger, partition: number, head: RecordHead | null): number {
  return Math.max(head?.upMs ?? 0, readUnsent(ledger.unsent(partition)).upMs);
}

export function readUnsent(text: string): UnsentAt {
  return text === '[]' ? { sent: 0, messages: [], upMs: 0 } : (JSON.parse(text) as UnsentAt);
}

/**
 * Applies the inputs of a record and returns what follows from them for others. What a pruned journal no longer explains
 * is passed over: it has left the log by age as well.
 */
function foldRecord(
  options: RecoveryOptions,
  tasks: Tasks,
  { head, inputs }: DecodedRecord,
  journal: 'whole' | 'pruned' = 'whole',
): Message[] {
  const following = new RecordMessages();
  for (const input of inputs) {
    if (input.kind === 'quarantined') {
      following.quarantine(input.message);
      continue;
    }
    const result = tasks.weigh(input);
    if (result.kind === 'applied') {
      tasks.apply(input, result, head.n);
      following.add(result);
      if (journal === 'whole') options.tracing.applied({ ...input, said: result.said, replayed: true });
    } else if (result.kind === 'rejected' && journal === 'whole') {
      const what = `${input.event.type} for ${input.role} of task ${input.event.correlationid}`;
      throw new FatalError(
        `record ${head.n} of ${head.service}.${head.partition} cannot be applied by this release: ${what}: ${result.reason}. Bring the machines back that it was written with.`,
        { exitCode: 2 },
      );
    }
  }
  return following.messages(`${head.service}.${head.partition}`, head.n, head.id, options.bus.maxPayloadBytes);
}

/** From the first record that the ledger still has: for a log that has lost what was in it. */
async function messagesOfAll(
  options: RecoveryOptions,
  partition: number,
  now: Tasks,
  logLost: boolean,
): Promise<Unsent[]> {
  const { ledger, clock } = options;
  const tasks = createTasks({ ...options, partition, ledger: nothingStored });
  const all: Unsent[] = [];
  /** Those after which whoever was told has said something: it is not told again. */
  const answered = new Set<Message>();
  /** Those for who had asked: it may have forgotten that this host has helped. */
  const replies = new Set<Message>();
  const askers = new Set<string>();
  const asked = new Set<string>();
  const open = new Map<string, OpenRequest[]>();
  let count = 0;
  for (const { body } of ledger.records(partition, 1)) {
    const record = decodeRecord(body);
    for (const input of record.inputs) {
      if (input.kind !== 'event' || input.place === null || isOverWord(input)) continue;
      const { correlationid, senderrole, hopindex } = input.event;
      const key = `${correlationid} ${senderrole}`;
      if (!asked.has(key)) askers.add(key);
      // Hops only count up: what is of an earlier one was said before it was heard.
      for (const { message } of (open.get(key) ?? []).filter(({ hop }) => hop <= hopindex)) answered.add(message);
      open.set(
        key,
        (open.get(key) ?? []).filter(({ message }) => !answered.has(message)),
      );
    }
    const messages = foldRecord(options, tasks, record, 'pruned');
    for (const message of messages) {
      if (message.kind !== 'request') continue;
      const key = `${message.task} ${message.to}`;
      if (askers.has(key)) replies.add(message);
      else asked.add(key);
      open.set(key, [...(open.get(key) ?? []), { message, hop: hopOf(message) }]);
    }
    all.push({ n: record.head.n, messages });
    count += 1;
    if (count % FOLDED_AT_ONCE === 0) await new Promise<void>((resolve) => clock.soon(resolve));
  }
  // A log that has lost nothing may never have had it, whatever was said since.
  if (!logLost) return all;
  const isWanted = (message: Message): boolean =>
    message.kind !== 'request' || (!answered.has(message) && (replies.has(message) || !now.hasEnded(message.task)));
  return all.map(({ n, messages }) => ({ n, messages: messages.filter(isWanted).map(marked) }));
}

function joined(some: readonly Unsent[], others: readonly Unsent[]): Unsent[] {
  const byRecord = new Map(some.map(({ n, messages }) => [n, messages]));
  for (const { n, messages } of others) {
    const there = byRecord.get(n) ?? [];
    const ids = new Set(there.map(({ msgId }) => msgId));
    byRecord.set(n, [...there, ...messages.filter(({ msgId }) => !ids.has(msgId))]);
  }
  return [...byRecord].sort(([one], [other]) => one - other).map(([n, messages]) => ({ n, messages }));
}

interface OpenRequest {
  readonly message: Message;
  readonly hop: number;
}

function hopOf({ body }: Message): number {
  return (JSON.parse(body) as MeshEvent).hopindex;
}

/** Whoever is asked for a task of which another past has told more may have been asked before. */
export function markedFor(doubts: ReadonlySet<string>, messages: readonly Message[]): readonly Message[] {
  return doubts.size === 0 ? messages : messages.map((one) => (doubts.has(one.task) ? marked(one) : one));
}

function marked(message: Message): Message {
  return message.kind === 'request' ? { ...message, headers: { ...message.headers, [AGAIN_HEADER]: '1' } } : message;
}

/**
 * Without what the log has: the last message of each subject says up to which record it has them, unless the log has lost
 * what that one was sent after: it was on its way then, and came alone.
 */
async function missingOf(options: RecoveryOptions, all: readonly Unsent[]): Promise<Unsent[]> {
  const subjects = [
    ...new Set(
      all.flatMap(({ messages }) => messages.filter(({ kind }) => kind !== 'quarantine').map(({ subject }) => subject)),
    ),
  ];
  const has = new Map<string, string>();
  for (let at = 0; at < subjects.length; at += ASKED_AT_ONCE) {
    const part = subjects.slice(at, at + ASKED_AT_ONCE);
    const found = await Promise.all(part.map((subject) => lastOf(options.bus, subject)));
    for (const [index, message] of found.entries()) {
      if (message === null) continue;
      has.set(`${part[index]} ${message.header(JOURNAL_HEADER)}`, message.header(RECORD_HEADER));
    }
  }
  const isMissing = ({ subject, headers }: Message): boolean => {
    const place = has.get(`${subject} ${headers[JOURNAL_HEADER]}`);
    return place === undefined || isBefore(place, headers[RECORD_HEADER] ?? '');
  };
  return all.map(({ n, messages }) => ({ n, messages: messages.filter(isMissing) }));
}

async function lastOf(bus: Bus, subject: string): Promise<StoredMessage | null> {
  const message = await bus.getLast(subject);
  const mark = message?.header(AFTER_HEADER) ?? '';
  // A log that is given back what it has lost may by chance have that at its old place, behind the message.
  if (message === null || message.seq <= seqOf(mark)) return null;
  return (await keeps(bus, { stream: 'log', mark })) ? message : null;
}

/** Places are `<record>.<message of the record>`. */
function isBefore(one: string, other: string): boolean {
  const [n = 0, k = 0] = one.split('.').map(Number);
  const [m = 0, l = 0] = other.split('.').map(Number);
  return n < m || (n === m && k < l);
}
