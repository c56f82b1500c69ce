/**
 * Every method of every door, called without any client of ours: gRPC by raw bytes, A2A by plain HTTP. Owns: the calls,
 * and what an answer means whichever door it came through. Does not own: who may call what (the tests say).
 */
import { A2AService } from '@a2a-js/sdk/server/grpc';
import { create, type DescMethod, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { MeshService } from '../../gateway/gen/mesh/v1/mesh_service_pb.ts';

/** `allowed` is everything that is about the call itself and not about who calls. */
export type Verdict = 'allowed' | 'unauthenticated' | 'not_found' | 'forbidden' | 'broken';

export interface Answer {
  readonly verdict: Verdict;
  /** All that was said, to be searched. */
  readonly text: string;
}

const ofGrpc = new Map<status, Verdict>([
  [status.UNAUTHENTICATED, 'unauthenticated'],
  [status.NOT_FOUND, 'not_found'],
  [status.PERMISSION_DENIED, 'forbidden'],
  [status.INTERNAL, 'broken'],
  [status.UNKNOWN, 'broken'],
]);
const ofHttp = new Map<number, Verdict>([
  [401, 'unauthenticated'],
  [403, 'forbidden'],
  [404, 'not_found'],
  [500, 'broken'],
]);
const ofJsonRpc = new Map<number, Verdict>([
  [-32010, 'unauthenticated'],
  [-32011, 'forbidden'],
  [-32001, 'not_found'],
]);

const same = (bytes: Buffer): Buffer => bytes;
const CALL_LIMIT_MS = 90_000;

/** One call with raw bytes; of a stream the first message counts. */
export function rawGrpc(
  client: Client,
  path: string,
  bytes: Uint8Array,
  {
    token,
    streams = false,
    version,
  }: { readonly token?: string; readonly streams?: boolean; readonly version?: string },
): Promise<Answer> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  if (version !== undefined) metadata.set('a2a-version', version);
  const options = { deadline: Date.now() + CALL_LIMIT_MS };
  return new Promise((resolve) => {
    const failed = ({ code, details }: ServiceError): void =>
      resolve({ verdict: ofGrpc.get(code) ?? 'allowed', text: `${status[code]} ${details}` });
    if (!streams) {
      client.makeUnaryRequest(path, same, same, Buffer.from(bytes), metadata, options, (error, value) => {
        if (error !== null) failed(error);
        else resolve({ verdict: 'allowed', text: value?.toString('latin1') ?? '' });
      });
      return;
    }
    const stream = client.makeServerStreamRequest(path, same, same, Buffer.from(bytes), metadata, options);
    stream.on('data', (value: Buffer) => {
      resolve({ verdict: 'allowed', text: value.toString('latin1') });
      stream.cancel();
    });
    stream.on('error', (error: ServiceError) => failed(error));
    stream.on('end', () => resolve({ verdict: 'allowed', text: '' }));
  });
}

export function grpcClient(address: string): Client {
  return new Client(address, credentials.createInsecure());
}

export const meshMethods: readonly DescMethod[] = MeshService.methods;

export function callMesh(client: Client, method: DescMethod, json: JsonValue, token?: string): Promise<Answer> {
  const message = json === null ? create(method.input) : fromJson(method.input, json);
  return rawGrpc(client, `/${method.parent.typeName}/${method.name}`, toBinary(method.input, message), {
    ...(token === undefined ? {} : { token }),
    streams: method.methodKind === 'server_streaming',
  });
}

interface A2aMethod {
  readonly path: string;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: unknown) => Buffer;
}

/** By the names of the specification. */
export const a2aMethods: ReadonlyMap<string, A2aMethod> = new Map(
  Object.values(A2AService as unknown as Record<string, A2aMethod>).map((one) => [
    one.path.split('/').at(-1) ?? '',
    one,
  ]),
);

export function callA2aGrpc(client: Client, name: string, bytes: Uint8Array, token?: string): Promise<Answer> {
  const method = a2aMethods.get(name);
  if (method === undefined) throw new Error(`A2A has no method ${name}`);
  return rawGrpc(client, method.path, bytes, {
    ...(token === undefined ? {} : { token }),
    ...{ streams: method.responseStream, version: '1.0' },
  });
}

/** A request of HTTP; of a stream the beginning counts. */
export async function rawHttp(
  url: string,
  init: RequestInit,
  token?: string,
): Promise<Answer & { readonly code: number }> {
  const headers = new Headers({ 'a2a-version': '1.0', 'content-type': 'application/json' });
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  const response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(CALL_LIMIT_MS) });
  const isStream = (response.headers.get('content-type') ?? '').startsWith('text/event-stream');
  const text = isStream ? await beginning(response) : await response.text();
  return { verdict: ofHttp.get(response.status) ?? 'allowed', text, code: response.status };
}

async function beginning(response: Response): Promise<string> {
  if (response.body === null) return '';
  for await (const piece of response.body) return Buffer.from(piece).toString('utf8');
  return '';
}

export async function callJsonRpc(http: string, method: string, params: object, token?: string): Promise<Answer> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const { verdict, text } = await rawHttp(`${http}/a2a/jsonrpc`, { method: 'POST', body }, token);
  const code = Number(/"code":\s*(-?\d+)/.exec(text)?.[1] ?? 0);
  return { verdict: ofJsonRpc.get(code) ?? verdict, text };
}
