/**
 * What a GGUF file says of itself. Owns: reading its header, and telling a usable file from a missing, cut off, foreign
 * or unsupported one before llama.cpp sees it. Does not own: loading the model.
 *
 * 1. Only the header is read, a few megabytes at most, however large the file is.
 * 2. Every length in the file is doubted: a header that asks for more than its limits is foreign, never an allocation.
 *
 * The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { type FileHandle, open } from 'node:fs/promises';
import { ModelError } from './errors.ts';
import { HeaderReader, HeaderTooShort } from './gguf-reader.ts';
import { fileTypeNames, tensorBytes } from './gguf-types.ts';

/** `array` stands for a long one, such as the vocabulary; its items are not kept. */
export type MetadataValue = string | number | bigint | boolean | readonly MetadataValue[] | { readonly array: number };

export interface GgufTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  /** Number of the type in ggml. */
  readonly type: number;
  /** From the start of the tensor data. */
  readonly offset: number;
}

export interface GgufInfo {
  readonly path: string;
  readonly version: number;
  /** `llama`, `qwen2`, `bert` …, from general.architecture. */
  readonly architecture: string;
  /** general.name; null when the file has none. */
  readonly name: string | null;
  /** Longest context the model was trained for, tokens; null when the file does not say. */
  readonly contextLength: number | null;
  /** Such as `Q4_K_M`, from general.file_type; null when the file does not say. */
  readonly quantisation: string | null;
  /** Size of the file. */
  readonly bytes: number;
  readonly tensors: readonly GgufTensor[];
  /** Numbers in all tensors together. */
  readonly parameters: number;
  /** False when the file holds no chat template. */
  readonly hasChatTemplate: boolean;
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  /** The number under `<architecture>.<key>`; null when there is none. For one number a layer, the largest. */
  hyperparameter(key: string): number | null;
}

const MAGIC = 'GGUF';
/** Version 1 had 32-bit lengths and was gone within weeks. */
const VERSIONS = new Set([2, 3]);
const ALIGNMENT_DEFAULT = 32;
/** The largest models have some thousands. */
const TENSORS_MAX = 100_000;
const METADATA_MAX = 10_000;

/**
 * Reads the header and checks that the tensor data is there in full.
 * @throws ModelError `model_missing`, `model_unreadable`, `model_empty`, `model_truncated`, `model_foreign`,
 * `model_unsupported`
 */
export async function readGgufInfo(path: string): Promise<GgufInfo> {
  const file = await openFile(path);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new ModelError('model_unreadable', `${path} is not a file; name a GGUF file`);
    if (stat.size === 0) throw new ModelError('model_empty', `${path} is empty; fetch the model again`);
    return await readHeader(path, file, stat.size);
  } catch (error) {
    throw asModelError(path, error);
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new ModelError(
        'model_missing',
        `there is no file ${path}; fetch a model with \`mesh models pull\`, or correct the path`,
      );
    throw new ModelError('model_unreadable', `${path} cannot be read (${String(code)})`, { cause: error });
  }
}

function asModelError(path: string, error: unknown): unknown {
  if (error instanceof HeaderTooShort)
    return new ModelError('model_truncated', `${path} ends inside its header; fetch the model again`, { cause: error });
  if (error instanceof RangeError || error instanceof SyntaxError)
    return foreign(path, `its header is not sound: ${error.message}`, error);
  if (error instanceof Error && 'code' in error && error.code === 'EISDIR')
    return new ModelError('model_unreadable', `${path} is a folder; name a GGUF file`, { cause: error });
  return error;
}

function foreign(path: string, why: string, cause?: unknown): ModelError {
  return new ModelError('model_foreign', `${path} is not a GGUF model (${why})`, { cause });
}

async function readHeader(path: string, file: FileHandle, bytes: number): Promise<GgufInfo> {
  const reader = new HeaderReader(file, bytes);
  const magic = await reader.bytes(Math.min(4, bytes));
  if (magic.toString('latin1') !== MAGIC) throw foreign(path, `it begins with ${printable(magic)}, not with ${MAGIC}`);
  const version = await reader.uint32();
  if (!VERSIONS.has(version)) {
    const why = version > 0xffff ? 'it is in big-endian byte order' : `GGUF version ${version}`;
    throw new ModelError('model_unsupported', `${path}: ${why}; versions 2 and 3 are supported`);
  }
  const tensorCount = await reader.count(TENSORS_MAX, 'tensors');
  const metadataCount = await reader.count(METADATA_MAX, 'metadata entries');
  const metadata = new Map<string, MetadataValue>();
  for (let i = 0; i < metadataCount; i += 1) metadata.set(await reader.string(), await reader.value());
  const tensors: GgufTensor[] = [];
  for (let i = 0; i < tensorCount; i += 1) tensors.push(await reader.tensor());
  const info = describe({ path, version, bytes, metadata, tensors });
  const alignment = metadata.get('general.alignment');
  checkLength(info, reader.position, typeof alignment === 'number' ? alignment : ALIGNMENT_DEFAULT);
  return info;
}

function describe(read: Pick<GgufInfo, 'path' | 'version' | 'bytes' | 'metadata' | 'tensors'>): GgufInfo {
  const { path, metadata, tensors } = read;
  const architecture = metadata.get('general.architecture');
  if (typeof architecture !== 'string' || architecture === '') throw foreign(path, 'it names no architecture');
  if (tensors.length === 0) throw foreign(path, 'it holds no tensors');
  const hyperparameter = (key: string): number | null => largest(metadata.get(`${architecture}.${key}`));
  const name = metadata.get('general.name');
  const fileType = metadata.get('general.file_type');
  return {
    ...read,
    architecture,
    name: typeof name === 'string' && name.trim() !== '' ? name.trim() : null,
    contextLength: hyperparameter('context_length'),
    quantisation: typeof fileType === 'number' ? (fileTypeNames.get(fileType) ?? null) : null,
    parameters: tensors.reduce(
      (sum, { dimensions }) => sum + dimensions.reduce((product, size) => product * size, 1),
      0,
    ),
    hasChatTemplate: typeof metadata.get('tokenizer.chat_template') === 'string',
    hyperparameter,
  };
}

function largest(value: MetadataValue | undefined): number | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (!Array.isArray(value)) return null;
  const numbers = value.filter((item) => typeof item === 'number');
  return numbers.length === 0 ? null : Math.max(...numbers);
}

/** The last tensor's end has to lie in the file. */
function checkLength(info: GgufInfo, headerBytes: number, alignment: number): void {
  if (!Number.isInteger(alignment) || alignment < 1) throw foreign(info.path, `its alignment is ${alignment}`);
  const dataStart = Math.ceil(headerBytes / alignment) * alignment;
  const needed = info.tensors.reduce(
    (end, tensor) => Math.max(end, dataStart + tensor.offset + tensorBytes(tensor)),
    0,
  );
  if (!Number.isSafeInteger(needed)) throw foreign(info.path, 'its tensors have impossible sizes');
  if (needed > info.bytes)
    throw new ModelError(
      'model_truncated',
      `${info.path} has ${info.bytes} of the ${needed} bytes that its header announces; fetch the model again`,
    );
}

function printable(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  return /^[\x20-\x7e]+$/.test(text) ? JSON.stringify(text) : `0x${bytes.toString('hex')}`;
}
