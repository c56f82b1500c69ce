/**
 * Reads the primitive values of a GGUF header in order. Owns: buffering, and the limits of one value. Does not own: what
 * the values mean.
 */
import type { FileHandle } from 'node:fs/promises';
import type { GgufTensor, MetadataValue } from './gguf.ts';

/** The file ends inside its header. */
export class HeaderTooShort extends Error {}

const CHUNK_BYTES = 1 << 20;
/** Chat templates have some tens of kilobytes, and nothing else is longer. */
const STRING_BYTES_MAX = 16 << 20;
/** Vocabularies have up to some hundred thousand entries, merges as well. */
const ARRAY_ITEMS_MAX = 4_000_000;
/** Longer arrays are walked over and not kept: of texts, and of numbers, which may be the weights of a router's head. */
const TEXTS_KEPT_MAX = 256;
const NUMBERS_KEPT_MAX = 8192;
const ARRAY_DEPTH_MAX = 4;
const DIMENSIONS_MAX = 8;

/** Bytes of the fixed-size value types, by their number. */
const SIZES: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [7, 1],
  [10, 8],
  [11, 8],
  [12, 8],
]);
const STRING = 8;
const ARRAY = 9;

export class HeaderReader {
  readonly #file: FileHandle;
  readonly #fileBytes: number;
  #buffer: Buffer = Buffer.alloc(0);
  /** Place of the buffer's first byte in the file. */
  #start = 0;
  #at = 0;

  constructor(file: FileHandle, fileBytes: number) {
    this.#file = file;
    this.#fileBytes = fileBytes;
  }

  /** How much has been read. */
  get position(): number {
    return this.#start + this.#at;
  }

  /** The next bytes; valid until the next call. */
  async bytes(length: number): Promise<Buffer> {
    if (this.#at + length > this.#buffer.length) await this.#fill(length);
    const bytes = this.#buffer.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  async #fill(length: number): Promise<void> {
    const position = this.position;
    if (position + length > this.#fileBytes) throw new HeaderTooShort(`the file ends at byte ${this.#fileBytes}`);
    const wanted = Math.min(Math.max(length, CHUNK_BYTES), this.#fileBytes - position);
    const buffer = Buffer.alloc(wanted);
    let filled = 0;
    while (filled < wanted) {
      const { bytesRead } = await this.#file.read(buffer, filled, wanted - filled, position + filled);
      if (bytesRead === 0) throw new HeaderTooShort('the file became shorter');
      filled += bytesRead;
    }
    this.#buffer = buffer;
    this.#start = position;
    this.#at = 0;
  }

  async uint32(): Promise<number> {
    return (await this.bytes(4)).readUInt32LE();
  }

  async uint64(): Promise<number> {
    const value = (await this.bytes(8)).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`the number ${value} is impossible`);
    return Number(value);
  }

  /** A length in the file. @throws RangeError above the limit */
  async count(max: number, what: string): Promise<number> {
    const value = await this.uint64();
    if (value > max) throw new RangeError(`${value} ${what}, more than ${max}`);
    return value;
  }

  async string(): Promise<string> {
    const length = await this.count(STRING_BYTES_MAX, 'bytes of text');
    return (await this.bytes(length)).toString('utf8');
  }

  async value(): Promise<MetadataValue> {
    return this.#valueOf(await this.uint32(), 0);
  }

  async #valueOf(type: number, depth: number): Promise<MetadataValue> {
    if (type === STRING) return this.string();
    if (type === ARRAY) return this.#array(depth + 1);
    const size = SIZES.get(type);
    if (size === undefined) throw new RangeError(`there is no value type ${type}`);
    return fixed(type, await this.bytes(size));
  }

  async #array(depth: number): Promise<MetadataValue> {
    if (depth > ARRAY_DEPTH_MAX) throw new RangeError('arrays inside arrays');
    const type = await this.uint32();
    const length = await this.count(ARRAY_ITEMS_MAX, 'items');
    const size = SIZES.get(type);
    const kept = length <= (size === undefined ? TEXTS_KEPT_MAX : NUMBERS_KEPT_MAX);
    if (!kept && size !== undefined) {
      await this.#skip(size * length);
      return { array: length };
    }
    if (!kept && type === STRING) {
      for (let left = length; left > 0; left -= 1) {
        left -= this.#skipStrings(left);
        if (left > 0) await this.#skip(await this.count(STRING_BYTES_MAX, 'bytes of text'));
      }
      return { array: length };
    }
    const items: MetadataValue[] = [];
    for (let i = 0; i < length; i += 1) {
      const item = await this.#valueOf(type, depth);
      if (kept) items.push(item);
    }
    return kept ? items : { array: length };
  }

  /**
   * Walks over at most so many strings, as long as they lie in the buffer in full; returns how many. A vocabulary has
   * tens of thousands: a promise for each would keep the process busy for a tenth of a second.
   */
  #skipStrings(most: number): number {
    let skipped = 0;
    while (skipped < most && this.#at + 8 <= this.#buffer.length) {
      const length = this.#buffer.readBigUInt64LE(this.#at);
      if (BigInt(this.#at + 8) + length > BigInt(this.#buffer.length)) break;
      this.#at += 8 + Number(length);
      skipped += 1;
    }
    return skipped;
  }

  async #skip(length: number): Promise<void> {
    for (let left = length; left > 0; left -= CHUNK_BYTES) await this.bytes(Math.min(left, CHUNK_BYTES));
  }

  async tensor(): Promise<GgufTensor> {
    const name = await this.string();
    const rank = await this.uint32();
    if (rank > DIMENSIONS_MAX) throw new RangeError(`a tensor of ${rank} dimensions`);
    const dimensions: number[] = [];
    for (let i = 0; i < rank; i += 1) dimensions.push(await this.uint64());
    return { name, dimensions, type: await this.uint32(), offset: await this.uint64() };
  }
}

function fixed(type: number, bytes: Buffer): MetadataValue {
  switch (type) {
    case 0:
      return bytes.readUInt8();
    case 1:
      return bytes.readInt8();
    case 2:
      return bytes.readUInt16LE();
    case 3:
      return bytes.readInt16LE();
    case 4:
      return bytes.readUInt32LE();
    case 5:
      return bytes.readInt32LE();
    case 6:
      return bytes.readFloatLE();
    case 7:
      return bytes.readUInt8() !== 0;
    case 10:
      return bytes.readBigUInt64LE();
    case 11:
      return bytes.readBigInt64LE();
    case 12:
      return bytes.readDoubleLE();
    default:
      throw new RangeError(`there is no value type ${type}`);
  }
}
