/**
 * Small models made when a test needs them: real GGUF files of the Llama architecture that llama.cpp loads and generates
 * with. Owns: their form. Does not own: sense; the weights are random, the same ones for the same seed.
 *
 * One dimension of the hidden state is kept constant, so that the output has a bias for every token: only printable
 * text is written, and how soon a text ends can be chosen.
 */
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';

export interface TinyModelOptions {
  /** The same seed gives the same bytes. */
  readonly seed?: number;
  readonly name?: string;
  /** Longest context, tokens; a character of a prompt is about one token. */
  readonly contextLength?: number;
  readonly layers?: number;
  /** A multiple of 32. */
  readonly width?: number;
  readonly numbers?: 'f32' | 'f16';
  /** `chat` writes text; `embedding` says that its states are averaged into one vector. */
  readonly kind?: 'chat' | 'embedding';
  /** Jinja template of a chat; ChatML unless told, null for none. */
  readonly chatTemplate?: string | null;
  /** How readily a text ends: 0 as any other token, below never, above soon. */
  readonly endBias?: number;
  /** Makes it a router model of the format `embedding-head-v1` (router/format.md), whatever `kind` says. */
  readonly router?: TinyRouter;
}

export interface TinyRouter {
  /** Each with a bias: the higher, the more probable whatever the query is; 0.5 is about a factor of two. */
  readonly routes: Readonly<Record<string, number>>;
  readonly temperature?: number;
  readonly maxTokens?: number;
  /** Of the metadata, when they are to be something else. */
  readonly format?: string;
  /** Leaves the weights of the head out. */
  readonly withoutHead?: boolean;
  /** Numbers that a vector has by the head; those of the model, unless told. */
  readonly headWidth?: number;
}

const CHATML =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const ALIGNMENT = 32;
const HEAD_WIDTH = 16;
/** Enough that no byte that is not text is ever written. */
const NEVER = -60;

/** What ends a text or a list of JSON: held to a schema, the model ends them before their limits. */
const CLOSING: ReadonlySet<string> = new Set(['"', ']', '}']);

/** Kinds of token in llama.cpp's vocabularies. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const BYTE = 6;

interface Token {
  readonly text: string;
  readonly score: number;
  readonly kind: number;
  readonly bias: number;
}

/** Writes a model to the path and returns the path. */
export function writeTinyModel(path: string, options: TinyModelOptions = {}): string {
  writeFileSync(path, tinyModel(options));
  return path;
}

/** Files that are no usable model, each in its own way. Returns the path. */
export const brokenModel = {
  empty(path: string): string {
    writeFileSync(path, '');
    return path;
  },
  /** Something else under the name of a model. */
  foreign(path: string): string {
    writeFileSync(path, '<!doctype html><title>404</title><p>There is no such model.</p>'.repeat(50));
    return path;
  },
  /** A download that stopped in the tensors. */
  truncated(path: string, options: TinyModelOptions = {}): string {
    writeTinyModel(path, options);
    truncateSync(path, Math.floor(tinyModel(options).length * 0.6));
    return path;
  },
  /** A download that stopped in the header. */
  truncatedInHeader(path: string): string {
    writeTinyModel(path);
    truncateSync(path, 600);
    return path;
  },
  unsupportedVersion(path: string): string {
    writeTinyModel(path);
    return overwrite(path, 4, Buffer.from([99, 0, 0, 0]));
  },
  /** A sound header whose tensors do not fit each other: only llama.cpp notices. */
  corrupt(path: string): string {
    writeTinyModel(path);
    const at = readFileSync(path).indexOf('llama.feed_forward_length');
    return overwrite(path, at + 'llama.feed_forward_length'.length + 4, Buffer.from([7, 0, 0, 0]));
  },
};

function overwrite(path: string, at: number, bytes: Buffer): string {
  const fd = openSync(path, 'r+');
  try {
    writeSync(fd, bytes, 0, bytes.length, at);
  } finally {
    closeSync(fd);
  }
  return path;
}

function tinyModel(options: TinyModelOptions): Buffer {
  const { seed = 1, contextLength = 8192, layers = 2, width = 64, endBias = -2 } = options;
  const { kind = options.router === undefined ? 'chat' : 'embedding' } = options;
  const vocabulary = tokens(endBias);
  const feedForward = width * 2;
  const metadata = new MetadataWriter();
  metadata.text('general.architecture', 'llama');
  metadata.text('general.name', options.name ?? `tiny-${kind}`);
  metadata.uint32('general.file_type', options.numbers === 'f16' ? 1 : 0);
  metadata.uint32('general.alignment', ALIGNMENT);
  metadata.uint32('llama.context_length', contextLength);
  metadata.uint32('llama.embedding_length', width);
  metadata.uint32('llama.block_count', layers);
  metadata.uint32('llama.feed_forward_length', feedForward);
  metadata.uint32('llama.attention.head_count', width / HEAD_WIDTH);
  metadata.uint32('llama.attention.head_count_kv', width / HEAD_WIDTH);
  metadata.float32('llama.attention.layer_norm_rms_epsilon', 1e-5);
  metadata.uint32('llama.rope.dimension_count', HEAD_WIDTH);
  if (kind === 'embedding') metadata.uint32('llama.pooling_type', 1);
  metadata.text('tokenizer.ggml.model', 'llama');
  metadata.texts(
    'tokenizer.ggml.tokens',
    vocabulary.map(({ text }) => text),
  );
  metadata.floats(
    'tokenizer.ggml.scores',
    vocabulary.map(({ score }) => score),
  );
  metadata.ints(
    'tokenizer.ggml.token_type',
    vocabulary.map((token) => token.kind),
  );
  metadata.uint32('tokenizer.ggml.unknown_token_id', 0);
  metadata.uint32('tokenizer.ggml.bos_token_id', 1);
  metadata.uint32('tokenizer.ggml.eos_token_id', 2);
  metadata.boolean('tokenizer.ggml.add_bos_token', true);
  if (options.router !== undefined) routerMetadata(metadata, options.router, width, seed);
  const { chatTemplate = CHATML } = options;
  if (chatTemplate !== null && kind === 'chat') metadata.text('tokenizer.chat_template', chatTemplate);
  const tensors = weights({ kind, seed, layers, width, feedForward, vocabulary });
  return assemble(metadata, tensors, options.numbers ?? 'f32');
}

function routerMetadata(metadata: MetadataWriter, router: TinyRouter, width: number, seed: number): void {
  const { routes, temperature, maxTokens, format = 'embedding-head-v1', headWidth = width } = router;
  const names = Object.keys(routes);
  const random = normals(seed);
  metadata.text('agentmesh.router.format', format);
  metadata.texts('agentmesh.router.routes', names);
  if (temperature !== undefined) metadata.float32('agentmesh.router.temperature', temperature);
  if (maxTokens !== undefined) metadata.uint32('agentmesh.router.max_tokens', maxTokens);
  if (!router.withoutHead)
    metadata.floats('agentmesh.router.head.weights', Array.from({ length: names.length * headWidth }, random));
  metadata.floats('agentmesh.router.head.biases', Object.values(routes));
}

/** Bytes and printable characters: any text can be read and written. */
function tokens(endBias: number): Token[] {
  const special = (text: string, kind: number, bias: number): Token => ({ text, score: 0, kind, bias });
  const list: Token[] = [
    special('<unk>', UNKNOWN, NEVER),
    special('<s>', CONTROL, NEVER),
    special('</s>', CONTROL, endBias),
    special('<|im_start|>', CONTROL, NEVER),
    special('<|im_end|>', CONTROL, NEVER),
  ];
  for (let byte = 0; byte < 256; byte += 1) {
    const hex = byte.toString(16).toUpperCase().padStart(2, '0');
    list.push({ text: `<0x${hex}>`, score: -1000, kind: BYTE, bias: byte === 10 ? 0 : NEVER });
  }
  // SentencePiece writes a space as U+2581.
  const characters = ['\u2581', ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))];
  for (const text of characters) list.push({ text, score: -10, kind: NORMAL, bias: CLOSING.has(text) ? 2 : 0 });
  return list;
}

interface Tensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly values: Float32Array;
}

interface Shape {
  readonly kind: 'chat' | 'embedding';
  readonly seed: number;
  readonly layers: number;
  readonly width: number;
  readonly feedForward: number;
  readonly vocabulary: readonly Token[];
}

function weights({ kind, seed, layers, width, feedForward, vocabulary }: Shape): Tensor[] {
  const random = normals(seed);
  const size = vocabulary.length;
  const matrix = (name: string, columns: number, rows: number, deviation: number): Tensor => ({
    name,
    dimensions: [columns, rows],
    values: Float32Array.from({ length: columns * rows }, () => random() * deviation),
  });
  const ones = (name: string): Tensor => ({ name, dimensions: [width], values: new Float32Array(width).fill(1) });
  /** Row 0 of what is added to the hidden state is zero, which keeps dimension 0 as the embedding set it. */
  const leavesFirstAlone = (tensor: Tensor): Tensor => {
    tensor.values.fill(0, 0, tensor.dimensions[0]);
    return tensor;
  };
  const embeddings = matrix('token_embd.weight', width, size, 1);
  const output = matrix('output.weight', width, size, 0.4);
  for (const [i, { bias }] of vocabulary.entries()) {
    // Vectors of an embedding model would all be alike if they shared a constant.
    if (kind === 'chat') embeddings.values[i * width] = 4;
    // After the norm dimension 0 is between one and two and a half.
    output.values[i * width] = bias;
  }
  const list: Tensor[] = [embeddings];
  const deviation = 1 / Math.sqrt(width);
  for (let layer = 0; layer < layers; layer += 1) {
    const block = `blk.${layer}`;
    list.push(ones(`${block}.attn_norm.weight`));
    for (const part of ['q', 'k', 'v']) list.push(matrix(`${block}.attn_${part}.weight`, width, width, deviation));
    list.push(leavesFirstAlone(matrix(`${block}.attn_output.weight`, width, width, deviation)));
    list.push(ones(`${block}.ffn_norm.weight`));
    list.push(matrix(`${block}.ffn_gate.weight`, width, feedForward, deviation));
    list.push(matrix(`${block}.ffn_up.weight`, width, feedForward, deviation));
    list.push(leavesFirstAlone(matrix(`${block}.ffn_down.weight`, feedForward, width, deviation)));
  }
  list.push(ones('output_norm.weight'), output);
  return list;
}

/** Normally distributed numbers from a seed (mulberry32, Box and Muller). */
function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

function assemble(metadata: MetadataWriter, tensors: readonly Tensor[], numbers: 'f32' | 'f16'): Buffer {
  const header = new ByteWriter();
  header.raw(Buffer.from('GGUF'));
  header.uint32(3);
  header.uint64(tensors.length);
  header.uint64(metadata.count);
  header.raw(metadata.writer.take());
  const data = new ByteWriter();
  for (const { name, dimensions, values } of tensors) {
    // Norms stay in full precision: llama.cpp multiplies by them as they are.
    const half = numbers === 'f16' && dimensions.length > 1;
    header.text(name);
    header.uint32(dimensions.length);
    for (const dimension of dimensions) header.uint64(dimension);
    header.uint32(half ? 1 : 0);
    header.uint64(data.length);
    data.raw(half ? halves(values) : Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    data.padTo(ALIGNMENT);
  }
  header.padTo(ALIGNMENT);
  return Buffer.concat([header.take(), data.take()]);
}

function halves(values: Float32Array): Buffer {
  const buffer = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) buffer.writeUInt16LE(half(value), i * 2);
  return buffer;
}

const scratch = new DataView(new ArrayBuffer(4));

/** The IEEE 754 half nearest to zero side of the value; small values become zero. */
function half(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  if (exponent <= 0) return sign;
  if (exponent >= 31) return sign | 0x7bff;
  return sign | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}

/** Little-endian values one after the other. */
class ByteWriter {
  readonly #parts: Buffer[] = [];
  length = 0;

  raw(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  uint32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.raw(bytes);
  }

  uint64(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.raw(bytes);
  }

  float32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    this.raw(bytes);
  }

  text(value: string): void {
    const bytes = Buffer.from(value);
    this.uint64(bytes.length);
    this.raw(bytes);
  }

  padTo(alignment: number): void {
    this.raw(Buffer.alloc((alignment - (this.length % alignment)) % alignment));
  }

  take(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** The key and value pairs of a GGUF header. */
class MetadataWriter {
  readonly writer = new ByteWriter();
  count = 0;

  #key(key: string, type: number): void {
    this.count += 1;
    this.writer.text(key);
    this.writer.uint32(type);
  }

  uint32(key: string, value: number): void {
    this.#key(key, 4);
    this.writer.uint32(value);
  }

  float32(key: string, value: number): void {
    this.#key(key, 6);
    this.writer.float32(value);
  }

  boolean(key: string, value: boolean): void {
    this.#key(key, 7);
    this.writer.raw(Buffer.from([value ? 1 : 0]));
  }

  text(key: string, value: string): void {
    this.#key(key, 8);
    this.writer.text(value);
  }

  #array(key: string, type: number, length: number): void {
    this.#key(key, 9);
    this.writer.uint32(type);
    this.writer.uint64(length);
  }

  texts(key: string, values: readonly string[]): void {
    this.#array(key, 8, values.length);
    for (const value of values) this.writer.text(value);
  }

  floats(key: string, values: readonly number[]): void {
    this.#array(key, 6, values.length);
    for (const value of values) this.writer.float32(value);
  }

  /** Not negative. */
  ints(key: string, values: readonly number[]): void {
    this.#array(key, 5, values.length);
    for (const value of values) this.writer.uint32(value);
  }
}
