/**
 * A2A over gRPC, on the same server as the mesh's own service. Owns: letting a call in, and bytes that are no message.
 * Does not own: any operation, or the messages (the SDK's `grpcService`, which is loaded at the first call).
 */

import {
  Metadata,
  type MethodDefinition,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { readTraceparent } from '../../schemas/events/trace-context.ts';
import { MeshError, toMeshError } from '../../task-client/errors.ts';
import { enter } from '../core/entry.ts';
import { type CallRules, credentialsOf } from '../grpc/call.ts';
import type { FurtherService } from '../grpc/server.ts';
import { toServiceError } from '../grpc/status.ts';
import { a2aDescriptors } from './descriptors.ts';
import type { A2aSdk } from './sdk.ts';

/** Of A2A 1.0; true for a stream of answers. */
const methods: Readonly<Record<string, boolean>> = {
  SendMessage: false,
  SendStreamingMessage: true,
  GetTask: false,
  ListTasks: false,
  CancelTask: false,
  SubscribeToTask: true,
  CreateTaskPushNotificationConfig: false,
  GetTaskPushNotificationConfig: false,
  ListTaskPushNotificationConfigs: false,
  DeleteTaskPushNotificationConfig: false,
  GetExtendedAgentCard: false,
};

const VERSION_KEY = 'a2a-version';
/** Domain of A2A's own reasons in `google.rpc.ErrorInfo` (section 5.4). */
const A2A_DOMAIN = 'a2a-protocol.org';
/** Patch versions say nothing about compatibility (section 3.6). */
const SERVED = /^1\.0(?:\.\d+)?$/;

const A2A_SERVICE = 'lf.a2a.v1.A2AService';

type Surface = ServerUnaryCall<unknown, unknown> & ServerWritableStream<unknown, unknown>;

/** @param load the SDK's service; called once at the first call, and again while it fails */
export function a2aGrpc(load: () => Promise<A2aSdk>, rules: CallRules): FurtherService {
  let sdk: A2aSdk | null = null;
  const definition: Record<string, MethodDefinition<Buffer, unknown>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [method, responseStream] of Object.entries(methods)) {
    const name = method.charAt(0).toLowerCase() + method.slice(1);
    definition[name] = {
      path: `/${A2A_SERVICE}/${method}`,
      requestStream: false,
      responseStream,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (value: unknown) => serialized(sdk, name, value),
      responseDeserialize: (bytes: Buffer) => bytes,
    };
    implementation[name] = (call: Surface, answer?: sendUnaryData<unknown>): void => {
      void serve(name, call, answer, rules, async () => {
        sdk ??= await load();
        return sdk;
      });
    };
  }
  return { name: A2A_SERVICE, definition, implementation, descriptors: a2aDescriptors };
}

function serialized(sdk: A2aSdk | null, name: string, value: unknown): Buffer {
  if (sdk === null) throw new Error('an answer before the first call');
  return sdk.encode(name, value);
}

async function serve(
  name: string,
  call: Surface,
  answer: sendUnaryData<unknown> | undefined,
  rules: CallRules,
  load: () => Promise<A2aSdk>,
): Promise<void> {
  let leave: () => void = () => undefined;
  const fail = (error: MeshError): void => {
    leave();
    const isA2a = error.reason === 'VERSION_NOT_SUPPORTED';
    const serviceError = toServiceError(error, new Metadata(), ...(isA2a ? [A2A_DOMAIN] : []));
    if (answer === undefined) call.emit('error', serviceError);
    else answer(serviceError);
  };
  try {
    const entry = await enter(rules, await credentialsOf(call, rules));
    leave = entry.leave;
    call.on('cancelled', () => {
      entry.hangUp();
      leave();
    });
    if (call.cancelled) entry.hangUp();
    const context = {
      caller: entry.caller,
      signal: entry.signal,
      door: 'a2a' as const,
      deadlineMs: deadlineOf(call),
      traceparent: readTraceparent(firstText(call.metadata, 'traceparent')),
    };
    checkVersion(call.metadata);
    const sdk = await load();
    call.request = decoded(sdk, name, call.request);
    sdk.admit(call, context);
    if (answer === undefined) call.on('finish', leave).on('close', leave).on('error', leave);
    sdk.handle(name, call, (...outcome) => {
      leave();
      answer?.(...outcome);
    });
  } catch (thrown) {
    const error = toMeshError(thrown);
    if (error.code === 'internal')
      rules.log.error({ method: name, cause: String(error.cause) }, 'a call failed unexpectedly');
    fail(error);
  }
}

/** The SDK would refuse it as well, but as FAILED_PRECONDITION; the specification says UNIMPLEMENTED (section 5.4). */
function checkVersion(metadata: Metadata): void {
  const version = firstText(metadata, VERSION_KEY) ?? '';
  if (!SERVED.test(version)) {
    const shown = version === '' ? '0.3, which a call without a version means,' : JSON.stringify(version.slice(0, 40));
    const message = `the A2A protocol version ${shown} is not supported over gRPC; 1.0 is`;
    throw new MeshError('unimplemented', 'VERSION_NOT_SUPPORTED', message);
  }
  metadata.set(VERSION_KEY, '1.0');
}

function decoded(sdk: A2aSdk, name: string, bytes: unknown): unknown {
  try {
    return sdk.decode(name, bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MeshError('invalid_argument', 'NOT_A_MESSAGE', `the request of ${name} is not a message: ${reason}`);
  }
}

function deadlineOf(call: Surface): number | null {
  const deadline = call.getDeadline();
  const atMs = deadline instanceof Date ? deadline.getTime() : deadline;
  return Number.isFinite(atMs) ? atMs : null;
}

function firstText(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return typeof value === 'string' ? value : undefined;
}
