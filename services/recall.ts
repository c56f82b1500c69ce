/**
 * Answers who asks for a task that has left the log. Owns: the answer on core NATS, by the host that has the task's
 * partition. Does not own: what is remembered (the ledger), or how long.
 */

import type { TaskContext } from '../actors/roles/orchestrator/context.ts';
import { recalledTask } from '../actors/roles/orchestrator/recall.ts';
import type { Host } from '../actors/runtime/host.ts';
import type { RuntimeLog } from '../actors/runtime/ports.ts';
import type { Bus } from '../bus/port.ts';
import { recalledText } from '../schemas/events/recalled-task.ts';
import { RECALL_FILTER, recalledId } from '../schemas/events/subjects.ts';

/** The log's limit of a message counts its headers too. */
const HEADERS_MAX_BYTES = 1024;

export interface RecallOptions {
  readonly bus: Bus;
  readonly host: Host;
  readonly log: RuntimeLog;
  readonly isRemoved: (correlationId: string) => boolean;
}

/** Returns the function that ends it. */
export function answerRecall({ bus, host, log, isRemoved }: RecallOptions): () => void {
  return bus.answerVolatile(RECALL_FILTER, (subject) => {
    const correlationId = recalledId(subject);
    if (correlationId === null) return null;
    try {
      const kept = host.recall('orchestrator', correlationId);
      if (kept === 'elsewhere') return null;
      if (kept === null || kept === 'ended') return recalledText(kept);
      // That it ended is all that is told of a task whose trail somebody has removed.
      if (isRemoved(correlationId)) return recalledText('ended');
      // The snapshot is one of the orchestrator's machine.
      const { value, context } = kept.snapshot as { readonly value: unknown; readonly context: TaskContext };
      const task = recalledTask({ value, context }, kept.updatedAtMs);
      const text = recalledText(task);
      const fits = task === null || Buffer.byteLength(text) <= bus.maxPayloadBytes - HEADERS_MAX_BYTES;
      return fits ? text : recalledText({ ...task, result: null });
    } catch (error) {
      log.warn({ correlationId, error: String(error) }, 'a task that was asked for cannot be read');
      return null;
    }
  });
}
