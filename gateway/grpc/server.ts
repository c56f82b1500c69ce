/**
 * The gRPC server. Owns: its limits, health, reflection, TLS, and the order of its end. Does not own: the calls
 * (`handlers.ts`).
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { DescFile } from '@bufbuild/protobuf';
import { toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { PAYLOAD_MAX_BYTES } from '../../schemas/events/envelope.ts';
import type { Mesh } from '../core/mesh.ts';
import { file_google_rpc_error_details } from '../gen/google/rpc/error_details_pb.ts';
import { file_google_rpc_status } from '../gen/google/rpc/status_pb.ts';
import { Health } from '../gen/grpc/health/v1/health_pb.ts';
import { MeshService } from '../gen/mesh/v1/mesh_service_pb.ts';
import type { CallRules } from './call.ts';
import { HalfSent, type HalfSentLimits } from './half-sent.ts';
import { implementation } from './handlers.ts';
import { HealthService } from './health.ts';
import { addReflection } from './reflection.ts';
import { serverDefinition } from './service-definition.ts';

export interface TlsFiles {
  readonly key: Buffer;
  readonly certificate: Buffer;
  /** Whoever calls must show a certificate of this authority. */
  readonly clientAuthority?: Buffer;
}

export interface ServerSettings {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls?: TlsFiles;
  /** A silent connection is asked after this time whether it lives. */
  readonly keepaliveMs: number;
  /** Smaller in tests. */
  readonly halfSent?: HalfSentLimits;
}

/** Another service on the same server. */
export interface FurtherService {
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  /** Every file that describes it, serialised, by name: for reflection. */
  readonly descriptors: () => ReadonlyMap<string, Buffer>;
}

export interface GrpcServer {
  readonly port: number;
  setServing(serving: boolean): void;
  /** Lets calls that end soon end; cuts off the others. */
  stop(): Promise<void>;
}

/** The largest event, and its envelope in protobuf. */
const RECEIVE_MAX_BYTES = PAYLOAD_MAX_BYTES + 64 * 1024;
/** A task with its result twice over; clients take 4 MiB unless told otherwise. */
const SEND_MAX_BYTES = 4 * 1024 * 1024;
/** Of one connection; who needs more opens another. */
const STREAMS_MAX = 1000;
/** What does not answer a ping in that time is gone. */
const KEEPALIVE_TIMEOUT_MS = 10_000;
/** A connection without a call is given up after this time; a client opens another without noticing. */
const IDLE_MS = 15 * 60_000;
/** Calls are told at once that the gateway stops; this is the time for the answers to leave. */
const STOP_MS = 1000;

/** The gateway cannot serve where it should. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
  /** Of the process that cannot start because of it: configuration. */
  readonly exitCode = 2;
}

function options({ keepaliveMs }: ServerSettings, half: HalfSent): ServerOptions {
  return {
    interceptors: [half.interceptor],
    'grpc.max_receive_message_length': RECEIVE_MAX_BYTES,
    'grpc.max_send_message_length': SEND_MAX_BYTES,
    'grpc.max_concurrent_streams': STREAMS_MAX,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': Math.min(KEEPALIVE_TIMEOUT_MS, keepaliveMs),
    'grpc.max_connection_idle_ms': IDLE_MS,
    // Bookkeeping of every call and message for a service that is not offered here.
    'grpc.enable_channelz': 0,
  };
}

function credentials(tls: TlsFiles | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { private_key: tls.key, cert_chain: tls.certificate };
  return ServerCredentials.createSsl(tls.clientAuthority ?? null, [pair], tls.clientAuthority !== undefined);
}

/** Every file that describes the service, each once. */
function descriptorsOf(file: DescFile, found: Map<string, Buffer>): void {
  if (found.has(file.name)) return;
  found.set(file.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  for (const dependency of file.dependencies) descriptorsOf(dependency, found);
}

/** Of all services here, serialised. */
function descriptors(further: readonly FurtherService[]): readonly Buffer[] {
  const files = new Map<string, Buffer>();
  for (const service of [MeshService, Health]) descriptorsOf(service.file, files);
  // No call names them: they travel in the details of errors, and whoever shows those asks for them by name.
  for (const file of [file_google_rpc_error_details, file_google_rpc_status]) descriptorsOf(file, files);
  for (const [name, bytes] of further.flatMap((one) => [...one.descriptors()])) {
    if (!files.has(name)) files.set(name, bytes);
  }
  return [...files.values()];
}

/** @throws AddressError, or an error that says why the address cannot be used */
export async function startServer(
  mesh: Mesh,
  rules: CallRules,
  settings: ServerSettings,
  further: readonly FurtherService[] = [],
): Promise<GrpcServer> {
  const half = new HalfSent(settings.halfSent);
  const server = new Server(options(settings, half));
  server.addService(serverDefinition(MeshService), implementation(mesh, rules));
  for (const one of further) server.addService(one.definition, one.implementation);
  const names = ['', MeshService.typeName, ...further.map(({ name }) => name)];
  const health = new HealthService(names);
  health.addToServer(server);
  addReflection(
    server,
    () => descriptors(further),
    (error) => rules.log.error({ error: String(error) }, 'reflection cannot answer'),
  );
  const door = await listen(server, half, settings);
  return {
    port: door.port,
    setServing: (serving) => health.setServing(serving),
    async stop() {
      half.stop();
      door.close();
      await stop(server);
    },
  };
}

/** Listens itself, to see connections of which no call has come yet: the library shows none. */
async function listen(
  server: Server,
  half: HalfSent,
  { host, port, tls }: ServerSettings,
): Promise<{ readonly port: number; close(): void }> {
  // What the library would print of a failure is in the error as well.
  setLogVerbosity(logVerbosity.NONE);
  const injector = server.createConnectionInjector(credentials(tls));
  const listener = createServer({ noDelay: true }, (socket) => {
    half.opened(socket);
    injector.injectConnection(socket);
  });
  try {
    listener.listen(port, host);
    await once(listener, 'listening');
  } catch (error) {
    half.stop();
    injector.destroy();
    throw addressError(host, port, error);
  }
  const address = listener.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : port,
    close: () => void listener.close(),
  };
}

function addressError(host: string, port: number, error: unknown): AddressError {
  const why = error instanceof Error ? error.message : String(error);
  const reason = why.includes('EADDRINUSE')
    ? `port ${port} is taken by another program; set MESH_GRPC_PORT to a free one`
    : `${host}:${port} cannot be used, set MESH_GATEWAY_HOST and MESH_GRPC_PORT: ${why}`;
  return new AddressError(reason, { cause: error });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, STOP_MS);
    server.tryShutdown(() => {
      clearTimeout(late);
      resolve();
    });
  });
}
