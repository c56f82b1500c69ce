/**
 * What a caller of the gateway is told when a call fails. Owns: the one error that all bindings translate, and turning
 * anything thrown into it. Does not own: wire codes (`grpc/status.ts`, the A2A binding).
 */
import { BusError } from '../bus/port.ts';
import { KnowledgeError } from '../knowledge/port.ts';

/** The canonical codes of gRPC that the gateway uses, by their names. */
export type MeshErrorCode =
  | 'cancelled'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'unauthenticated';

export interface FieldViolation {
  /** Path of the field in the request, as the protocol names it: `correlation_id`, `parts[1].url`. */
  readonly field: string;
  readonly description: string;
}

export interface MeshErrorDetails {
  readonly fields?: readonly FieldViolation[];
  /** After this time the same call may succeed. */
  readonly retryAfterMs?: number;
  /** Facts for programs, such as `correlation_id`. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

export class MeshError extends Error {
  readonly code: MeshErrorCode;
  /** Stable, upper case: what exactly went wrong, for programs. */
  readonly reason: string;
  readonly fields: readonly FieldViolation[];
  readonly retryAfterMs: number | null;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(code: MeshErrorCode, reason: string, message: string, details: MeshErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MeshError';
    this.code = code;
    this.reason = reason;
    this.fields = details.fields ?? [];
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.metadata = details.metadata ?? {};
  }
}

/** A connection that was lost is restored within this time as a rule. */
const RETRY_AFTER_MS = 500;

export function invalidField(field: string, description: string): MeshError {
  return new MeshError('invalid_argument', 'INVALID_FIELD', `${field}: ${description}`, {
    fields: [{ field, description }],
  });
}

export function unknownTask(correlationId: string): MeshError {
  return new MeshError('not_found', 'UNKNOWN_TASK', `there is no task ${correlationId}, or it is not yours`, {
    metadata: { correlation_id: correlationId },
  });
}

/** A task that had ended another way was not cancelled. */
export function taskEnded({ taskId, status }: { readonly taskId: string; readonly status: string }): MeshError {
  const text = `the task ${taskId} has ended (${status}) and cannot be cancelled`;
  return new MeshError('failed_precondition', 'TASK_ENDED', text, { metadata: { correlation_id: taskId } });
}

/** Why a call ends before its answer: its caller has left, or the door says that it may not go on. */
export function callerLeft({ reason }: AbortSignal): MeshError {
  return reason instanceof MeshError ? reason : new MeshError('cancelled', 'CALLER_LEFT', 'the caller has left');
}

function fromBus(error: BusError): MeshError {
  switch (error.code) {
    case 'unreachable':
    case 'unavailable':
    case 'no_jetstream':
    case 'closed':
      return new MeshError('unavailable', 'LOG_UNAVAILABLE', `the log cannot be reached: ${error.message}`, {
        retryAfterMs: RETRY_AFTER_MS,
        cause: error,
      });
    case 'refused':
      return new MeshError('invalid_argument', 'LOG_REFUSED', `the log refuses this: ${error.message}`, {
        cause: error,
      });
    case 'conflict':
      return new MeshError('internal', 'LOG_CONFLICT', error.message, { cause: error });
    case 'unsupported_server':
      return new MeshError('internal', 'UNSUPPORTED_SERVER', error.message, { cause: error });
    default:
      throw new Error(`unhandled bus error code: ${String(error.code satisfies never)}`);
  }
}

/** Everything that can be thrown. What nobody foresaw says nothing of the inside; its cause is for the log. */
export function toMeshError(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown;
  if (thrown instanceof BusError) return fromBus(thrown);
  if (thrown instanceof KnowledgeError) {
    return new MeshError('unavailable', 'KNOWLEDGE_UNAVAILABLE', thrown.message, {
      ...(thrown.retryable ? { retryAfterMs: RETRY_AFTER_MS } : {}),
      cause: thrown,
    });
  }
  return new MeshError('internal', 'UNEXPECTED', 'an unexpected error; the log of the gateway has it', {
    cause: thrown,
  });
}
