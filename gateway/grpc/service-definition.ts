/**
 * What grpc-js has to know of a service, from its protobuf descriptor. Owns: paths and the two directions of bytes. Does
 * not own: any handler.
 *
 * A request that is no protobuf message is handed on as such, so that its caller hears INVALID_ARGUMENT; grpc-js by
 * itself would call it an internal error.
 */
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

export type Decoded =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly reason: string };

export type MeshMethodDefinition = MethodDefinition<Message, Message>;

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function decode(method: DescMethod, bytes: Uint8Array): Decoded {
  try {
    return { ok: true, message: fromBinary(method.input, bytes) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

export function serverDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(
    service.methods.map((method) => [
      method.localName,
      {
        path: pathOf(method),
        requestStream: false,
        responseStream: method.methodKind === 'server_streaming',
        requestSerialize: (message: Message) => Buffer.from(toBinary(method.input, message)),
        requestDeserialize: (bytes: Buffer): Decoded => decode(method, bytes),
        responseSerialize: (message: Message) => Buffer.from(toBinary(method.output, message)),
        responseDeserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
      },
    ]),
  );
}
