/**
 * Outputs are kept for as long as the log could lose them (S10), so old ones are kept small: rows that the log has
 * acknowledged are packed together, which takes a tenth of the time and half the room of packing each. Owns: the form
 * of a block. Does not own: when one is made.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { OutboxRow } from './port.ts';

/** Rows of a block: some tasks' worth, so that what they repeat is stored once. */
export const BLOCK_ROWS = 64;

/** The fastest level: the ledger's thread must keep up with the log. */
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export type AckedRow = OutboxRow & { readonly seq: number };

export function packBlock(rows: readonly AckedRow[]): Buffer {
  return zstdCompressSync(JSON.stringify(rows), OPTIONS);
}

export function unpackBlock(block: Buffer): AckedRow[] {
  return JSON.parse(zstdDecompressSync(block).toString('utf8')) as AckedRow[];
}
