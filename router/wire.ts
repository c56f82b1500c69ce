/**
 * The routing service on the wire. Owns: grpc-js definitions out of the protobuf descriptor. Does not own: serving
 * (`service.ts`) or calling (`engines/remote.ts`).
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import {
  RouterService,
  type WeighRequest,
  WeighRequestSchema,
  type WeighResponse,
  WeighResponseSchema,
} from './gen/mesh/router/v1/router_service_pb.ts';

export const SERVICE_NAME = RouterService.typeName;

/** A query of the mesh's limit, with what is known of the roles. */
export const MESSAGE_MAX_BYTES = 2 * 1024 * 1024;

export const weighMethod: MethodDefinition<WeighRequest, WeighResponse> = {
  path: `/${SERVICE_NAME}/${RouterService.method.weigh.name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: (message) => Buffer.from(toBinary(WeighRequestSchema, message)),
  requestDeserialize: (bytes) => fromBinary(WeighRequestSchema, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(WeighResponseSchema, message)),
  responseDeserialize: (bytes) => fromBinary(WeighResponseSchema, bytes),
};
