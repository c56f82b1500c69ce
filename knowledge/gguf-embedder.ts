/**
 * Vectors from an embedding model in a GGUF file, by llama.cpp in this process.
 *
 * Owns the life of the model and how a text is fitted to it. Does not own llama.cpp (`gguf-models/llama.ts`) or what a file
 * says of itself (`gguf-models/gguf.ts`).
 *
 * 1. Nothing is loaded before the first text. A file that is missing, cut off or foreign fails with one line, at every
 *    call anew: a model that was put right is used without a restart.
 * 2. Questions are embedded one after the other, passages on as many contexts as there are cores, so memory is bounded. A
 *    process that only searches has one context.
 * 3. Of a passage the beginning is embedded, where it says what it is about: a whole one costs two to four times as much.
 *    How much of it is part of the space, so that what was cut otherwise is not compared.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { LlamaEmbeddingContext, LlamaModel } from 'node-llama-cpp';
import { type GgufInfo, readGgufInfo } from '../gguf-models/gguf.ts';
import { loadLlama, type ModelLog, threadsFor } from '../gguf-models/llama.ts';
import { type Embedder, normalize, type Purpose } from './embedder.ts';
import { KnowledgeError } from './port.ts';

/** A chunk has some 350 tokens; a longer context costs memory and gains nothing. */
const CONTEXT_TOKENS_MAX = 512;
/** docs/knowledge.md has what more of a passage costs and gains. */
const PASSAGE_TOKENS_DEFAULT = 128;
/** Room for the tokens that open and close a text. */
const CONTEXT_TOKENS_SPARE = 8;
/** No token is shorter than a character, and few are longer than this many; more is not even looked at. */
const TOKEN_CHARS_MAX = 32;
/** The beginning and the end of a file tell it from another with the same name and size. */
const FINGERPRINT_BYTES = 1 << 16;

/** Families of models that were trained with a word about the purpose before each text, by name or architecture. */
const PREFIXES: readonly (readonly [family: RegExp, Readonly<Record<Purpose, string>>])[] = [
  [/nomic/i, { passage: 'search_document: ', query: 'search_query: ' }],
  [/\be5\b/i, { passage: 'passage: ', query: 'query: ' }],
  [
    /mxbai|bge-.*-en\b|arctic-embed/i,
    { passage: '', query: 'Represent this sentence for searching relevant passages: ' },
  ],
];
const NO_PREFIX: Readonly<Record<Purpose, string>> = { passage: '', query: '' };

interface Loaded {
  readonly model: LlamaModel;
  /** The first answers questions; the others are made when passages are embedded. */
  readonly contexts: LlamaEmbeddingContext[];
  readonly contextSize: number;
  readonly prefixes: Readonly<Record<Purpose, string>>;
}

export interface GgufEmbedderOptions {
  /** Tokens of a passage that are embedded, its path and heading included. */
  readonly passageTokens?: number;
}

export function ggufEmbedder(path: string, log: ModelLog, options: GgufEmbedderOptions = {}): Embedder {
  const { passageTokens = PASSAGE_TOKENS_DEFAULT } = options;
  let loading: Promise<Loaded> | undefined;
  let space: Promise<string> | undefined;
  const loaded = (): Promise<Loaded> => {
    loading ??= load(path, log).catch((error: unknown) => {
      loading = undefined;
      throw asEmbedderError(error);
    });
    return loading;
  };
  return {
    name: basename(path).replace(/\.gguf$/i, ''),
    space() {
      space ??= spaceOf(path, passageTokens).catch((error: unknown) => {
        space = undefined;
        throw asEmbedderError(error);
      });
      return space;
    },
    knowsMeaning: true,
    async embed(texts, purpose, signal) {
      const { model, contexts, contextSize, prefixes } = await loaded();
      const room = contextSize - CONTEXT_TOKENS_SPARE;
      const tokensMax = purpose === 'passage' ? Math.min(passageTokens, room) : room;
      const tokensOf = (text: string) =>
        model.tokenize(`${prefixes[purpose]}${text}`.slice(0, tokensMax * TOKEN_CHARS_MAX)).slice(0, tokensMax);
      if (purpose === 'passage') await addContexts(model, contexts, contextSize, texts.length);
      const lanes = purpose === 'passage' ? contexts : contexts.slice(0, 1);
      return inLanes(lanes, texts, async (context, text) => {
        signal?.throwIfAborted();
        return vectorOf(context, tokensOf(text), model.embeddingVectorSize);
      });
    },
    async close() {
      const opened = await loading?.catch(() => undefined);
      loading = undefined;
      for (const context of opened?.contexts ?? []) await context.dispose();
      await opened?.model.dispose();
    },
  };
}

/** Results in the order of the items, each lane taking the next item when it is done with one. @throws the first error */
async function inLanes<L, T, R>(
  lanes: readonly L[],
  items: readonly T[],
  work: (lane: L, item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const next = items.entries();
  const ended = await Promise.allSettled(
    lanes.map(async (lane) => {
      for (const [at, item] of next) results[at] = await work(lane, item);
    }),
  );
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
  return results;
}

/** One of a thread for each core that the first context leaves free; for few texts none. */
async function addContexts(
  model: LlamaModel,
  contexts: LlamaEmbeddingContext[],
  contextSize: number,
  texts: number,
): Promise<void> {
  const wanted = Math.min(1 + threadsFor(undefined) - threads(), texts);
  while (contexts.length < wanted) {
    const making = model.createEmbeddingContext({ contextSize, batchSize: contextSize, threads: 1 });
    contexts.push(await making.catch((error: unknown) => Promise.reject(asEmbedderError(error))));
  }
}

async function vectorOf(
  context: LlamaEmbeddingContext,
  tokens: ReturnType<LlamaModel['tokenize']>,
  dimension: number,
): Promise<Float32Array> {
  if (tokens.length === 0) return new Float32Array(dimension);
  try {
    const { vector } = await context.getEmbeddingFor(tokens);
    return normalize(Float32Array.from(vector));
  } catch (error) {
    throw asEmbedderError(error);
  }
}

async function load(path: string, log: ModelLog): Promise<Loaded> {
  const info = await readGgufInfo(path);
  const llama = await loadLlama({ log });
  const model = await llama.loadModel({ modelPath: path });
  try {
    const contextSize = Math.min(info.contextLength ?? CONTEXT_TOKENS_MAX, CONTEXT_TOKENS_MAX);
    // A model that looks both ways needs the whole text in one batch.
    const context = await model.createEmbeddingContext({ contextSize, batchSize: contextSize, threads: threads() });
    return { model, contexts: [context], contextSize, prefixes: prefixesOf(info, path) };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

/**
 * Half the cores: threads of llama.cpp spin while they wait for each other, and on a machine that does something else as
 * well, one thread too many makes a text of 60 ms take a second.
 */
function threads(): number {
  return Math.max(1, Math.floor(threadsFor(undefined) / 2));
}

function prefixesOf(info: GgufInfo, path: string): Readonly<Record<Purpose, string>> {
  const names = [info.architecture, info.name ?? '', basename(path)].join(' ');
  return PREFIXES.find(([family]) => family.test(names))?.[1] ?? NO_PREFIX;
}

/** The file's name, size, beginning and end, without reading all of it; of a file that is sound as far as can be seen. */
async function spaceOf(path: string, passageTokens: number): Promise<string> {
  const { bytes } = await readGgufInfo(path);
  const file = await open(path, 'r');
  try {
    const hash = createHash('sha256').update(String(bytes));
    for (const position of [0, Math.max(0, bytes - FINGERPRINT_BYTES)]) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(FINGERPRINT_BYTES), 0, FINGERPRINT_BYTES, position);
      hash.update(buffer.subarray(0, bytesRead));
    }
    return `${basename(path)}:${hash.digest('hex').slice(0, 16)}:${passageTokens}`;
  } finally {
    await file.close();
  }
}

function asEmbedderError(error: unknown): KnowledgeError {
  if (error instanceof KnowledgeError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new KnowledgeError('embedder', `the embedding model cannot be used: ${reason}`, { cause: error });
}
