/**
 * Errors on the wire. Owns: the status of gRPC with its rich details (`google.rpc.Status` in the trailer
 * `grpc-status-details-bin`). Does not own: what went wrong (`core/errors.ts`).
 */
import { create, type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { MeshError, MeshErrorCode } from '../../task-client/errors.ts';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '../gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '../gen/google/rpc/status_pb.ts';

const codes: Readonly<Record<MeshErrorCode, status>> = {
  cancelled: status.CANCELLED,
  invalid_argument: status.INVALID_ARGUMENT,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  permission_denied: status.PERMISSION_DENIED,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  failed_precondition: status.FAILED_PRECONDITION,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
  unavailable: status.UNAVAILABLE,
  unauthenticated: status.UNAUTHENTICATED,
};

/** Domain of our reasons in `google.rpc.ErrorInfo`. */
const ERROR_DOMAIN = 'agentmesh.dev';
const DETAILS_KEY = 'grpc-status-details-bin';
/** Trailers have to fit into one header block, 8 KiB with most clients. */
const MESSAGE_MAX = 1000;
const FIELDS_MAX = 8;

function packed<D extends DescMessage>(schema: D, message: MessageShape<D>): Any {
  return anyPack(schema, message);
}

function detailsOf(error: MeshError, domain: string): Any[] {
  const { fields, retryAfterMs, reason, metadata } = error;
  const details = [packed(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain, metadata }))];
  if (fields.length > 0) {
    const fieldViolations = fields.slice(0, FIELDS_MAX).map(({ field, description }) => ({
      field,
      description: description.slice(0, MESSAGE_MAX / 4),
    }));
    details.push(packed(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  if (retryAfterMs !== null) {
    const retryDelay = durationFromMs(Math.ceil(retryAfterMs));
    details.push(packed(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return details;
}

/**
 * @param trailers what else the caller is told; the details are added to it
 * @param domain whose reason it is
 */
export function toServiceError(
  error: MeshError,
  trailers: Metadata = new Metadata(),
  domain: string = ERROR_DOMAIN,
): ServiceError {
  const code = codes[error.code];
  const message = error.message.slice(0, MESSAGE_MAX);
  const rich = create(StatusSchema, { code, message, details: detailsOf(error, domain) });
  trailers.set(DETAILS_KEY, Buffer.from(toBinary(StatusSchema, rich)));
  return Object.assign(new Error(message), { code, details: message, metadata: trailers });
}
