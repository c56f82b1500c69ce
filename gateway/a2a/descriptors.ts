/**
 * What server reflection tells of the A2A service. Owns: reading the descriptors that lie in `third_party/a2a`. Does not
 * own: the service, or the SDK's messages, which bring no descriptors of their own.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
} from '@bufbuild/protobuf/wkt';

const PATH = join(import.meta.dirname, '..', 'third_party', 'a2a', 'a2a.binpb');

/** Files that every protobuf library brings, and that those of A2A import. */
const wellKnown = [
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
];

/** Serialised FileDescriptorProtos by the names of their files. */
export function a2aDescriptors(): Map<string, Buffer> {
  const files = [
    ...fromBinary(FileDescriptorSetSchema, readFileSync(PATH)).file,
    ...wellKnown.map(({ proto }) => proto),
  ];
  return new Map(files.map((file) => [file.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file))]));
}
