/**
 * The quarantine (S9): each poison is there with its reason, as often as it was sent, and nothing that was not poison.
 */

import { serverOf } from '../../bus/memory-log.ts';
import type { StoredMessage } from '../../bus/port.ts';
import { INGRESS_SUBJECT, QUARANTINE_STREAM } from '../../schemas/events/subjects.ts';
import { POISON, SENT_AS } from '../clients.ts';
import type { Stored } from '../history.ts';
import type { Run } from '../simulate.ts';

interface Entry {
  readonly lane: string;
  readonly code: string;
  readonly originSeq: number;
  readonly originSubject: string;
  readonly bytes: string;
}

function entriesOf({ log }: Run): Entry[] {
  const stream = serverOf(log).findStream(QUARANTINE_STREAM);
  const entries: Entry[] = [];
  for (let seq = 1; seq <= (stream?.lastSeq ?? 0); seq += 1) {
    const message = stream?.get(seq);
    if (!message) continue;
    entries.push({
      lane: message.subject.slice('mesh.quarantine.'.length),
      code: message.header('mesh-code'),
      originSeq: Number(message.header('mesh-origin-seq')),
      originSubject: message.header('mesh-origin-subject'),
      bytes: bytesOf(message),
    });
  }
  return entries;
}

function bytesOf({ data }: StoredMessage): string {
  return Buffer.from(data).toString('base64');
}

export function checkQuarantine(run: Run): void {
  const { report, history, plan } = run;
  const entries = entriesOf(run);
  const logLost = plan.logWentBack;
  for (const { message } of history.now()) {
    const mark = message.header(POISON);
    if (mark === '') continue;
    const [lane = '', ...codes] = mark.split(' ');
    const mine = entries.filter(
      (one) => one.originSeq === message.seq && one.originSubject === message.subject && one.bytes === bytesOf(message),
    );
    if (mine.length === 0) report.violation('S9', `poison at ${message.seq} (${mark}) is not in quarantine`);
    const wrong = mine.find((one) => one.lane !== lane || !codes.includes(one.code));
    if (wrong)
      report.violation('S9', `poison at ${message.seq} (${mark}) is in quarantine as ${wrong.lane} ${wrong.code}`);
    if (mine.length > 1 && !logLost && !plan.fired.has('publish') && !plan.fired.has('broker-clock'))
      report.violation('S9', `poison at ${message.seq} (${mark}) is in quarantine ${mine.length} times`);
  }
  for (const entry of entries) checkDeserved(run, entry, logLost);
}

function checkDeserved({ report, history, workload }: Run, entry: Entry, logLost: boolean): void {
  const origins = history.stored.filter(
    ({ message }) =>
      message.seq === entry.originSeq && message.subject === entry.originSubject && bytesOf(message) === entry.bytes,
  );
  if (origins.length === 0) {
    report.violation(
      'S9',
      `quarantine of ${entry.lane} holds ${entry.originSubject} ${entry.originSeq}, which never was`,
    );
    return;
  }
  if (origins.some(({ message }) => message.header(POISON) !== '')) return;
  if (
    origins.some((origin) =>
      isContradiction(
        origin,
        entry,
        workload.disturbances.some(({ kind }) => kind === 'conflict'),
      ),
    )
  )
    return;
  if (origins.some((origin) => isUnasked(origin, entry))) {
    report.count('answer to nothing');
    return;
  }
  if (logLost && isLeftover(entry)) {
    report.count('conflict after a lost log');
    return;
  }
  const type = origins[0]?.event?.type ?? origins[0]?.message.subject;
  report.violation(
    'S9',
    `quarantine of ${entry.lane} holds ${type} ${entry.originSeq}, which is no poison: ${entry.code}`,
  );
}

/** An answer that came when nothing was asked. */
function isUnasked({ message }: Stored, entry: Entry): boolean {
  return message.header(SENT_AS) === 'answer' && entry.lane === 'ingress' && entry.code === 'nothing_asked';
}

/** Two submissions under one id that say different things: the later one is refused. */
function isContradiction({ message }: Stored, entry: Entry, contradicted: boolean): boolean {
  const isSubmission = message.header(SENT_AS) === 'submission' || message.subject === INGRESS_SUBJECT;
  return contradicted && isSubmission && entry.lane === 'ingress' && entry.code === 'conflicting_duplicate';
}

/** A log that lost its end may lose what a model said; asked again it says something else under the same id. */
function isLeftover(entry: Entry): boolean {
  return entry.code === 'conflicting_duplicate' || entry.code === 'unknown_task';
}
