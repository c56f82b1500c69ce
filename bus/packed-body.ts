/**
 * Journals on a server that compresses no stream (nats-server before 2.10): their records are sent compressed, and read
 * as what they were. Owns: which messages, the form, and reading it. Does not own: streams that the server compresses
 * (`topology.ts`).
 *
 * Invariants:
 * 1. Whoever reads by the bus gets the bytes that were published.
 * 2. What only looks like it is handed on as it is: nothing that anybody can send makes reading fail (S9).
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { isAtLeast } from './server-version.ts';

export const ENCODING_HEADER = 'content-encoding';
const ENCODING = 'zstd';
/** The first server that compresses what a stream stores. */
export const STREAMS_COMPRESSED_FROM = [2, 10, 0] as const;

/** Facts and requests are read by whoever has `nats`, as they are; journals are the mesh's own. */
const PACKED_SUBJECTS = 'mesh.journal.';
/** Less than this hardly gets smaller. */
const PACKED_FROM_BYTES = 512;
/** The most that NATS lets a server take as one message. */
const UNPACKED_MAX_BYTES = 64 * 1024 * 1024;
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 };
/** Of a zstd frame, RFC 8878 section 3.1.1. */
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd] as const;

/** The body as it is sent; null when it is sent as it is. */
export function packedBody(serverVersion: string, subject: string, body: Uint8Array): Uint8Array | null {
  if (body.byteLength < PACKED_FROM_BYTES || !subject.startsWith(PACKED_SUBJECTS)) return null;
  if (isAtLeast(serverVersion, STREAMS_COMPRESSED_FROM)) return null;
  const packed = zstdCompressSync(body, { params: PARAMS, pledgedSrcSize: body.byteLength });
  return packed.byteLength < body.byteLength ? packed : null;
}

export const packedHeaders: Readonly<Record<string, string>> = { [ENCODING_HEADER]: ENCODING };

/** The body as it was published. */
export function unpackedBody(subject: string, data: Uint8Array, header: (name: string) => string): Uint8Array {
  if (!MAGIC.every((byte, index) => data[index] === byte) || !subject.startsWith(PACKED_SUBJECTS)) return data;
  if (header(ENCODING_HEADER) !== ENCODING) return data;
  try {
    return zstdDecompressSync(data, { maxOutputLength: UNPACKED_MAX_BYTES });
  } catch {
    return data;
  }
}
