/**
 * Vectors and passages on a Chroma server, which several machines may share.
 *
 * Owns the form of the records, and making them follow the lexical index. Does not own the lexical index, and never
 * holds the only copy of anything.
 *
 * 1. A collection holds vectors of one space; its name is made from the space. Our records leave the collections of
 *    other spaces at the next sync, and a collection that is empty then is removed.
 * 2. Records name their source, the knowledge base they came from. A source changes its own records alone; a search sees
 *    those of all.
 * 3. The record of a file's first chunk is written last and removed with the others. A file is complete on the server
 *    when that record is there with the file's hash; anything else is written again. So what a crash left half-done,
 *    what was deleted and what somebody else removed is found by comparing, without any book-keeping here.
 * 4. Nothing is kept from call to call: a server that was replaced by an empty one is just out of date.
 */
import { createHash } from 'node:crypto';
import type { Collection, Metadata, Where } from 'chromadb';
import type { Passage } from '../schemas/events/generated.ts';
import type { Embedder } from './embedder.ts';
import { KnowledgeError } from './port.ts';
import {
  type ChunkSource,
  EMBED_BATCH,
  type IndexedChunk,
  type IndexedFile,
  type SyncOptions,
  textToEmbed,
  type VectorIndex,
  type VectorSummary,
} from './vectors.ts';

const NAME_PREFIX = 'agent-mesh-';
/** Time one search may take: longer than any healthy server needs, short enough to fall back in time. */
const SEARCH_TIMEOUT_MS = 3_000;
/** Time one request of a sync may take; it may write a hundred passages. */
const SYNC_TIMEOUT_MS = 30_000;
/** Records read at a time. */
const PAGE = 500;
/** Records written at a time, well below what a server accepts. */
const WRITE_MAX = 100;

export interface ChromaOptions {
  /** `http://host:port`, without a path. */
  readonly url: string;
  /** Names the knowledge base that records come from, the same one after a restart. */
  readonly source: string;
}

export function chromaVectors({ url, source }: ChromaOptions): VectorIndex {
  return {
    name: 'chroma',
    async sync(chunks, embedder, options = {}): Promise<VectorSummary> {
      const space = await embedder.space();
      const server = connection(url, SYNC_TIMEOUT_MS, options.signal);
      return translated(server, options.signal, () => syncAll({ server, source, chunks, embedder, space, options }));
    },
    nearest(vector, space, limit, signal) {
      const server = connection(url, SEARCH_TIMEOUT_MS, signal);
      return translated(server, signal, async () => {
        const collection = await server.open(space);
        const found = await collection.query({
          queryEmbeddings: [[...vector]],
          nResults: limit,
          include: ['documents', 'metadatas', 'distances'],
        });
        return (found.rows()[0] ?? []).flatMap((row) => toPassage(row) ?? []);
      });
    },
  };
}

interface Connection {
  readonly url: string;
  /** Whether the latest request took longer than it may; the client says only that there was no connection. */
  timedOut(): boolean;
  open(space: string): Promise<Collection>;
  /** Our collections of other spaces. */
  others(space: string): Promise<Collection[]>;
  drop(name: string): Promise<void>;
}

/** A client for each request, since a time limit belongs to the client; it holds no connection of its own. */
function connection(url: string, timeoutMs: number, signal?: AbortSignal): Connection {
  let limit: AbortSignal | undefined;
  const client = async () => {
    const { ChromaClient } = await import('chromadb');
    const { protocol, hostname, port } = new URL(url);
    const ssl = protocol === 'https:';
    limit = AbortSignal.timeout(timeoutMs);
    return new ChromaClient({
      host: hostname,
      port: port === '' ? (ssl ? 443 : 80) : Number(port),
      ssl,
      fetchOptions: { signal: signal === undefined ? limit : AbortSignal.any([limit, signal]) },
    });
  };
  return {
    url,
    timedOut: () => limit?.aborted === true,
    open: async (space) =>
      (await client()).getOrCreateCollection({
        name: collectionName(space),
        metadata: { space },
        embeddingFunction: null,
        configuration: { hnsw: { space: 'cosine' } },
      }),
    async others(space) {
      const all = await (await client()).listCollections({ limit: PAGE });
      return all.filter(({ name }) => name.startsWith(NAME_PREFIX) && name !== collectionName(space));
    },
    drop: async (name) => (await client()).deleteCollection({ name }),
  };
}

/** Chroma allows 3 to 512 letters, digits, dots, dashes and underscores. */
function collectionName(space: string): string {
  return NAME_PREFIX + createHash('sha256').update(space).digest('hex').slice(0, 16);
}

interface Sync {
  readonly server: Connection;
  readonly source: string;
  readonly chunks: ChunkSource;
  readonly embedder: Embedder;
  readonly space: string;
  readonly options: SyncOptions;
}

async function syncAll(sync: Sync): Promise<VectorSummary> {
  const { server, source, chunks, space, options } = sync;
  for (const other of await server.others(space)) await leave(server, other, source);
  const stored = await storedFiles(await server.open(space), source);
  const local = chunks.files();
  const gone = [...stored.keys()].filter((path) => !local.some((file) => file.path === path));
  for (const path of gone) await (await server.open(space)).delete({ where: ofFile(source, path) });
  const behind = local.filter(({ path, hash }) => stored.get(path) !== hash);
  let embedded = 0;
  for (const [index, file] of behind.entries()) {
    options.signal?.throwIfAborted();
    embedded += await writeFile(sync, file);
    options.onProgress?.(index + 1, behind.length, file.path);
  }
  return { embedded };
}

async function leave(server: Connection, collection: Collection, source: string): Promise<void> {
  const mine = await collection.get({ where: { source }, limit: 1, include: [] });
  if (mine.ids.length > 0) await collection.delete({ where: { source } });
  if ((await collection.count()) === 0) await server.drop(collection.name);
}

/** Path and hash of the files that are complete on the server. */
async function storedFiles(collection: Collection, source: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const where: Where = { $and: [{ source }, { ordinal: 0 }] };
  for (let offset = 0; ; offset += PAGE) {
    const { metadatas } = await collection.get({ where, include: ['metadatas'], limit: PAGE, offset });
    for (const metadata of metadatas) {
      if (typeof metadata?.path === 'string') files.set(metadata.path, String(metadata.hash));
    }
    if (metadatas.length < PAGE) return files;
  }
}

function ofFile(source: string, path: string): Where {
  return { $and: [{ source }, { path }] };
}

async function writeFile(
  { server, source, chunks, embedder, space, options }: Sync,
  file: IndexedFile,
): Promise<number> {
  const all = chunks.chunksOf(file.path);
  const collection = await server.open(space);
  await collection.delete({ where: ofFile(source, file.path) });
  // From the last to the first, so that the first chunk, which says that the file is complete, comes last.
  const open = all.map((chunk, ordinal) => ({ chunk, ordinal })).reverse();
  while (open.length > 0) {
    const batch = open.splice(0, WRITE_MAX);
    const embeddings: number[][] = [];
    for (let at = 0; at < batch.length; at += EMBED_BATCH) {
      const texts = batch.slice(at, at + EMBED_BATCH).map(({ chunk }) => textToEmbed(chunk));
      for (const vector of await embedder.embed(texts, 'passage', options.signal)) embeddings.push([...vector]);
    }
    await (await server.open(space)).upsert({
      ids: batch.map(({ ordinal }) => recordId(source, file.path, ordinal)),
      embeddings,
      documents: batch.map(({ chunk }) => chunk.text),
      metadatas: batch.map(({ chunk, ordinal }) => toMetadata(chunk, { source, hash: file.hash, ordinal })),
    });
  }
  return all.length;
}

function recordId(source: string, path: string, ordinal: number): string {
  return createHash('sha256').update(`${source}\0${path}\0${ordinal}`).digest('hex').slice(0, 32);
}

function toMetadata(chunk: IndexedChunk, extra: { source: string; hash: string; ordinal: number }): Metadata {
  const { path, heading, startLine, endLine, kind, language } = chunk;
  return { path, heading, startLine, endLine, kind, language, ...extra };
}

interface Row {
  readonly document?: string | null | undefined;
  readonly metadata?: Metadata | null | undefined;
  readonly distance?: number | null | undefined;
}

/** Null for a record that is not in our form: somebody else wrote to our collection. */
function toPassage({ document, metadata, distance }: Row): Passage | null {
  if (typeof document !== 'string' || !metadata) return null;
  const { path, heading, startLine, endLine, kind, language } = metadata;
  if (typeof path !== 'string' || typeof startLine !== 'number' || typeof endLine !== 'number') return null;
  if (kind !== 'markdown' && kind !== 'text' && kind !== 'code') return null;
  return {
    id: `${path}:${startLine}`,
    path,
    heading: typeof heading === 'string' ? heading : '',
    startLine,
    endLine,
    text: document,
    kind,
    language: typeof language === 'string' ? language : '',
    score: Math.round((1 - (distance ?? 1)) * 1e6) / 1e6,
  };
}

/** Whatever the client or the network throws becomes an error of the port. */
async function translated<T>(server: Connection, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof KnowledgeError) throw error;
    const reason = server.timedOut() ? 'did not answer in time' : reasonOf(error);
    throw new KnowledgeError('vectors', `Chroma at ${server.url} ${reason}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `failed: ${String(error)}`;
  if (error.name === 'ChromaConnectionError') return 'cannot be reached';
  // The client makes text of an error's body, which in Chroma's own form it is.
  if (error.message === String({})) return 'refused in a form that is not Chroma’s: is it another server’s address?';
  return `refused: ${error.message.replace(/\s+/g, ' ').slice(0, 200)}`;
}
