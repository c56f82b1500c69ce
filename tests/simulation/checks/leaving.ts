/**
 * Checks at the moment something leaves (S4, S6): the memory that it rests on has to be synced by then. Owns: those
 * checks. Does not own: checks of a mesh at rest.
 */
import type { MemoryLog } from '../../../bus/memory-bus.ts';
import { serverOf } from '../../../bus/memory-log.ts';
import type { PublishRequest } from '../../../bus/port.ts';
import { STREAM } from '../../../schemas/events/subjects.ts';
import type { Gate } from '../gate.ts';
import type { History } from '../history.ts';
import type { HostProcess } from '../hosts.ts';
import type { Report } from '../report.ts';

const UUID_LENGTH = 36;
const PROGRESS = '"type":"dev.agentmesh.hop.progress.v1"';

/** A fact or a quarantined message may be sent only when its row is synced. */
export function checkLeaving(report: Report, host: HostProcess, request: PublishRequest): void {
  const { subject, msgId = '', body } = request;
  const isFact = subject.startsWith('mesh.events.');
  if (!isFact && !subject.startsWith('mesh.quarantine.')) return;
  // Progress changes nothing and may be lost: nothing rests on it.
  if (isFact && typeof body === 'string' && body.includes(PROGRESS)) return;
  const id = isFact ? msgId.slice(0, UUID_LENGTH) : msgId.slice(0, msgId.lastIndexOf('.'));
  if (host.disk.tables.outboxIds.has(id)) return;
  report.violation('S4', `${host.name} sends ${subject} (${id}) before its disk remembers it`);
}

/** Why an effect that may not be repeated may not begin yet, or null. */
export function mayBegin(
  run: { log: MemoryLog; history: History; hosts: readonly HostProcess[] },
  key: string,
  gate: Gate,
): string | null {
  const started = run.history.started.get(key);
  const stream = serverOf(run.log).findStream(STREAM);
  if (!started?.event || stream?.get(started.message.seq) !== started.message) return 'the log does not know it';
  const host = run.hosts.find((one) => one.gate === gate);
  if (!host?.disk.tables.outboxIds.has(started.event.id)) return 'the disk does not know it';
  return null;
}
