/**
 * One journal from record to record (J1, J4, J6, S3): each follows the one before it, its clock runs as time does, its
 * host dealt with what it says it has dealt with, and who has lost the journal writes no more in it. Owns: those checks.
 */

import type { Input, RecordHead } from '../../actors/runtime/journal/record.ts';
import type { StoredRecord } from '../../actors/runtime/ledger/port.ts';
import { decoded } from '../history.ts';
import type { Report } from '../report.ts';
import type { Run } from '../simulate.ts';
import type { JournalState } from './journal-state.ts';

/** A record at its place in the log. */
export interface LoggedRecord extends StoredRecord {
  readonly seq: number;
}

interface Chain {
  readonly records: readonly LoggedRecord[];
  readonly state: JournalState;
}

/** Two readings of a clock that are rounded each, milliseconds. */
const ROUNDED_MS = 2;

export function checkChain(run: Run, journal: string, { records, state }: Chain): void {
  const { report, plan } = run;
  const { heads, problems } = state;
  for (const problem of problems) report.violation('S5', problem);
  for (const [index, head] of heads.entries()) {
    const before = heads[index - 1];
    if (head.previous !== (before?.id ?? ''))
      report.violation('J4', `record ${head.n} of ${journal} follows ${head.previous}, which is not ${before?.id}`);
    const jump = jumpOf(run, head, before);
    if (jump !== null) report.violation('J6', `the clock of ${journal} ${jump} at record ${head.n}`);
  }
  const intruder = intruderOf(heads);
  if (intruder !== null) report.violation('J4', `${journal}: ${intruder}`);
  if (plan.logWentBack || report.failed) return;
  const passed = passedOver(records);
  if (passed !== null) report.violation('S3', `${journal}: ${passed}`);
}

/** How the partition's clock did not run as time does, or null. */
function jumpOf({ history }: Run, head: RecordHead, before: RecordHead | undefined): string | null {
  if (before && head.upMs < before.upMs) return 'goes back';
  const madeMs = history.madeAt(head.id);
  if (madeMs === null) return null;
  if (head.upMs > madeMs + ROUNDED_MS) return `has run for ${head.upMs} ms after ${madeMs} ms`;
  const beforeMs = before?.process === head.process && head.word !== 'claimed' ? history.madeAt(before.id) : null;
  if (!before || beforeMs === null) return null;
  const ran = head.upMs - before.upMs;
  const passed = madeMs - beforeMs;
  return Math.abs(ran - passed) > ROUNDED_MS ? `runs ${ran} ms in ${passed} ms` : null;
}

/** Two processes with one name or one ledger that write by turns, in words, or null. */
function intruderOf(heads: readonly RecordHead[]): string | null {
  const last = new Map<string, string>();
  const replaced = new Set<string>();
  for (const { process, host, ledger, n } of heads) {
    for (const name of [host, ledger]) {
      if (replaced.has(`${process} ${name}`)) return `${process} wrote record ${n} after another one with its ${name}`;
      const before = last.get(name);
      if (before !== undefined && before !== process) replaced.add(`${before} ${name}`);
      last.set(name, process);
    }
  }
  return null;
}

/** What a record says to be dealt with, and is not, in words, or null. */
function passedOver(records: readonly LoggedRecord[]): string | null {
  let log = '';
  let read: Readonly<Record<string, number>> = {};
  for (const { body } of records) {
    const { head, inputs } = decoded(body);
    if (head.log !== log) read = {};
    log = head.log;
    for (const input of inputs) {
      const problem = misplaced(input, head, read);
      if (problem !== null) return problem;
    }
    read = head.read;
  }
  return null;
}

function misplaced({ place }: Input, { n, read }: RecordHead, before: Readonly<Record<string, number>>): string | null {
  // What this host said itself has no place.
  if (place === null || place.seq === 0) return null;
  const { lane, seq } = place;
  if (seq <= (before[lane] ?? 0))
    return `record ${n} has ${lane} ${seq}, and the one before it says that all up to ${before[lane]} was dealt with`;
  if (seq > (read[lane] ?? 0)) return `record ${n} has ${lane} ${seq}, and says that it has read up to ${read[lane]}`;
  return null;
}

/** What a record says to be in the log was there before it; and a mesh that has stopped in order has all of it there. */
export function checkWatermark(
  report: Report,
  journal: string,
  { records, state, places }: Chain & { readonly places: readonly (number | undefined)[] },
): void {
  const late = overtaken({ messages: state.messages, places });
  if (late !== null) report.violation('S4', `${journal}: ${late}`);
  /** By record, the furthest place of what follows from records up to it. */
  const furthest: number[] = [];
  let at = 0;
  let place = 0;
  for (const { n } of records) {
    for (; recordOf(state, at) <= n; at += 1) {
      if (state.messages[at]?.kind !== 'quarantine') place = Math.max(place, places[at] ?? 0);
    }
    furthest[n] = place;
  }
  for (const { body, seq } of records) {
    const { n, sent } = decoded(body).head;
    if (seq > 0 && (furthest[sent] ?? 0) > seq) {
      report.violation('S4', `record ${n} of ${journal} says that all up to record ${sent} is in the log before it is`);
      return;
    }
  }
  const last = state.heads.at(-1);
  if (last?.word !== 'stopped') return;
  const owed = state.messages.findIndex((_, index) => recordOf(state, index) > last.sent);
  if (owed !== -1)
    report.violation('S4', `${journal} has stopped in order, and takes record ${recordOf(state, owed)} to be unsent`);
}

/** Of the messages of a subject one that the log has before an earlier one, in words, or null. */
function overtaken({
  messages,
  places,
}: Pick<JournalState, 'messages'> & { readonly places: readonly (number | undefined)[] }): string | null {
  const last = new Map<string, number>();
  for (const [index, { kind, subject }] of messages.entries()) {
    const place = places[index];
    if (kind === 'quarantine' || place === undefined) continue;
    const before = last.get(subject) ?? 0;
    if (place < before) return `what stands at ${place} of the log was to come before ${before}`;
    last.set(subject, place);
  }
  return null;
}

function recordOf({ messages }: JournalState, index: number): number {
  const message = messages[index];
  return message === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(message.headers['mesh-record'] ?? '', 10);
}
