/**
 * An engine as a gRPC service, with the standard health service. Owns: the server and its end. Does not own: the engine,
 * or any policy: that stays with whoever calls.
 */
import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServiceError, status, type UntypedHandleCall } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { type WeighRequest, type WeighResponse, WeighResponseSchema } from './gen/mesh/router/v1/router_service_pb.ts';
import type { RouteEngine } from './port.ts';
import { RouteEngineError } from './port.ts';
import { MESSAGE_MAX_BYTES, SERVICE_NAME, weighMethod } from './wire.ts';

export interface RouterServer {
  /** The one it listens on: another than asked for when that was 0. */
  readonly port: number;
  /** Lets what is under way end, and closes the engine. */
  close(): Promise<void>;
}

export interface RouterServerOptions {
  readonly engine: RouteEngine;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** The service cannot listen where it should. */
class AddressError extends Error {
  override readonly name = 'AddressError';
  /** Of the process that cannot start because of it: configuration. */
  readonly exitCode = 2;
}

/** @throws AddressError when the address cannot be used */
export async function serveRouter({ engine, host, port }: RouterServerOptions): Promise<RouterServer> {
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_MAX_BYTES,
    'grpc.max_send_message_length': MESSAGE_MAX_BYTES,
  });
  server.addService({ weigh: weighMethod }, { weigh: handler(engine) });
  const health = new HealthImplementation({ '': 'NOT_SERVING', [SERVICE_NAME]: 'NOT_SERVING' });
  health.addToServer(server);
  const bound = await bind(server, `${host.includes(':') ? `[${host}]` : host}:${port}`);
  const serving = (now: 'SERVING' | 'NOT_SERVING'): void => {
    for (const name of ['', SERVICE_NAME]) health.setStatus(name, now);
  };
  await engine.ready?.();
  serving('SERVING');
  return {
    port: bound,
    async close() {
      serving('NOT_SERVING');
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      await engine.close?.();
    },
  };
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else
        reject(
          new AddressError(`the router cannot listen on ${address}: ${error.message.split('\n')[0]}`, { cause: error }),
        );
    });
  });
}

function handler(engine: RouteEngine): UntypedHandleCall {
  const unary: Unary = (call, answer) => {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    weigh(engine, call.request, gone.signal).then(
      (response) => answer(null, response),
      (error: unknown) => answer(statusOf(error)),
    );
  };
  return unary;
}

type Unary = (
  call: { readonly request: WeighRequest; on(event: 'cancelled', listener: () => void): unknown },
  answer: (error: Partial<ServiceError> | null, response?: WeighResponse) => void,
) => void;

async function weigh(engine: RouteEngine, request: WeighRequest, signal: AbortSignal): Promise<WeighResponse> {
  const roles = request.roles.map(({ role, healthy, saturated, tags, reason }) => ({
    ...{ role, healthy, saturated, tags, reason },
  }));
  const { probabilities, reason } = await engine.weigh(request.query, roles, signal);
  return create(WeighResponseSchema, { probabilities: { ...probabilities }, reason, engine: engine.name });
}

function statusOf(error: unknown): Partial<ServiceError> {
  const details = error instanceof Error ? error.message : String(error);
  if (error instanceof RouteEngineError) {
    const code = error.code === 'invalid_answer' ? status.DATA_LOSS : status.UNAVAILABLE;
    return { code, details };
  }
  return { code: status.INTERNAL, details };
}
