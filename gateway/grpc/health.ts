/**
 * The standard health service of gRPC (grpc.health.v1). Owns: what is said of each service, and to whom. Does not own:
 * when a service is well. Made of the messages that are generated here: the library for it reads .proto files at every
 * start, which takes as long as half of the gateway's own modules.
 */
import { create } from '@bufbuild/protobuf';
import {
  status as grpcStatus,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  type HealthListResponse,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../gen/grpc/health/v1/health_pb.ts';
import { type Decoded, serverDefinition } from './service-definition.ts';

type Told = (status: ServingStatus) => void;

const answerOf = (status: ServingStatus): HealthCheckResponse => create(HealthCheckResponseSchema, { status });

/** Null for bytes that are no request. */
const serviceOf = (decoded: Decoded): string | null =>
  decoded.ok ? (decoded.message as HealthCheckRequest).service : null;

const noRequest = { code: grpcStatus.INVALID_ARGUMENT, details: 'the request is not a HealthCheckRequest' };

export class HealthService {
  readonly #statuses: Map<string, ServingStatus>;
  readonly #watchers = new Map<string, Set<Told>>();

  /** @param services names; '' is the server as a whole */
  constructor(services: readonly string[]) {
    this.#statuses = new Map(services.map((name) => [name, ServingStatus.SERVING]));
  }

  /** Of all services; whoever watches one is told. */
  setServing(serving: boolean): void {
    const status = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    for (const name of this.#statuses.keys()) {
      this.#statuses.set(name, status);
      for (const tell of this.#watchers.get(name) ?? []) tell(status);
    }
  }

  addToServer(server: Server): void {
    server.addService(serverDefinition(Health), {
      check: (call: ServerUnaryCall<Decoded, HealthCheckResponse>, answer: sendUnaryData<HealthCheckResponse>) => {
        const name = serviceOf(call.request);
        if (name === null) return answer(noRequest);
        const status = this.#statuses.get(name);
        if (status === undefined) answer({ code: grpcStatus.NOT_FOUND, details: `there is no service ${name}` });
        else answer(null, answerOf(status));
      },
      list: (_call: ServerUnaryCall<Decoded, HealthListResponse>, answer: sendUnaryData<HealthListResponse>) => {
        const all = [...this.#statuses].map(([name, status]) => [name, answerOf(status)] as const);
        answer(null, create(HealthListResponseSchema, { statuses: Object.fromEntries(all) }));
      },
      watch: (call: ServerWritableStream<Decoded, HealthCheckResponse>) => this.#watch(call),
    });
  }

  /** The stream stays open, also of a service that is not known: it could come (health.proto says so). */
  #watch(call: ServerWritableStream<Decoded, HealthCheckResponse>): void {
    const name = serviceOf(call.request);
    if (name === null) {
      call.emit('error', noRequest);
      return;
    }
    const watchers = this.#watchers.get(name) ?? new Set();
    // Of names that are not known nothing will ever be told, so nothing is kept for them.
    const known = this.#statuses.get(name);
    if (known === undefined) {
      call.write(answerOf(ServingStatus.SERVICE_UNKNOWN));
      return;
    }
    const tell: Told = (status) => {
      call.write(answerOf(status));
    };
    this.#watchers.set(name, watchers.add(tell));
    call.on('cancelled', () => watchers.delete(tell));
    call.write(answerOf(known));
  }
}
