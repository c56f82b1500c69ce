/**
 * A GGUF in this process. Owns: opening it with the prompt that its metadata asks for, one context for all decisions,
 * and their order. Does not own: the prompts, the time limit, what happens when it fails.
 */
import type { LlamaModel } from 'node-llama-cpp';
import { readGgufInfo } from '../../gguf-models/gguf.ts';
import { loadLlama, type ModelLog } from '../../gguf-models/llama.ts';
import { Semaphore, SemaphoreFull } from '../../resilience/semaphore.ts';
import type { RouteEngine, RouteOption, Weighing } from '../port.ts';
import { RouteEngineError } from '../port.ts';
import { type Background, readBackground } from './background.ts';
import { middleOf, residueOf, undescribedBy, withDescribed } from './described.ts';
import { createEmbeddingHeadPrompt } from './embedding-head.ts';
import { createInstructPrompt } from './instruct.ts';
import { type ModelFormat, modelFormat } from './model-format.ts';

export interface EmbeddedOptions {
  readonly path: string;
  readonly options: readonly RouteOption[];
  /** Threads of an evaluation; a decision is small, and others need the cores. */
  readonly threads: number;
  readonly log: ModelLog;
}

export interface EmbeddedEngine extends RouteEngine {
  readonly format: ModelFormat['kind'];
  /** general.name of the model, or its file. */
  readonly model: string;
  close(): Promise<void>;
}

/** More would be answered long after anybody waited. */
const WAITING_MAX = 64;
const WARM_UP = 'Hello?';
/** Beside the query: what opens and closes it, and one that the context keeps free. */
const EMBEDDING_EXTRA = 8;
/** Beside the query: instructions, routes with their tags, and the answer. */
const INSTRUCT_EXTRA = 2048;

/** @throws ModelError, ModelFormatError */
export async function openEmbeddedEngine({ path, options, threads, log }: EmbeddedOptions): Promise<EmbeddedEngine> {
  const info = await readGgufInfo(path);
  const format = modelFormat(info);
  const llama = await loadLlama({ log });
  const model = await llama.loadModel({ modelPath: path });
  try {
    const weigh = await weighing(model, format, { path, options, threads, log });
    // The first evaluation reads the weights in, and shows that there is one; nobody should have to wait for it.
    await weigh(WARM_UP, [], new AbortController().signal);
    const queue = new Semaphore(1, WAITING_MAX);
    return {
      ...{ name: 'embedded', format: format.kind, model: info.name ?? path },
      get waiting() {
        return queue.running + queue.waiting;
      },
      weigh: (query, roles, signal) => queue.run(() => weigh(query, roles, signal), signal).catch(named),
      async close() {
        await queue.idle();
        await model.dispose();
      },
    };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

type Weigh = RouteEngine['weigh'];

/** With the one context that all decisions share. */
async function weighing(
  model: LlamaModel,
  format: ModelFormat,
  { path, options, threads, log }: EmbeddedOptions,
): Promise<Weigh> {
  if (format.kind === 'embedding-head') {
    const prompt = createEmbeddingHeadPrompt(model, format);
    const contextSize = format.maxTokens + EMBEDDING_EXTRA;
    // A model that looks both ways needs the whole query in one batch.
    const context = await model.createEmbeddingContext({ contextSize, threads, batchSize: contextSize });
    const background = backgroundOf(path, model.embeddingVectorSize, log);
    const described: { name: string; vector: readonly number[] }[] = [];
    if (background !== null)
      for (const { name, description, examples = [] } of undescribedBy(format.routes, options)) {
        const residues: number[][] = [];
        for (const text of [description, ...examples])
          residues.push(residueOf(await prompt.vectorOf(text, context), background));
        described.push({ name, vector: middleOf(residues) });
      }
    return async (query) => {
      const vector = await prompt.vectorOf(query, context);
      const own = prompt.weigh(vector);
      return background === null ? own : withDescribed(own, vector, described, background);
    };
  }
  const contextSize = format.maxTokens + INSTRUCT_EXTRA;
  const context = await model.createContext({ contextSize, threads, batchSize: Math.min(512, contextSize) });
  const sequence = context.getSequence();
  const prompt = await createInstructPrompt(model, options, format.maxTokens);
  return (query, roles, signal) => prompt.weigh(query, roles, sequence, signal);
}

/** Without it the model's own routes are found as ever. */
function backgroundOf(path: string, width: number, log: ModelLog): Background | null {
  try {
    return readBackground(path, width);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log.warn(
      { why },
      'workflows of your own are found by wish only: the background of the router model cannot be read',
    );
    return null;
  }
}

function named(error: unknown): Promise<Weighing> {
  if (error instanceof SemaphoreFull)
    throw new RouteEngineError('busy', `decisions: ${error.message}`, { cause: error });
  throw error;
}
