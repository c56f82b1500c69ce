/**
 * Bodies as a ledger stores them. Owns: the forms, and which one a body gets. Does not own: what a body says.
 *
 * A form's number stands beside each body, so a new form needs no new ledger; a number is never given to another form.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { FatalError } from '../errors.ts';

const RAW = 0;
const ZSTD = 1;

/** Less than this hardly gets smaller, and costs as much time as what does. */
const COMPRESSED_FROM_BYTES = 256;
/** The fastest level: the third takes a third longer for one byte in a hundred. */
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 };
/** Bytes that a compressed body may be longer than its content, and the least that Node takes. */
const ROOM = 64;

export interface StoredBody {
  readonly form: number;
  readonly body: Uint8Array;
}

/** @param zstd what it made of the bytes, when somebody has that already */
export function packBody(bytes: Uint8Array, zstd?: Uint8Array): StoredBody {
  if (zstd !== undefined) return { form: ZSTD, body: zstd };
  if (bytes.byteLength < COMPRESSED_FROM_BYTES) return { form: RAW, body: bytes };
  const { byteLength } = bytes;
  // Told its size, zstd takes tables that fit; and the answer comes in one piece.
  const packed = zstdCompressSync(bytes, { params: PARAMS, pledgedSrcSize: byteLength, chunkSize: byteLength + ROOM });
  return packed.byteLength < bytes.byteLength ? { form: ZSTD, body: packed } : { form: RAW, body: bytes };
}

/** @throws FatalError when a newer release wrote it */
export function unpackBody({ form, body }: StoredBody): Uint8Array {
  switch (form) {
    case RAW:
      return body;
    case ZSTD:
      return zstdDecompressSync(body);
    default:
      throw new FatalError(
        `the ledger holds a body in form ${form}, which this release cannot read; upgrade Agent Mesh`,
        {
          exitCode: 2,
        },
      );
  }
}
