/**
 * The way of every call: who it is, whether it is let in, whether its request is one, then the handler, then the answer
 * or the status. Owns: that order, deadlines and leaving, response metadata. Does not own: what a handler does.
 */

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DescMessage, DescMethod, MessageShape } from '@bufbuild/protobuf';
import { Metadata, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import { headerText } from '../../schemas/events/event-content.ts';
import { readCorrelationId } from '../../schemas/events/subjects.ts';
import { readTraceparent } from '../../schemas/events/trace-context.ts';
import { callerLeft, MeshError, toMeshError } from '../../task-client/errors.ts';
import type { CallContext, ClientLog } from '../../task-client/ports.ts';
import type { TaskNow } from '../../task-client/task-feed.ts';
import type { Credentials } from '../core/callers.ts';
import { type Doorkeepers, enter } from '../core/entry.ts';
import type { Decoded } from './service-definition.ts';
import { toServiceError } from './status.ts';
import { checkRules } from './validate.ts';

export interface CallRules extends Doorkeepers {
  readonly log: ClientLog;
  /** Whether a connection, by its other end, is another user's of this machine; asked where nothing else says who calls. */
  readonly isOtherUser: (peer: string) => Promise<boolean>;
}

/** What a handler may use. */
export interface Call {
  readonly context: CallContext;
  /** Tells the caller the id of its task at once, so that it has it whatever happens. */
  readonly announce: (correlationId: string) => void;
  /** Told to the caller with the end of the call. */
  readonly trailers: Metadata;
}

/** Of a sentence in metadata. */
const REASON_MAX_CHARS = 300;

/** A reader of a stream that has failed takes its next message within this time, or hears the error now. */
const READ_ON_WITHIN_MS = 5000;

type SurfaceCall = ServerUnaryCall<Decoded, unknown> | ServerWritableStream<Decoded, unknown>;

/** Puts what is known of a task into the metadata of a response. */
export function describeTask(trailers: Metadata, { view, traceparent }: TaskNow): void {
  trailers.set('mesh-correlation-id', view.taskId);
  if (traceparent !== null) trailers.set('traceparent', traceparent);
  if (view.loops !== null) trailers.set('mesh-loops-used', String(view.loops.used));
  if (view.route === null) return;
  const { decision, confidence, fallback, reason } = view.route;
  trailers.set('mesh-route', decision);
  trailers.set('mesh-route-confidence', String(confidence));
  trailers.set('mesh-route-reason', headerText(reason, REASON_MAX_CHARS));
  if (fallback) trailers.set('mesh-fallback-reason', headerText(reason, REASON_MAX_CHARS));
}

function firstText(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return typeof value === 'string' ? value : undefined;
}

/** What a call of any service here shows. */
export async function credentialsOf(
  call: Pick<SurfaceCall, 'metadata' | 'getAuthContext' | 'getPeer'>,
  { isOtherUser }: Pick<CallRules, 'isOtherUser'>,
): Promise<Credentials> {
  const authorization = firstText(call.metadata, 'authorization');
  const name: unknown = call.getAuthContext().sslPeerCertificate?.subject?.CN;
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(typeof name === 'string' ? { certificate: name } : {}),
    isOtherUser: await isOtherUser(call.getPeer()),
  };
}

function deadlineOf(call: SurfaceCall): number | null {
  const deadline = call.getDeadline();
  const atMs = deadline instanceof Date ? deadline.getTime() : deadline;
  return Number.isFinite(atMs) ? atMs : null;
}

async function checked<I extends DescMessage>(schema: I, decoded: Decoded): Promise<MessageShape<I>> {
  if (!decoded.ok) {
    throw new MeshError(
      'invalid_argument',
      'NOT_A_MESSAGE',
      `the request is not a ${schema.typeName}: ${decoded.reason}`,
    );
  }
  const message = decoded.message as MessageShape<I>;
  await checkRules(schema, withIdsRead(message));
  return message;
}

/** Ids in the form in which the mesh has them; what is none is left to the rules, which name the field. */
function withIdsRead<M extends object>(message: M): M {
  for (const name of ['correlationId', 'newCorrelationId']) {
    const said: unknown = Reflect.get(message, name);
    const read = typeof said === 'string' ? readCorrelationId(said) : null;
    if (read !== null) Reflect.set(message, name, read);
  }
  return message;
}

interface Admitted extends Call {
  readonly leave: () => void;
}

async function admit(call: SurfaceCall, rules: CallRules): Promise<Admitted> {
  const entry = await enter(rules, await credentialsOf(call, rules));
  let isOver = false;
  // The library says so at the end of every call as well, when nobody waits any more.
  call.on('cancelled', () => {
    if (!isOver) entry.hangUp();
  });
  if (call.cancelled) entry.hangUp();
  const announce = (correlationId: string): void => {
    const initial = new Metadata();
    initial.set('mesh-correlation-id', correlationId);
    call.sendMetadata(initial);
  };
  const context = {
    caller: entry.caller,
    signal: entry.signal,
    door: 'grpc' as const,
    deadlineMs: deadlineOf(call),
    traceparent: readTraceparent(firstText(call.metadata, 'traceparent')),
  };
  const over = (): void => {
    isOver = true;
    entry.leave();
  };
  return { context, announce, trailers: new Metadata(), leave: over };
}

/** An error for the caller; what nobody foresaw is logged with its cause. */
function failure(thrown: unknown, method: DescMethod, rules: CallRules): MeshError {
  const error = toMeshError(thrown);
  if (error.code === 'internal') {
    const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : String(error.cause);
    rules.log.error({ method: method.name, cause }, 'a call failed unexpectedly');
  }
  return error;
}

export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethod & { readonly input: I; readonly output: O },
  rules: CallRules,
  handle: (request: MessageShape<I>, call: Call) => Promise<MessageShape<O>>,
) {
  return (call: ServerUnaryCall<Decoded, MessageShape<O>>, answer: sendUnaryData<MessageShape<O>>): void => {
    const run = async (): Promise<void> => {
      let admitted: Admitted | null = null;
      try {
        admitted = await admit(call, rules);
        const response = await handle(await checked(method.input, call.request), admitted);
        answer(null, response, admitted.trailers);
      } catch (thrown) {
        answer(toServiceError(failure(thrown, method, rules), admitted?.trailers));
      } finally {
        admitted?.leave();
      }
    };
    void run();
  };
}

export function serverStreaming<I extends DescMessage, O extends DescMessage>(
  method: DescMethod & { readonly input: I; readonly output: O },
  rules: CallRules,
  handle: (request: MessageShape<I>, call: Call, onFail: (error: Error) => void) => AsyncIterable<MessageShape<O>>,
) {
  return (call: ServerWritableStream<Decoded, MessageShape<O>>): void => {
    const run = async (): Promise<void> => {
      let admitted: Admitted | null = null;
      const broken = Promise.withResolvers<never>();
      // Nobody may be waiting for it.
      broken.promise.catch(() => undefined);
      try {
        admitted = await admit(call, rules);
        const request = await checked(method.input, call.request);
        for await (const message of handle(request, admitted, broken.reject)) {
          await written(call, message, admitted.context.signal, broken.promise);
        }
        call.end(admitted.trailers);
      } catch (thrown) {
        call.emit('error', toServiceError(failure(thrown, method, rules), admitted?.trailers));
      } finally {
        admitted?.leave();
      }
    };
    void run();
  };
}

/**
 * One message at a time is handed to HTTP/2: what a slow reader does not take is not piled up here. After its stream has
 * failed it still gets what was queued before, as long as it goes on reading.
 */
async function written<M>(
  call: ServerWritableStream<Decoded, M>,
  message: M,
  signal: AbortSignal,
  broken: Promise<never>,
): Promise<void> {
  const taken = new Promise<void>((resolve) => {
    call.write(message, () => resolve());
  });
  const over = new AbortController();
  const left = once(signal, 'abort', { signal: over.signal }).then(
    () => {
      throw callerLeft(signal);
    },
    () => undefined,
  );
  const stuck = broken.catch(async (error: unknown) => {
    await sleep(READ_ON_WITHIN_MS, undefined, { signal: over.signal });
    throw error;
  });
  for (const race of [left, stuck]) race.catch(() => undefined);
  try {
    await Promise.race([taken, stuck, left]);
  } finally {
    over.abort();
  }
}
