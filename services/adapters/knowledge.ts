/**
 * The knowledge base from the settings. Owns: which parts it has, when it is opened, and what is said of it. Does not own:
 * a store or a model.
 */
import { hash } from 'node:crypto';
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { RuntimeLog } from '../../actors/runtime/ports.ts';
import { meshFolder, type Settings } from '../../config/settings.ts';
import type { Embedder } from '../../knowledge/embedder.ts';
import { ggufEmbedder } from '../../knowledge/gguf-embedder.ts';
import { hashedEmbedder } from '../../knowledge/hashed-embedder.ts';
import { type KnowledgeBase, openKnowledgeBase } from '../../knowledge/knowledge-base.ts';
import type { KnowledgeStore } from '../../knowledge/port.ts';
import type { Breakers } from '../../resilience/breakers.ts';
import type { Part, PartStatus } from './part.ts';

/** What a library says on the way does not belong between the lines of a command. */
const silent = (): void => undefined;
const noLog: RuntimeLog = { debug: silent, info: silent, warn: silent, error: silent };

/** For the command line, which asks once and has no breakers. */
export function openKnowledge(settings: Settings): KnowledgeBase {
  return openKnowledgeBase({
    path: settings.MESH_KNOWLEDGE_PATH,
    embedder: embedderOf(settings, noLog),
    chroma: chromaOf(settings),
  });
}

/** Opened at its first use: a process may start before the index exists. */
export function knowledgePart(settings: Settings, log: RuntimeLog, breakers: Breakers): Part<() => KnowledgeStore> {
  const embedder = embedderOf(settings, log);
  const chroma = chromaOf(settings);
  const problem = currentProblem(log);
  const nativeMemoryMb = embedderMemoryMb(settings);
  let opened: KnowledgeBase | undefined;
  let checked = false;
  const open = (): KnowledgeBase => {
    const guard = breakers.run.bind(breakers);
    const base = openKnowledgeBase({ path: settings.MESH_KNOWLEDGE_PATH, embedder, chroma, guard });
    if (base.setAside)
      log.warn(base.setAside, 'the knowledge base was unreadable and was set aside; run ./mesh index again');
    return base;
  };
  /** A model that cannot be used is told before somebody searches. Only of the process that has this part. */
  const checkOnce = (): void => {
    if (checked) return;
    checked = true;
    embedder?.space().catch((error: unknown) => problem.set(error instanceof Error ? error.message : String(error)));
  };
  return {
    port: () => {
      opened ??= open();
      return telling(opened, problem.set);
    },
    status(): PartStatus {
      checkOnce();
      const capabilities = capabilitiesOf(embedder, chroma);
      return { capabilities, capacity: { nativeMemoryMb }, problems: problem.list() };
    },
    close: async () => opened?.close(),
  };
}

function embedderOf(settings: Settings, log: RuntimeLog): Embedder | null {
  const path = settings.EMBEDDING_MODEL_PATH;
  if (path === undefined) return null;
  return ggufEmbedder(resolve(meshFolder(), path), log, { passageTokens: settings.EMBEDDING_PASSAGE_TOKENS });
}

/** The file, as much again for what llama.cpp unpacks, and its buffers. */
const EMBEDDER_SHARE = 2;
const EMBEDDER_BUFFERS_MB = 128;
const MIB = 1_048_576;

/** What the embedding model may need outside of the heap, MiB; known before it is loaded. */
function embedderMemoryMb({ EMBEDDING_MODEL_PATH: path }: Settings): number {
  if (path === undefined) return 0;
  const file = statSync(resolve(meshFolder(), path), { throwIfNoEntry: false });
  return file === undefined ? 0 : Math.round((file.size / MIB) * EMBEDDER_SHARE + EMBEDDER_BUFFERS_MB);
}

/** Records on a shared server are told apart by the machine and the file they come from. */
function chromaOf(settings: Settings): { url: string; source: string } | null {
  if (settings.CHROMA_URL === undefined) return null;
  const place = `${settings.MESH_HOST_ID ?? hostname()}\0${settings.MESH_KNOWLEDGE_PATH}`;
  return { url: settings.CHROMA_URL, source: hash('sha256', place).slice(0, 16) };
}

function capabilitiesOf(embedder: Embedder | null, chroma: object | null): string[] {
  const lexical = chroma === null ? 'lexical' : hashedEmbedder().name;
  return ['store:sqlite', ...(chroma === null ? [] : ['store:chroma']), `embedder:${embedder?.name ?? lexical}`];
}

/** Logged when it begins, when it changes and when it ends; not at every search. */
function currentProblem(log: RuntimeLog) {
  let current: string | null = null;
  return {
    set(problem: string | null): void {
      // A refusal of the breaker says when it will try again, which changes by the second and is no news.
      const isNews = problem !== current && !(current !== null && problem?.startsWith('knowledge:') === true);
      if (!isNews) return;
      current = problem;
      if (problem === null) log.info({}, 'the knowledge base is searched with vectors again');
      else log.warn({ problem }, 'the knowledge base is searched by words alone');
    },
    list: (): string[] => (current === null ? [] : [`knowledge by words alone: ${current}`]),
  };
}

function telling(store: KnowledgeStore, tell: (problem: string | null) => void): KnowledgeStore {
  return {
    ...store,
    async search(query, options) {
      const result = await store.search(query, options);
      tell(result.problem);
      return result;
    },
  };
}
