/**
 * Records of journals that are sent compressed, and read as what they were: on a server that compresses no stream
 * (nats-server before 2.10) all but the smallest, on any other one the large ones, since a stream is limited, counted and
 * copied as what was sent. Owns: which messages, the form, and reading it. Does not own: streams that the server
 * compresses (`topology.ts`).
 *
 * Invariants:
 * 1. Whoever reads by the bus gets the body and the headers that were published.
 * 2. What only looks like it is handed on as it is: nothing that anybody can send makes reading fail (S9).
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { isJournal } from '../schemas/events/subjects.ts';
import { isAtLeast } from './server-version.ts';

export const ENCODING_HEADER = 'content-encoding';
const ENCODING = 'zstd';
/** The first server that compresses what a stream stores. */
export const STREAMS_COMPRESSED_FROM = [2, 10, 0] as const;

/** Less than this hardly gets smaller. */
const PACKED_FROM_BYTES = 512;
/** Where the server compresses: a record of less is left for everybody to read. */
const LARGE_FROM_BYTES = 32 * 1024;
/** The most that NATS lets a server take as one message. */
const UNPACKED_MAX_BYTES = 64 * 1024 * 1024;
/** The least that Node takes is 64; a small record gets less small. */
const CHUNK_MIN_BYTES = 1024;
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 };
/** Of a zstd frame, RFC 8878 section 3.1.1. */
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd] as const;

/** The body compressed, as it is sent; null when it is sent as it is. */
export function packedBody(serverVersion: string, subject: string, body: Uint8Array): Uint8Array | null {
  const fromBytes = isAtLeast(serverVersion, STREAMS_COMPRESSED_FROM) ? LARGE_FROM_BYTES : PACKED_FROM_BYTES;
  if (body.byteLength < fromBytes || !isJournal(subject)) return null;
  const { byteLength } = body;
  // Told its size, zstd takes tables that fit; a record gets smaller than a quarter, and what room it is given is to be freed.
  const chunkSize = Math.max(CHUNK_MIN_BYTES, byteLength >> 2);
  const packed = zstdCompressSync(body, { params: PARAMS, pledgedSrcSize: byteLength, chunkSize });
  return packed.byteLength < body.byteLength ? packed : null;
}

export const packedHeaders: Readonly<Record<string, string>> = { [ENCODING_HEADER]: ENCODING };

/**
 * The body as it was published; then the header that says how it was sent is taken out of the headers.
 *
 * @param headers decoded when they are asked for
 */
export function unpackedBody(subject: string, data: Uint8Array, headers: () => Map<string, string>): Uint8Array {
  if (!MAGIC.every((byte, index) => data[index] === byte) || !isJournal(subject)) return data;
  if (headers().get(ENCODING_HEADER) !== ENCODING) return data;
  try {
    const body = zstdDecompressSync(data, { maxOutputLength: UNPACKED_MAX_BYTES });
    headers().delete(ENCODING_HEADER);
    return body;
  } catch {
    return data;
  }
}
