/**
 * Opening a partition: the one way for every reason (a start, a takeover, a lost ledger, a lost log, all of these at
 * once). Owns: making the two stores agree, and folding the journal. Does not own: what is done with what comes of it.
 *
 *   compare ──► copy what one store lacks ──► say that we write now (the fence) ──► fold ──► what was not sent, what runs
 *
 * Invariants:
 * 1. A record that only one store has is copied to the other, unless the log has another one at its place: then the log
 *    is right, since it let one host write at a time, and the ledger's end, on which nothing outside rests, is set aside
 *    and said (J3).
 * 2. Nothing is derived twice with different results: results are in the records (J3).
 * 3. A log that has lost something is given what it lacks, and each request in it carries a mark: whoever is asked cannot
 *    know whether it was asked before (J5). A request that was answered is not asked again.
 */
import { type Bus, BusError, type StoredMessage } from '../../bus/port.ts';
import { BATCH_CONTENT_TYPE } from '../../schemas/events/envelope.ts';
import { AFTER_HEADER, JOURNAL_HEADER, RECORD_HEADER } from '../../schemas/events/journal.ts';
import { journalSubject } from '../../schemas/events/subjects.ts';
import { readCheckpoint } from './checkpoint-log.ts';
import { FatalError } from './errors.ts';
import type { Checkpoint, Ledger, LedgerBatch, StoredRecord } from './ledger/port.ts';
import type { RuntimeLimits } from './limits.ts';
import { AGAIN_HEADER, type Message, RecordMessages } from './messages.ts';
import type { Clock, RuntimeLog, Tracing } from './ports.ts';
import { type DecodedRecord, decodeHead, decodeRecord, isOverWord, type RecordHead } from './record.ts';
import type { Unsent } from './sender.ts';
import type { RolesByName } from './task.ts';
import { createTasks, nothingStored, type Tasks } from './tasks.ts';
import { keeps, seqOf, stillHolds } from './witness.ts';

/** Records copied in one commit. */
const COPIED_AT_ONCE = 64;
/** Records folded in one turn of the event loop. */
const FOLDED_AT_ONCE = 16;
/** Questions to the log that are under way at a time. */
const ASKED_AT_ONCE = 64;

export interface RecoveryOptions {
  readonly service: string;
  readonly roles: RolesByName;
  readonly limits: RuntimeLimits;
  readonly ledger: Ledger;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  readonly tracing: Pick<Tracing, 'applied'>;
}

/** The last record that both stores have. */
export interface AgreedEnd {
  readonly n: number;
  readonly head: RecordHead | null;
  readonly seq: number;
  /** What followed from records up to this one is in the log: its own last record says so, and was stored after it. */
  readonly sent: number;
  /** The log lacks a record that it had once: it has lost something. */
  readonly logLacked: boolean;
  /**
   * The log lacks records that the ledger's checkpoint covers. It may never have had them, or lost them unseen: what
   * follows from them is found by folding all, and asked for.
   */
  readonly coversMore: boolean;
}

export interface Folded {
  readonly tasks: Tasks;
  /** What may not have arrived, in order, by record. */
  readonly unsent: readonly Unsent[];
  /** Records since the last checkpoint. */
  readonly records: number;
}

interface Place {
  readonly partition: number;
  readonly subject: string;
}

const nothing: LedgerBatch = { records: [], logged: [], checkpoints: [], begun: [], meta: [] };

/** Makes ledger and log agree on the journal of a partition. @throws BusError `conflict` when another host writes it */
export async function agree(options: RecoveryOptions, partition: number): Promise<AgreedEnd> {
  const { ledger, bus, log } = options;
  const place = { partition, subject: journalSubject(options.service, partition) };
  const inLog = await bus.getLast(place.subject);
  const logHead = inLog === null ? null : decodeHead(inLog.data);
  const fork = await findFork(options, place, logHead, inLog);
  if (fork !== null) {
    // What a checkpoint made of a record that is not there any more cannot be undone: all is read from the log then.
    const count = await ledger.setAside(partition, ledger.checkpointed(partition) >= fork ? 1 : fork);
    const what = { partition, from: fork, records: count };
    log.warn(what, 'the log has other records than the ledger: its end is set aside, nothing had left because of it');
  }
  const { identity } = await bus.streamInfo();
  // A record that was copied into this log, or came to it after it had lost its end, tells what another one had.
  const tellsOfThisLog = logHead?.log === identity && (await stillHolds(bus, logHead));
  const sent = tellsOfThisLog ? logHead.sent : 0;
  // A host that was giving the log what it had lost did not come to the end of it.
  const wasCutOff = logHead !== null && (!tellsOfThisLog || sent < readUnsent(ledger.unsent(partition)).sent);
  const last = ledger.lastRecord(partition);
  const [nLedger, nLog] = [last?.n ?? 0, logHead?.n ?? 0];
  if (nLog > nLedger) {
    const n = await copyToLedger(options, place, nLedger, nLog);
    return { n, head: logHead, seq: inLog?.seq ?? 0, sent, coversMore: false, logLacked: wasCutOff };
  }
  const { firstSeq } = await bus.streamInfo();
  if (nLedger === 0 && nLog === 0 && firstSeq > 1) return fromCheckpointAlone(options, partition);
  if (nLedger === nLog)
    return { n: nLog, head: logHead, seq: inLog?.seq ?? 0, sent, coversMore: false, logLacked: wasCutOff };
  const nAged = inLog === null ? agedOut(ledger, partition, nLedger, firstSeq) : 0;
  const sentBefore = nAged > 0 && last !== null ? decodeHead(last.body).sent : sent;
  // Nothing was said for so long that the log has dropped it by age.
  if (nAged === nLedger) return endOf(last, 0, sentBefore);
  const nHad = Math.max(nLog, nAged);
  const lacked = ledger.record(partition, nHad + 1);
  const seq = await copyToLog(options, place, nHad, inLog?.seq ?? 0);
  const logLacked = wasCutOff || (lacked !== null && lacked.seq !== null);
  return { ...endOf(last, seq, sentBefore), logLacked, coversMore: nHad < ledger.checkpointed(partition) };
}

const nothingLacks = { logLacked: false, coversMore: false };

function endOf(last: StoredRecord | null, seq: number, sent: number): AgreedEnd {
  return { n: last?.n ?? 0, head: last === null ? null : decodeHead(last.body), seq, sent, ...nothingLacks };
}

/** The ledger is new, and the log has dropped by age whatever it had of the journal: its checkpoint may be left. */
async function fromCheckpointAlone(options: RecoveryOptions, partition: number): Promise<AgreedEnd> {
  const { bus, ledger, log, service } = options;
  const checkpoint = await readCheckpoint(bus, service, partition);
  const since = checkpoint === null ? 'before it' : 'after the last checkpoint';
  log.error(
    { service, partition, checkpoint: checkpoint?.n ?? 0 },
    `LOSS: the ledger is new and the beginning of the log is gone; what happened ${since}, if anything, is lost`,
  );
  if (checkpoint !== null) await ledger.commit({ ...nothing, checkpoints: [checkpoint] });
  return { n: checkpoint?.n ?? 0, head: null, seq: 0, sent: checkpoint?.n ?? 0, ...nothingLacks };
}

/**
 * The last record that the log is known to have had and has dropped by age, because nothing was said for so long; 0 when
 * there is none. Of those after it, the ledger was not told any more whether the log had taken them.
 */
function agedOut(ledger: Ledger, partition: number, last: number, firstSeq: number): number {
  for (let n = last; n > 0; n -= 1) {
    const record = ledger.record(partition, n);
    if (record === null) return 0;
    if (record.seq !== null) return record.seq < firstSeq ? n : 0;
  }
  return 0;
}

/** The first record of the ledger that the log has otherwise; null when there is none. */
async function findFork(
  options: RecoveryOptions,
  place: Place,
  logHead: RecordHead | null,
  inLog: StoredMessage | null,
): Promise<number | null> {
  const { ledger } = options;
  const { partition } = place;
  const nLedger = ledger.lastRecord(partition)?.n ?? 0;
  if (logHead === null || inLog === null || nLedger === 0) return null;
  const n = Math.min(nLedger, logHead.n);
  const mine = ledger.record(partition, n);
  if (mine === null) return null;
  if (logHead.n === n && decodeHead(mine.body).id === logHead.id) return null;
  const from = await knownSeq(options, partition, n);
  // The log has this very record, and with it all that were before it.
  if (from > 1) return null;
  let fork: number | null = null;
  // The rare case: the log says something else, or it cannot be told. Both are read side by side.
  await readJournal(options, place, 1, (head) => {
    const own = fork === null && head.n <= nLedger ? ledger.record(partition, head.n) : null;
    if (own !== null && decodeHead(own.body).id !== head.id) fork = head.n;
  });
  return fork;
}

/**
 * Where the log has record `n` of the ledger; 1 when that is not certain: a ledger that was put back may know places of
 * another life of the log.
 */
async function knownSeq({ ledger, bus, service }: RecoveryOptions, partition: number, n: number): Promise<number> {
  const record = ledger.record(partition, n);
  if (record === null || record.seq === null) return 1;
  const message = await bus.get(record.seq);
  if (message === null || message.subject !== journalSubject(service, partition)) return 1;
  return decodeHead(message.data).id === decodeHead(record.body).id ? record.seq : 1;
}

async function readJournal(
  { bus }: RecoveryOptions,
  { subject }: Place,
  fromSeq: number,
  onRecord: (head: RecordHead, message: StoredMessage) => void,
): Promise<void> {
  let problem: unknown = null;
  const reader = await bus.read({
    filter: subject,
    fromSeq,
    onMessage(message) {
      try {
        onRecord(decodeHead(message.data), message);
      } catch (error) {
        problem ??= error;
      }
    },
  });
  await reader.caughtUp;
  await reader.stop();
  if (problem !== null) throw problem;
}

/**
 * What the log has and the ledger has not: its records, and where they do not reach back, its last checkpoint. What another
 * host writes meanwhile stays out: the claim that follows is refused because of it, and all is looked at anew.
 * Returns the last record that the ledger knows then.
 */
async function copyToLedger(options: RecoveryOptions, place: Place, after: number, upTo: number): Promise<number> {
  const { ledger } = options;
  const { partition } = place;
  let missing: { record: StoredRecord; seq: number }[] = [];
  await readJournal(options, place, after === 0 ? 1 : await knownSeq(options, partition, after), (head, message) => {
    if (head.n > after && head.n <= upTo)
      missing.push({ record: { partition, n: head.n, body: message.data }, seq: message.seq });
  });
  let first = after + 1;
  // A log that has lost its end goes on after what its checkpoint tells of.
  for (const [at, { record }] of missing.entries())
    if (record.n !== (missing[at - 1]?.record.n ?? after) + 1) first = record.n;
  const base = after > 0 && first === after + 1 ? null : await baseOf(options, partition, { after, first, upTo });
  if (base !== null) {
    // What this ledger had of the partition is older than that, and its snapshots are of tasks that may have ended.
    if (after > 0) await ledger.setAside(partition, 1);
    await ledger.commit({ ...nothing, checkpoints: [base] });
    missing = missing.filter(({ record }) => record.n > base.n);
  }
  for (let at = 0; at < missing.length; at += COPIED_AT_ONCE) {
    const part = missing.slice(at, at + COPIED_AT_ONCE);
    const logged = part.map(({ record, seq }) => ({ partition, n: record.n, seq }));
    await ledger.commit({ ...nothing, records: part.map(({ record }) => record), logged });
  }
  return Math.max(upTo, base?.n ?? 0);
}

/**
 * What records from `first` on are folded onto: the log's checkpoint, or nothing, which is a loss that is said.
 *
 * @throws BusError `conflict` when another host has written on after `upTo` meanwhile
 */
async function baseOf(
  options: RecoveryOptions,
  partition: number,
  { after, first, upTo }: { readonly after: number; readonly first: number; readonly upTo: number },
): Promise<Checkpoint | null> {
  const { bus, ledger, service, log } = options;
  const checkpoint = await readCheckpoint(bus, service, partition);
  if (checkpoint !== null && checkpoint.n > after && checkpoint.n >= first - 1) {
    if (checkpoint.n > upTo) await explainCheckpoint(options, checkpoint, upTo);
    return checkpoint;
  }
  if (first === after + 1) return null;
  const what = { service, partition, from: after + 1, to: first - 1 };
  log.error(what, 'LOSS: records that the ledger lacks have left the log by age; tasks begun in them are lost');
  await ledger.commit({ ...nothing, meta: [{ key: lossKey(partition), value: String(first - 1) }] });
  return { partition, n: first - 1, tasks: [], ended: [], unsent: '[]' };
}

/** Why a checkpoint may tell of records after the last one that was found in the log. @throws BusError `conflict` */
async function explainCheckpoint(
  { bus, service, log }: RecoveryOptions,
  { partition, n }: Checkpoint,
  upTo: number,
): Promise<void> {
  const last = await bus.getLast(journalSubject(service, partition));
  if (last !== null && decodeHead(last.data).n > upTo)
    throw new BusError('conflict', `another host writes partition ${partition}: record ${n} was not there before`);
  const what = { service, partition, checkpoint: n, log: upTo };
  log.error(
    what,
    'LOSS: the log has lost records that its checkpoint tells of; what came after that, if anything, is lost',
  );
}

/** Set when records of a partition were lost for good: what later ones say of their tasks cannot be applied. */
function lossKey(partition: number): string {
  return `loss.${partition}`;
}

/** Returns where the last one is. */
async function copyToLog(options: RecoveryOptions, place: Place, after: number, lastSeq: number): Promise<number> {
  const { ledger, bus, service } = options;
  let seq = lastSeq;
  for (const { partition, n, body } of ledger.records(place.partition, after + 1)) {
    const { id } = decodeHead(body);
    const ack = await bus.publish({
      ...{ subject: place.subject, body, msgId: `${service}.${partition}.${id}`, expectLastSeq: seq },
      headers: { 'content-type': BATCH_CONTENT_TYPE },
    });
    // A log that was cut may still know the id of what it has lost.
    if (ack.duplicate && ack.seq <= seq) throw new BusError('unavailable', `record ${n} was not stored again yet`);
    // A server remembers the id of what it has dropped by age: the subject is empty then.
    seq = ack.duplicate && (await bus.get(ack.seq)) === null ? 0 : ack.seq;
    await ledger.commit({ ...nothing, logged: [{ partition, n, seq: ack.seq }] });
  }
  return seq;
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
  const tasks = createTasks({ ...options, partition });
  const { sent } = end;
  const everything = logLost || end.coversMore;
  const stored = readUnsent(ledger.unsent(partition));
  const unsent = stored.messages.filter(({ n }) => n > sent);
  let count = 0;
  for (const { body } of ledger.records(partition, from + 1)) {
    const record = decodeRecord(body);
    const messages = foldRecord(options, tasks, record, ledger.meta(lossKey(partition)) === null ? 'whole' : 'pruned');
    if (!everything && record.head.n > sent) unsent.push({ n: record.head.n, messages });
    count += 1;
    if (count % FOLDED_AT_ONCE === 0) await new Promise<void>((resolve) => clock.soon(resolve));
  }
  const all = everything ? await messagesOfAll(options, partition, tasks, logLost) : unsent;
  return { tasks, unsent: await missingOf(options, all), records: count };
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

function readUnsent(text: string): UnsentAt {
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
  /** Those that were answered: whoever answered is not told again. */
  const unwanted = new Set<Message>();
  /** Those for who had asked: it may have forgotten that this host has helped. */
  const replies = new Set<Message>();
  const askers = new Set<string>();
  const asked = new Set<string>();
  const open = new Map<string, Message[]>();
  let count = 0;
  for (const { body } of ledger.records(partition, 1)) {
    const record = decodeRecord(body);
    const answered: Message[] = [];
    for (const input of record.inputs) {
      if (input.kind !== 'event' || input.place === null || isOverWord(input)) continue;
      const key = `${input.event.correlationid} ${input.event.senderrole}`;
      if (!asked.has(key)) askers.add(key);
      answered.push(...(open.get(key) ?? []));
      open.delete(key);
    }
    for (const message of answered) unwanted.add(message);
    const messages = foldRecord(options, tasks, record, 'pruned');
    for (const message of messages) {
      if (message.kind !== 'request') continue;
      const key = `${message.task} ${message.to}`;
      if (askers.has(key)) replies.add(message);
      else asked.add(key);
      open.set(key, [...(open.get(key) ?? []), message]);
    }
    all.push({ n: record.head.n, messages });
    count += 1;
    if (count % FOLDED_AT_ONCE === 0) await new Promise<void>((resolve) => clock.soon(resolve));
  }
  const isWanted = (message: Message): boolean =>
    message.kind !== 'request' || (!unwanted.has(message) && (replies.has(message) || !now.hasEnded(message.task)));
  return all.map(({ n, messages }) => ({ n, messages: messages.filter(isWanted).map(logLost ? marked : asIs) }));
}

function asIs(message: Message): Message {
  return message;
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
