/**
 * Errors as A2A has them (specification, section 5.4). Owns: which of them stands for which error of the gateway. Does
 * not own: what went wrong (`core/errors.ts`), or the wire form of A2A's own errors (the SDK).
 *
 * A2A names only its own errors; for the others (no permission, busy, unreachable) each binding has codes of its own, and
 * JSON-RPC gets custom ones, as section 3.3.2 proposes.
 */
import {
  A2AError,
  ContentTypeNotSupportedError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors';
import { status } from '@grpc/grpc-js';
import { type MeshError, type MeshErrorCode, toMeshError } from '../../task-client/errors.ts';
import type { Binding } from './call.ts';

interface Codes {
  readonly grpc: status;
  readonly http: number;
  readonly jsonRpc: number;
}

/** Codes of what A2A has no error for. JSON-RPC reserves -32000 to -32099 for servers; A2A uses -32001 to -32009. */
const codes: Readonly<Record<MeshErrorCode, Codes>> = {
  unauthenticated: { grpc: status.UNAUTHENTICATED, http: 401, jsonRpc: -32010 },
  permission_denied: { grpc: status.PERMISSION_DENIED, http: 403, jsonRpc: -32011 },
  resource_exhausted: { grpc: status.RESOURCE_EXHAUSTED, http: 429, jsonRpc: -32012 },
  unavailable: { grpc: status.UNAVAILABLE, http: 503, jsonRpc: -32013 },
  deadline_exceeded: { grpc: status.DEADLINE_EXCEEDED, http: 504, jsonRpc: -32014 },
  cancelled: { grpc: status.CANCELLED, http: 499, jsonRpc: -32015 },
  already_exists: { grpc: status.ALREADY_EXISTS, http: 409, jsonRpc: -32602 },
  failed_precondition: { grpc: status.FAILED_PRECONDITION, http: 400, jsonRpc: -32603 },
  invalid_argument: { grpc: status.INVALID_ARGUMENT, http: 400, jsonRpc: -32602 },
  not_found: { grpc: status.NOT_FOUND, http: 404, jsonRpc: -32001 },
  unimplemented: { grpc: status.UNIMPLEMENTED, http: 501, jsonRpc: -32603 },
  internal: { grpc: status.INTERNAL, http: 500, jsonRpc: -32603 },
};

/** An error without a name in A2A, with the codes of the binding that it leaves by. */
export class BindingError extends A2AError {
  override readonly reason: string;
  readonly transport: Binding;
  readonly status: number;
  readonly statusCode: number;
  readonly envelopeCode: number;
  readonly retryAfterMs: number | null;

  constructor(error: MeshError, transport: Binding) {
    const { metadata, retryAfterMs } = error;
    const again: Record<string, string> = retryAfterMs === null ? {} : { retryAfterMs: String(retryAfterMs) };
    super({ message: error.message, cause: error, metadata: { ...metadata, ...again } });
    const { grpc, http, jsonRpc } = codes[error.code];
    this.reason = error.reason;
    this.transport = transport;
    this.status = grpc;
    this.statusCode = http;
    this.envelopeCode = jsonRpc;
    this.retryAfterMs = retryAfterMs;
  }
}

export function httpStatusOf({ code }: MeshError): number {
  return codes[code].http;
}

/** The name of a BindingError with this HTTP status, as google.rpc.Code spells it; what is malformed A2A names itself. */
export function statusNameOf(http: number): string | null {
  const found = Object.entries(codes).find(([code, { http: own }]) => own === http && code !== 'invalid_argument');
  return found === undefined ? null : found[0].toUpperCase();
}

export function jsonRpcCodeOf({ code }: MeshError): number {
  return codes[code].jsonRpc;
}

export function malformed(field: string, description: string): A2AError {
  return new RequestMalformedError({ message: `${field}: ${description}`, metadata: { field } });
}

export function unsupportedContent(what: string): A2AError {
  return new ContentTypeNotSupportedError({ message: what });
}

/** Anything that a handler can throw. */
export function toA2aError(thrown: unknown, binding: Binding): A2AError {
  if (thrown instanceof A2AError) return thrown;
  const error = toMeshError(thrown);
  const { message, metadata } = error;
  const options = { message, metadata: { ...metadata }, cause: error };
  switch (error.reason) {
    case 'UNKNOWN_TASK':
      return new TaskNotFoundError(options);
    case 'TASK_ENDED':
      return new TaskNotCancelableError(options);
    case 'NOTHING_ASKED':
      return new UnsupportedOperationError(options);
    case 'ID_TAKEN':
      return new RequestMalformedError({ ...options, message: `message.messageId was used before: ${message}` });
    default:
      return error.code === 'invalid_argument' ? malformedFrom(error) : new BindingError(error, binding);
  }
}

/** Fields of a submission, as a message of A2A has them. */
const fieldsOfMessage: Readonly<Record<string, string>> = {
  prompt: 'message.parts',
  text: 'message.parts',
  workflow: 'message.metadata.workflow',
  time_limit: 'message.metadata.timeLimitMs',
  priority: 'message.metadata.priority',
  wait_for_model: 'message.metadata.waitForModel',
};

/** In the words of A2A: who sent a message has heard of no other request. */
function malformedFrom(error: MeshError): A2AError {
  const [first] = error.fields;
  if (first === undefined)
    return new RequestMalformedError({ message: error.message, metadata: { ...error.metadata }, cause: error });
  const field = fieldsOfMessage[first.field] ?? first.field;
  const message = error.message.startsWith(`${first.field}: `)
    ? `${field}: ${error.message.slice(first.field.length + 2)}`
    : error.message;
  return new RequestMalformedError({ message, metadata: { ...error.metadata, field }, cause: error });
}
