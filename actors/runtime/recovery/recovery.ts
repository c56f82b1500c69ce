/**
 * Opening a partition: the one way for every reason (a start, a takeover, a lost ledger, a lost log, all of these at
 * once). Owns: making the two stores agree. Does not own: folding what they agree on (`fold.ts`).
 *
 *   compare ──► copy what one store lacks ──► say that we write now (the fence) ──► fold ──► what was not sent, what runs
 *
 * Invariants:
 * 1. A record that only one store has is copied to the other, unless the log has another one at its place: then the log
 *    is right, since it let one host write at a time, and the ledger's end, on which nothing outside rests, is set aside
 *    and said (J3).
 * 2. Nothing is derived twice with different results: results are in the records (J3).
 */
import { type Bus, BusError, type StoredMessage } from '../../../bus/port.ts';
import { BATCH_CONTENT_TYPE } from '../../../schemas/events/envelope.ts';
import { journalSubject } from '../../../schemas/events/subjects.ts';
import { type EndInLog, endInLog, readJournal } from '../journal/journal-end.ts';
import { decodeHead, decodeRecord, headIn, type RecordHead } from '../journal/record.ts';
import { type Checkpoint, emptyBatch, type Ledger, type StoredRecord } from '../ledger/port.ts';
import type { RuntimeLimits } from '../limits.ts';
import { AGAIN_HEADER } from '../messages/messages.ts';
import type { Clock, RuntimeLog, Tracing } from '../ports.ts';
import { preflight } from '../tasks/preflight.ts';
import { readTask } from '../tasks/snapshot.ts';
import type { RolesByName } from '../tasks/task.ts';
import { readCheckpoint } from './checkpoint-log.ts';
import { noteDoubts } from './doubts.ts';
import { lossKey, readUnsent } from './fold.ts';
import { stillHolds } from './witness.ts';

/** Records copied in one commit. */
const COPIED_AT_ONCE = 64;

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
  /** What stands after the last record of the log and is none. */
  readonly strays: readonly StoredMessage[];
  /** The log lacks a record that it had once: it has lost something. */
  readonly logLacked: boolean;
  /**
   * The log lacks records that the ledger's checkpoint covers. It may never have had them, or lost them unseen: what
   * follows from them is found by folding all, and asked for.
   */
  readonly coversMore: boolean;
}

interface Place {
  readonly partition: number;
  readonly subject: string;
}

/** What a comparison finds, beside what stands behind it. */
type Agreed = Omit<AgreedEnd, 'strays'>;

/** Makes ledger and log agree on the journal of a partition. @throws BusError `conflict` when another host writes it */
export async function agree(options: RecoveryOptions, partition: number): Promise<AgreedEnd> {
  const place = { partition, subject: journalSubject(options.service, partition) };
  const inLog = await endInLog(options.bus, place.subject);
  return { ...(await agreeOn(options, place, inLog)), strays: inLog.strays };
}

async function agreeOn(
  options: RecoveryOptions,
  place: Place,
  { record: inLog, seq: endSeq }: EndInLog,
): Promise<Agreed> {
  const { ledger, bus, log } = options;
  const { partition } = place;
  const logHead = inLog?.head ?? null;
  const fork = await findFork(options, place, logHead);
  if (fork !== null) {
    const isLost = mayBeTold(ledger, partition, fork);
    if (isLost) await noteDoubts(ledger, partition, fork);
    // What a checkpoint made of a record that is not there any more cannot be undone: all is read from the log then.
    const count = await ledger.setAside(partition, ledger.checkpointed(partition) >= fork ? 1 : fork);
    const what = { partition, from: fork, records: count };
    if (isLost)
      log.error(what, 'LOSS: the log has another past of these tasks: what only the ledger has of them is set aside');
    else
      log.warn(what, 'the log has other records than the ledger: its end is set aside, nothing had left because of it');
  }
  const { identity } = await bus.streamInfo();
  // A record that was copied into this log, or came to it after it had lost its end, tells what another one had.
  const tellsOfThisLog = logHead?.log === identity && (await stillHolds(bus, logHead));
  const sent = tellsOfThisLog ? logHead.sent : 0;
  // A host that was giving the log what it had lost did not come to the end of it.
  const wasCutOff = (): boolean =>
    inLog?.again || (logHead !== null && (!tellsOfThisLog || toldOfMore(ledger, partition, logHead)));
  const last = ledger.lastRecord(partition);
  // Of a ledger that began at the log's checkpoint, all after that may have been set aside.
  const [nLedger, nLog] = [last?.n ?? ledger.checkpointed(partition), logHead?.n ?? 0];
  if (nLog > nLedger) {
    const n = await copyToLedger(options, place, nLedger, nLog);
    return { n, head: logHead, seq: endSeq, sent, coversMore: false, logLacked: wasCutOff() };
  }
  const { firstSeq } = await bus.streamInfo();
  if (nLedger === 0 && nLog === 0 && firstSeq > 1) return fromCheckpointAlone(options, partition);
  if (nLedger === nLog) return { n: nLog, head: logHead, seq: endSeq, sent, coversMore: false, logLacked: wasCutOff() };
  const nAged = inLog === null ? agedOut(ledger, partition, nLedger, firstSeq) : 0;
  const sentBefore = nAged > 0 && last !== null ? decodeHead(last.body).sent : sent;
  // Nothing was said for so long that the log has dropped it by age.
  if (nAged === nLedger) return endOf(last, 0, sentBefore);
  const nHad = Math.max(nLog, nAged);
  const logLacked = wasCutOff() || wasInLog(ledger, partition, nHad + 1);
  const seq = await copyToLog(options, place, { after: nHad, lastSeq: endSeq, again: logLacked });
  return { ...endOf(last, seq, sentBefore), n: nLedger, logLacked, coversMore: nHad < ledger.checkpointed(partition) };
}

/**
 * An earlier record tells of more that was sent than this one does, or a checkpoint of earlier ones. A checkpoint of a later
 * one may: the log need not have had that yet.
 */
function toldOfMore(ledger: Ledger, partition: number, { n, sent }: RecordHead): boolean {
  if (ledger.checkpointed(partition) <= n && readUnsent(ledger.unsent(partition)).sent > sent) return true;
  // None tells of more than was made before it.
  for (const { n: before, body } of ledger.records(partition, sent + 1)) {
    if (before >= n) return false;
    if (decodeHead(body).sent > sent) return true;
  }
  return false;
}

/**
 * The log has had one of these records, and with it those before: of the last one of a life the ledger need not have been
 * told that.
 */
function wasInLog(ledger: Ledger, partition: number, fromN: number): boolean {
  for (const { seq } of ledger.records(partition, fromN)) if (seq !== null) return true;
  return false;
}

/** Some of these records were in a log, which has lost them since, and tell something: what follows from them may have left. */
function mayBeTold(ledger: Ledger, partition: number, fromN: number): boolean {
  if (!wasInLog(ledger, partition, fromN)) return false;
  for (const { body } of ledger.records(partition, fromN)) if (decodeRecord(body).inputs.length > 0) return true;
  return false;
}

const nothingLacks = { logLacked: false, coversMore: false };

function endOf(last: StoredRecord | null, seq: number, sent: number): Agreed {
  return { n: last?.n ?? 0, head: last === null ? null : decodeHead(last.body), seq, sent, ...nothingLacks };
}

/** The log's checkpoint may be of machines that this host does not have (S11). @throws FatalError that names the tasks */
function canGoOnFrom({ roles }: RecoveryOptions, { tasks }: Checkpoint): void {
  preflight(roles, tasks.map(readTask));
}

/** The ledger is new, and the log has dropped by age whatever it had of the journal: its checkpoint may be left. */
async function fromCheckpointAlone(options: RecoveryOptions, partition: number): Promise<Agreed> {
  const { bus, ledger, log, service } = options;
  const checkpoint = await readCheckpoint(bus, service, partition);
  const since = checkpoint === null ? 'before it' : 'after the last checkpoint';
  log.error(
    { service, partition, checkpoint: checkpoint?.n ?? 0 },
    `LOSS: the ledger is new and the beginning of the log is gone; what happened ${since}, if anything, is lost`,
  );
  if (checkpoint !== null) {
    canGoOnFrom(options, checkpoint);
    await ledger.commit({ ...emptyBatch, checkpoints: [checkpoint] });
  }
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
async function findFork(options: RecoveryOptions, place: Place, logHead: RecordHead | null): Promise<number | null> {
  const { ledger } = options;
  const { partition } = place;
  const nLedger = ledger.lastRecord(partition)?.n ?? 0;
  if (logHead === null || nLedger === 0) return null;
  const n = Math.min(nLedger, logHead.n);
  const mine = ledger.record(partition, n);
  if (mine === null) return null;
  if (logHead.n === n && decodeHead(mine.body).id === logHead.id) return null;
  const from = await knownSeq(options, partition, n);
  // The log has this very record, and with it all that were before it.
  if (from > 1) return null;
  let fork: number | null = null;
  // The rare case: the log says something else, or it cannot be told. Both are read side by side.
  await readJournal(options.bus, place.subject, 1, (head) => {
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
  return headIn(message.data)?.id === decodeHead(record.body).id ? record.seq : 1;
}

/**
 * What the log has and the ledger has not: its records, and where they do not reach back, its last checkpoint. What another
 * host writes meanwhile stays out: the claim that follows is refused because of it, and all is looked at anew.
 * Returns the last record that the ledger knows then.
 */
async function copyToLedger(options: RecoveryOptions, place: Place, has: number, upTo: number): Promise<number> {
  const { ledger } = options;
  const { partition } = place;
  const { after, fromSeq } = await beginningOf(options, place, has, upTo);
  let missing: { record: StoredRecord; seq: number }[] = [];
  await readJournal(options.bus, place.subject, fromSeq, (head, message) => {
    if (head.n > after && head.n <= upTo)
      missing.push({ record: { partition, n: head.n, body: message.data }, seq: message.seq });
  });
  let first = after + 1;
  // A log that has lost its end goes on after what its checkpoint tells of.
  for (const [at, { record }] of missing.entries())
    if (record.n !== (missing[at - 1]?.record.n ?? after) + 1) first = record.n;
  const base = after > 0 && first === after + 1 ? null : await baseOf(options, partition, { after, first, upTo });
  // The checkpoint spares the fold; what the log has from the beginning is copied all the same, and can be given back to it.
  const isWhole = first === after + 1 && base !== null && base.n <= upTo;
  if (base !== null && !isWhole) {
    // What this ledger had of the partition is older than that, and its snapshots are of tasks that may have ended.
    if (after > 0) await ledger.setAside(partition, 1);
    await ledger.commit({ ...emptyBatch, checkpoints: [base] });
    missing = missing.filter(({ record }) => record.n > base.n);
  }
  for (let at = 0; at < missing.length; at += COPIED_AT_ONCE) {
    const part = missing.slice(at, at + COPIED_AT_ONCE);
    const logged = part.map(({ record, seq }) => ({ partition, n: record.n, seq }));
    await ledger.commit({ ...emptyBatch, records: part.map(({ record }) => record), logged });
  }
  if (isWhole) await ledger.commit({ ...emptyBatch, checkpoints: [base] });
  return Math.max(upTo, base?.n ?? 0);
}

/**
 * Where copying begins: after what the ledger has, or at the log's checkpoint when that is long ago. What is before it stays
 * in the log alone.
 */
async function beginningOf(
  options: RecoveryOptions,
  { partition, subject }: Place,
  has: number,
  upTo: number,
): Promise<{ readonly after: number; readonly fromSeq: number }> {
  const { bus, ledger, limits, service } = options;
  const beginning = { after: has, fromSeq: has === 0 ? 1 : await knownSeq(options, partition, has) };
  if (upTo - has <= limits.copiedRecordsMax) return beginning;
  const checkpoint = await readCheckpoint(bus, service, partition);
  if (checkpoint === null || checkpoint.seq === null || checkpoint.n <= has || checkpoint.n > upTo) return beginning;
  const record = await bus.get(checkpoint.seq);
  // A log that was made anew, or has lost its end, has something else there.
  if (record === null || record.subject !== subject || headIn(record.data)?.n !== checkpoint.n) return beginning;
  canGoOnFrom(options, checkpoint);
  if (has > 0) await ledger.setAside(partition, 1);
  await ledger.commit({ ...emptyBatch, checkpoints: [checkpoint] });
  return { after: checkpoint.n, fromSeq: checkpoint.seq + 1 };
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
    canGoOnFrom(options, checkpoint);
    return checkpoint;
  }
  if (first === after + 1) return null;
  const what = { service, partition, from: after + 1, to: first - 1 };
  log.error(what, 'LOSS: records that the ledger lacks have left the log by age; tasks begun in them are lost');
  await ledger.commit({ ...emptyBatch, meta: [{ key: lossKey(partition), value: String(first - 1) }] });
  return { partition, n: first - 1, tasks: [], ended: [], unsent: '[]' };
}

/** Why a checkpoint may tell of records after the last one that was found in the log. @throws BusError `conflict` */
async function explainCheckpoint(
  { bus, service, log }: RecoveryOptions,
  { partition, n }: Checkpoint,
  upTo: number,
): Promise<void> {
  const { record: last } = await endInLog(bus, journalSubject(service, partition));
  if (last !== null && last.head.n > upTo)
    throw new BusError('conflict', `another host writes partition ${partition}: record ${n} was not there before`);
  const what = { service, partition, checkpoint: n, log: upTo };
  log.error(
    what,
    'LOSS: the log has lost records that its checkpoint tells of; what came after that, if anything, is lost',
  );
}

/**
 * Returns where the last one is.
 *
 * @param again the log has had some of them: each says so, for whoever goes on when this host does not come to the end
 */
async function copyToLog(
  { ledger, bus, service }: RecoveryOptions,
  place: Place,
  { after, lastSeq, again }: { readonly after: number; readonly lastSeq: number; readonly again: boolean },
): Promise<number> {
  let seq = lastSeq;
  for (const { partition, n, body } of ledger.records(place.partition, after + 1)) {
    const { id } = decodeHead(body);
    const ack = await bus.publish({
      ...{ subject: place.subject, body, msgId: `${service}.${partition}.${id}`, expectLastSeq: seq },
      headers: { 'content-type': BATCH_CONTENT_TYPE, ...(again ? { [AGAIN_HEADER]: '1' } : {}) },
    });
    // A log that was cut may still know the id of what it has lost.
    if (ack.duplicate && ack.seq <= seq) throw new BusError('unavailable', `record ${n} was not stored again yet`);
    // A server remembers the id of what it has dropped by age: the subject is empty then.
    seq = ack.duplicate && (await bus.get(ack.seq)) === null ? 0 : ack.seq;
    await ledger.commit({ ...emptyBatch, logged: [{ partition, n, seq: ack.seq }] });
  }
  return seq;
}
