/**
 * What a failed call tells. Owns: reading the rich status of the gateway. Does not own: what is tried again
 * (`retry.ts`).
 */
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack, durationMs } from '@bufbuild/protobuf/wkt';
import { type ServiceError, status } from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '../gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '../gen/google/rpc/status_pb.ts';

export class MeshCallError extends Error {
  /** Canonical code of gRPC, such as `DEADLINE_EXCEEDED`. */
  readonly code: string;
  /** What exactly, such as `TASK_GOES_ON`; empty when the gateway did not say. */
  readonly reason: string;
  /** The fields of the request that are wrong. */
  readonly fields: readonly { readonly field: string; readonly description: string }[];
  /** After this time the same call may succeed; null when nobody said. */
  readonly retryAfterMs: number | null;
  /** The task that the call was about, when it is known. */
  readonly correlationId: string | null;

  constructor(error: ServiceError, correlationId: string | null) {
    super(error.details === '' ? error.message : error.details, { cause: error });
    this.name = 'MeshCallError';
    this.code = status[error.code] ?? 'UNKNOWN';
    const details = readDetails(error);
    this.reason = details.reason;
    this.fields = details.fields;
    this.retryAfterMs = details.retryAfterMs;
    this.correlationId = details.correlationId ?? correlationId;
  }
}

interface Details {
  reason: string;
  fields: { field: string; description: string }[];
  retryAfterMs: number | null;
  correlationId: string | null;
}

function readDetails(error: ServiceError): Details {
  const found: Details = { reason: '', fields: [], retryAfterMs: null, correlationId: null };
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!Buffer.isBuffer(bytes)) return found;
  for (const any of fromBinary(StatusSchema, bytes).details) {
    const info = anyUnpack(any, ErrorInfoSchema);
    if (info !== undefined) {
      found.reason = info.reason;
      found.correlationId = info.metadata.correlation_id ?? null;
    }
    const request = anyUnpack(any, BadRequestSchema);
    if (request !== undefined) {
      found.fields = request.fieldViolations.map(({ field, description }) => ({ field, description }));
    }
    const retry = anyUnpack(any, RetryInfoSchema);
    if (retry?.retryDelay !== undefined) found.retryAfterMs = durationMs(retry.retryDelay);
  }
  return found;
}
