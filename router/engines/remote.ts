/**
 * The engine of another process, over gRPC. Owns: the call, and what its failures are called. Does not own: the time
 * limit, or what is decided without it.
 */
import { create } from '@bufbuild/protobuf';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { type WeighRequest, WeighRequestSchema, type WeighResponse } from '../gen/mesh/router/v1/router_service_pb.ts';
import type { RoleHealth, RouteEngine, Weighing } from '../port.ts';
import { RouteEngineError } from '../port.ts';
import { MESSAGE_MAX_BYTES, weighMethod } from '../wire.ts';

/** @param url `grpc://host:port` */
export function createRemoteEngine(url: string): RouteEngine & { close(): Promise<void> } {
  const { host } = new URL(url);
  const client = new Client(host, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MESSAGE_MAX_BYTES,
    'grpc.max_send_message_length': MESSAGE_MAX_BYTES,
    // A service that was restarted is found again soon: the default waits up to two minutes.
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 5000,
  });
  return {
    name: 'remote',
    weigh: (query, roles, signal) => call(client, request(query, roles), signal, host),
    async close() {
      client.close();
    },
  };
}

function request(query: string, roles: readonly RoleHealth[]): WeighRequest {
  return create(WeighRequestSchema, { query, roles: roles.map(({ tags, ...role }) => ({ ...role, tags: [...tags] })) });
}

function call(client: Client, message: WeighRequest, signal: AbortSignal, host: string): Promise<Weighing> {
  return new Promise((resolve, reject) => {
    const running = client.makeUnaryRequest(
      weighMethod.path,
      weighMethod.requestSerialize,
      weighMethod.responseDeserialize,
      message,
      (error: ServiceError | null, response?: WeighResponse) => {
        signal.removeEventListener('abort', cancel);
        if (error !== null) reject(named(error, host, signal));
        else resolve({ probabilities: response?.probabilities ?? {}, reason: response?.reason ?? '' });
      },
    );
    const cancel = (): void => running.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
  });
}

function named(error: ServiceError, host: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const details = (error.details || error.message).slice(0, 200);
  if (error.code === status.DATA_LOSS) return new RouteEngineError('invalid_answer', details, { cause: error });
  return new RouteEngineError('unavailable', `the router service at ${host} failed (${details})`, { cause: error });
}
