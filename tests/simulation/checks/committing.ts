/**
 * Checks at the moment something is committed (S3): an event is remembered as seen only together with the cursor that
 * passes it. Owns: that check.
 */
import type { LedgerBatch } from '../../../actors/runtime/ledger/port.ts';
import { partitionOf } from '../../../schemas/events/subjects.ts';
import type { History } from '../history.ts';
import type { HostProcess } from '../hosts.ts';
import type { Report } from '../report.ts';

/** @param batch a batch that the host's disk has just synced */
export function checkCommit(run: { report: Report; history: History }, host: HostProcess, batch: LedgerBatch): void {
  const { tables } = host.disk;
  for (const { instance, eventId } of batch.inbox) {
    const stored = tables.instances.get(instance);
    const seq = run.history.firstSeq.get(eventId);
    if (!stored || seq === undefined) continue;
    const { role, correlationId } = stored;
    const channels = [role, `${role}.${partitionOf(correlationId)}`];
    if (channels.some((channel) => (tables.cursors.get(channel) ?? 0) >= seq)) continue;
    run.report.violation('S3', `${host.name} remembers ${eventId} of ${role} at ${seq}, and its cursor is before that`);
  }
}
