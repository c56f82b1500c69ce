/**
 * Subjects of telemetry. Owns: their names. Does not own: what is sent there (`telemetry/span.ts`), or how long it is
 * kept (`bus/topology.ts`).
 */

const TRACE_ID = /^[0-9a-f]{32}$/;

/** Finished spans of one trace, stored in MESH_TELEMETRY. */
export function spanSubject(traceId: string): string {
  if (!TRACE_ID.test(traceId)) throw new RangeError(`not a trace id: ${JSON.stringify(traceId.slice(0, 80))}`);
  return `mesh.telemetry.spans.${traceId}`;
}

export const SPAN_FILTER = 'mesh.telemetry.spans.*';

/** What the stream of telemetry stores. */
export const TELEMETRY_SUBJECTS = 'mesh.telemetry.>';

/** Asks every process for its numbers; core NATS. */
export const METRICS_SUBJECT = 'mesh.metrics';
