/**
 * The models of this machine: files, what an Ollama has, and what could be fetched. Owns: gathering them, and which
 * setting uses which. Does not own: how the list looks.
 */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { meshFolder, type Settings } from '../config/settings.ts';
import { type CatalogueModel, catalogue } from '../gguf-models/catalogue.ts';
import { ModelError } from '../gguf-models/errors.ts';
import { modelPath, modelsFolder } from '../gguf-models/files.ts';
import { readGgufInfo } from '../gguf-models/gguf.ts';
import { memoryOf } from '../gguf-models/memory.ts';
import { findOllama, type Ollama } from '../services/adapters/ollama.ts';

export interface ModelFile {
  readonly path: string;
  /** Settings that name it. */
  readonly usedBy: readonly string[];
  /** Null when the file cannot be used; `problem` says why. */
  readonly model: {
    readonly name: string | null;
    readonly architecture: string;
    readonly quantisation: string | null;
    readonly parameters: number;
    readonly contextLength: number | null;
    readonly bytes: number;
    /** With the contexts of the settings, about. */
    readonly memoryBytes: number;
  } | null;
  readonly problem: string | null;
}

export interface ModelList {
  readonly folder: string;
  readonly files: readonly ModelFile[];
  readonly ollama: Ollama | null;
  readonly catalogue: readonly (CatalogueModel & { readonly fetched: boolean })[];
}

const MODEL_SETTINGS = ['LLM_MODEL_PATH', 'EMBEDDING_MODEL_PATH', 'ROUTER_MODEL_PATH'] as const;

export async function listModels(settings: Settings): Promise<ModelList> {
  const folder = modelsFolder(settings.MESH_HOME);
  const used = new Map<string, string[]>();
  const paths = new Set<string>();
  for (const setting of MODEL_SETTINGS) {
    const named = settings[setting];
    if (named === undefined) continue;
    const path = modelPath(named, { root: meshFolder(), home: settings.MESH_HOME });
    paths.add(path);
    used.set(real(path), [...(used.get(real(path)) ?? []), setting]);
  }
  const known = new Set([...paths].map(real));
  for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
    const path = join(folder, name);
    if (name.endsWith('.gguf') && !known.has(real(path))) paths.add(path);
  }
  const files: ModelFile[] = [];
  for (const path of paths) files.push(await describe(path, used.get(real(path)) ?? [], settings));
  return {
    ...{ folder, files, ollama: await findOllama(settings.OLLAMA_HOST) },
    catalogue: catalogue.map((model) => ({ ...model, fetched: existsSync(join(folder, fileName(model.url))) })),
  };
}

/** The file under which a model from that address is kept. */
export function fileName(url: string): string {
  return decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');
}

function real(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

async function describe(path: string, usedBy: readonly string[], settings: Settings): Promise<ModelFile> {
  try {
    const info = await readGgufInfo(path);
    const isEmbedding = (info.hyperparameter('pooling_type') ?? 0) > 0;
    const contextSize = Math.min(settings.LLM_CONTEXT_SIZE, info.contextLength ?? settings.LLM_CONTEXT_SIZE);
    const shape = {
      contextSize,
      contexts: isEmbedding ? 1 : settings.LLM_PARALLEL,
      batchSize: settings.LLM_BATCH_SIZE,
    };
    const { name, architecture, quantisation, parameters, contextLength, bytes } = info;
    const memoryBytes = memoryOf(info, shape).total;
    const model = { name, architecture, quantisation, parameters, contextLength, bytes, memoryBytes };
    return { path, usedBy, model, problem: null };
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    return { path, usedBy, model: null, problem: error.message };
  }
}
