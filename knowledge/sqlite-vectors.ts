/**
 * Vectors in the knowledge base's own SQLite file, compared by sqlite-vec.
 *
 * Owns the statements on `vectors` and `vector_space`. Does not own the tables (`sqlite-database.ts`); a vector leaves
 * with its chunk, in the same transaction (`sqlite-catalog.ts`).
 *
 * 1. All vectors are of one space. Those of another are removed before the first of the new one is written.
 * 2. Every vector is compared: exact, and quick enough for the size a knowledge base has on one machine
 *    (docs/knowledge.md has the figures). The extension is loaded at the first comparison.
 */
import type Database from 'better-sqlite3';
import type { Passage } from '../schemas/events/generated.ts';
import { KnowledgeError } from './port.ts';
import { translated } from './sqlite-errors.ts';
import { PASSAGE_ID, shorten } from './sqlite-search.ts';
import {
  type ChunkSource,
  EMBED_BATCH,
  type IndexedChunk,
  type IndexedFile,
  textToEmbed,
  type VectorIndex,
  type VectorSummary,
} from './vectors.ts';

const CHUNK_COLUMNS = `chunks.id AS rowid, ${PASSAGE_ID} AS id, shown_path AS path, kind, language,
  heading, start_line AS startLine, end_line AS endLine, text`;

export function sqliteChunkSource(db: Database.Database): ChunkSource {
  const files = db.prepare<[], IndexedFile>('SELECT shown_path AS path, hash FROM files ORDER BY shown_path');
  const chunks = db.prepare<[string], IndexedChunk>(
    `SELECT ${CHUNK_COLUMNS} FROM chunks JOIN files ON files.id = file_id WHERE shown_path = ? ORDER BY ordinal`,
  );
  const held = db.prepare<[string], number>('SELECT 1 FROM files WHERE shown_path = ?').pluck();
  return {
    files: () => translated(() => files.all()),
    holds: (path) => translated(() => held.get(path) !== undefined),
    chunksOf: (path) => translated(() => chunks.all(path)),
  };
}

interface Space {
  name: string;
  embedder: string;
  dimension: number;
}

export function sqliteVectors(db: Database.Database): VectorIndex {
  const rows = prepareRows(db);
  const transaction = <T>(work: () => T): T => translated(() => db.transaction(work).immediate());
  let compare: Comparison | undefined;
  return {
    name: 'sqlite-vec',
    async sync(_source, embedder, options = {}): Promise<VectorSummary> {
      const space = await embedder.space();
      const total = translated(
        () => (rows.space.get()?.name === space ? rows.pendingCount : rows.chunkCount).get() ?? 0,
      );
      let embedded = 0;
      while (embedded < total) {
        const pending = translated(() =>
          (rows.space.get()?.name === space ? rows.pending : rows.first).all(EMBED_BATCH),
        );
        if (pending.length === 0) break;
        const vectors = await embedder.embed(pending.map(textToEmbed), 'passage', options.signal);
        transaction(() => write(rows, { space, embedder: embedder.name }, pending, vectors));
        embedded += pending.length;
        options.onProgress?.(Math.min(embedded, total), total, pending.at(-1)?.path ?? '');
      }
      return { embedded };
    },
    missing() {
      return translated(() => ({ missing: rows.pendingCount.get() ?? 0, total: rows.chunkCount.get() ?? 0 }));
    },
    async nearest(vector, space, limit, signal) {
      signal?.throwIfAborted();
      const stored = translated(() => rows.space.get());
      if (stored === undefined) throw staleError('no passage has a vector yet');
      if (stored.name !== space) throw staleError(`the index holds vectors of ${stored.embedder}`);
      compare ??= await loadComparison(db);
      return translated(() => compare?.all(bytesOf(vector), limit) ?? []).map(toPassage);
    },
  };
}

function staleError(what: string): KnowledgeError {
  return new KnowledgeError(
    'vectors-stale',
    `${what}; run \`mesh index\` to embed it with the model that is configured`,
  );
}

type Rows = ReturnType<typeof prepareRows>;

function prepareRows(db: Database.Database) {
  const chunks = `SELECT ${CHUNK_COLUMNS} FROM chunks JOIN files ON files.id = file_id`;
  const isPending = 'NOT EXISTS (SELECT 1 FROM vectors WHERE chunk_id = chunks.id)';
  return {
    space: db.prepare<[], Space>('SELECT name, embedder, dimension FROM vector_space'),
    setSpace: db.prepare<[string, string, number]>(
      `INSERT INTO vector_space (id, name, embedder, dimension) VALUES (1, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, embedder = excluded.embedder, dimension = excluded.dimension`,
    ),
    removeAll: db.prepare<[]>('DELETE FROM vectors'),
    chunkCount: db.prepare<[], number>('SELECT count(*) FROM chunks').pluck(),
    pendingCount: db.prepare<[], number>(`SELECT count(*) FROM chunks WHERE ${isPending}`).pluck(),
    first: db.prepare<[number], IndexedChunk>(`${chunks} ORDER BY chunks.id LIMIT ?`),
    pending: db.prepare<[number], IndexedChunk>(`${chunks} WHERE ${isPending} ORDER BY chunks.id LIMIT ?`),
    // A chunk may have gone while its vector was made.
    add: db.prepare<[number, Buffer, number]>(
      'INSERT OR REPLACE INTO vectors (chunk_id, embedding) SELECT ?, ? WHERE EXISTS (SELECT 1 FROM chunks WHERE id = ?)',
    ),
  };
}

function write(
  rows: Rows,
  { space, embedder }: { space: string; embedder: string },
  chunks: readonly IndexedChunk[],
  vectors: readonly Float32Array[],
): void {
  const dimension = vectors[0]?.length ?? 0;
  const stored = rows.space.get();
  if (stored?.name !== space || stored.dimension !== dimension) {
    rows.removeAll.run();
    rows.setSpace.run(space, embedder, dimension);
  }
  chunks.forEach(({ rowid }, index) => {
    const vector = vectors[index];
    if (vector?.length !== dimension) throw new KnowledgeError('embedder', `${embedder} gave vectors of two lengths`);
    rows.add.run(rowid, bytesOf(vector), rowid);
  });
}

interface NearChunk extends IndexedChunk {
  distance: number;
}

type Comparison = Database.Statement<[Buffer, number], NearChunk>;

async function loadComparison(db: Database.Database): Promise<Comparison> {
  try {
    const { load } = await import('sqlite-vec');
    load(db);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KnowledgeError('vectors', `sqlite-vec cannot be loaded on this machine: ${reason}`, { cause: error });
  }
  return db.prepare<[Buffer, number], NearChunk>(
    `SELECT ${CHUNK_COLUMNS}, distance FROM (
       SELECT chunk_id, vec_distance_l2(embedding, ?) AS distance FROM vectors ORDER BY distance, chunk_id LIMIT ?)
     JOIN chunks ON chunks.id = chunk_id JOIN files ON files.id = file_id ORDER BY distance, chunks.id`,
  );
}

/** Of vectors of length 1 the distance tells the cosine, gives the same order and takes a third of the time. */
function toPassage({ distance, rowid: _rowid, ...passage }: NearChunk): Passage {
  const cosine = 1 - distance ** 2 / 2;
  return { ...passage, text: shorten(passage.text), score: Math.round(cosine * 1e6) / 1e6 };
}

/** Little-endian floats, as sqlite-vec reads them. */
function bytesOf(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}
