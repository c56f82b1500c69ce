/**
 * The one function that turns whatever a NATS client throws into the port's `BusError`. Owns: the mapping of wire codes
 * and client errors. Does not own: what a caller does about them.
 *
 * Invariant: an error is `refused` only when trying the same thing again cannot help.
 */
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { errors } from 'nats';
import { BusError } from './port.ts';

/** The stream behind a name does not exist (any more). */
export class StreamMissing extends BusError {
  constructor(message: string, options?: ErrorOptions) {
    super('unavailable', message, options);
    this.name = 'StreamMissing';
  }
}

export interface ApiError {
  readonly code: number;
  readonly errCode: number;
  readonly description: string;
}

/** JetStream answers a message that breaks a limit of the stream with this code, and a full disk too. */
const STREAM_STORE_FAILED = 10077;
const STREAM_LIMIT_REACHED = /maximum (messages|bytes)|exceeds? maximum/i;
/** HTTP-like: 5xx are the server's own troubles and pass, 4xx are about the request and stay. */
const SERVER_TROUBLE = 500;

/** A JetStream API error as it stands in a reply. */
export function busErrorFromApi(error: ApiError, what: string): BusError {
  const message = `${what}: ${error.description} (${error.errCode})`;
  switch (error.errCode) {
    case JetStreamApiCodes.StreamWrongLastSequence:
    case JetStreamApiCodes.StreamWrongLastSequenceUnknown:
      return new BusError('conflict', message);
    case JetStreamApiCodes.StreamNotFound:
      return new StreamMissing(message);
    case STREAM_STORE_FAILED:
      return new BusError(STREAM_LIMIT_REACHED.test(error.description) ? 'refused' : 'unavailable', message);
    default:
      return new BusError(error.code >= SERVER_TROUBLE ? 'unavailable' : 'refused', message);
  }
}

/** A request that the server forbids is rejected with an error of its own around that. */
function violationIn(thrown: unknown): Error | null {
  if (thrown instanceof errors.PermissionViolationError) return thrown;
  return thrown instanceof Error && thrown.cause instanceof errors.PermissionViolationError ? thrown.cause : null;
}

/** Anything thrown by the client libraries. */
export function toBusError(thrown: unknown, what: string): BusError {
  if (thrown instanceof BusError) return thrown;
  if (thrown instanceof JetStreamApiError) {
    const { code, err_code, description } = thrown.apiError();
    return busErrorFromApi({ code, errCode: err_code, description }, what);
  }
  const forbidden = violationIn(thrown);
  if (forbidden !== null) return new BusError('refused', `${what}: ${forbidden.message}`, { cause: forbidden });
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const message = `${what}: ${reason}`;
  const refused =
    thrown instanceof errors.AuthorizationError ||
    thrown instanceof errors.InvalidArgumentError ||
    thrown instanceof errors.InvalidSubjectError;
  if (refused) return new BusError('refused', message, { cause: thrown });
  const closed = thrown instanceof errors.ClosedConnectionError || thrown instanceof errors.DrainingConnectionError;
  return new BusError(closed ? 'closed' : 'unavailable', message, { cause: thrown });
}
