/**
 * Brings a GGUF model into memory. Owns: checking it before llama.cpp sees it, the size of its contexts, and turning
 * what goes wrong into one line. Does not own: generating, or when to load.
 *
 * Everything is allocated here: the cache of every context is as large as it will ever be.
 */
import type { ChatWrapper, LlamaContextSequence, LlamaModel } from 'node-llama-cpp';
import { ModelError } from '../../../../../gguf-models/errors.ts';
import { type GgufInfo, readGgufInfo } from '../../../../../gguf-models/gguf.ts';
import { loadLlama, type ModelLog, threadsFor } from '../../../../../gguf-models/llama.ts';
import { contextThatFits, memoryOf } from '../../../../../gguf-models/memory.ts';

export interface LoadOptions {
  readonly modelPath: string;
  readonly threads?: number;
  /** Tokens of one generation, prompt and text. */
  readonly contextSize: number;
  readonly batchSize: number;
  /** Contexts, each for one generation at a time. */
  readonly parallel: number;
  /** What model and contexts may need together, bytes. */
  readonly memoryBytesMax: number;
  readonly log: ModelLog;
}

export interface LoadedModel {
  readonly info: GgufInfo;
  readonly model: LlamaModel;
  readonly sequences: readonly LlamaContextSequence[];
  readonly chatWrapper: ChatWrapper;
  readonly threads: number;
  /** False: the processor does the work. */
  readonly gpu: string | false;
  readonly contextSize: number;
  /** Estimated, bytes. */
  readonly memoryBytes: number;
  readonly cacheBytes: number;
}

const MIB = 1_048_576;

/** @throws ModelError */
export async function loadModel(options: LoadOptions): Promise<LoadedModel> {
  const info = await readGgufInfo(options.modelPath);
  if ((info.hyperparameter('pooling_type') ?? 0) > 0) {
    throw new ModelError(
      'model_unsupported',
      `${info.path} makes vectors, not text; name it in EMBEDDING_MODEL_PATH, and a chat model here`,
    );
  }
  const contextSize = Math.min(options.contextSize, info.contextLength ?? options.contextSize);
  const shape = { contextSize, contexts: options.parallel, batchSize: options.batchSize };
  const memory = memoryOf(info, shape);
  if (memory.total > options.memoryBytesMax) throw tooLarge(info, shape, options.memoryBytesMax);
  const threads = threadsFor(options.threads);
  const llama = await loadLlama({ threads, log: options.log });
  const model = await refusing(options.modelPath, () => llama.loadModel({ modelPath: options.modelPath }));
  try {
    const context = await refusing(options.modelPath, () =>
      model.createContext({
        contextSize,
        sequences: options.parallel,
        batchSize: options.batchSize,
        threads,
        // A smaller context than was asked for would cut prompts that were promised to fit.
        failedCreationRemedy: false,
      }),
    );
    const { resolveChatWrapper } = await import('node-llama-cpp');
    return {
      info,
      model,
      sequences: Array.from({ length: options.parallel }, () => context.getSequence()),
      chatWrapper: resolveChatWrapper(model),
      threads: context.currentThreads,
      gpu: llama.gpu,
      contextSize: context.contextSize,
      memoryBytes: memory.total,
      cacheBytes: memory.cache,
    };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

function tooLarge(info: GgufInfo, shape: Parameters<typeof memoryOf>[1], limit: number): ModelError {
  const mib = (bytes: number): string => `${Math.ceil(bytes / MIB)} MiB`;
  const fits = Math.floor(contextThatFits(info, shape, limit) / 256) * 256;
  const advice =
    fits >= 512
      ? `set LLM_CONTEXT_SIZE=${fits}, or LLM_PARALLEL lower`
      : 'choose a smaller model or a stronger quantisation';
  const { total } = memoryOf(info, shape);
  return new ModelError(
    'model_too_large',
    `${info.path} needs ${mib(total)} with ${shape.contexts} contexts of ${shape.contextSize} tokens, and ${mib(limit)} are allowed; ${advice}`,
  );
}

async function refusing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/\s+/g, ' ').slice(0, 300) : String(error);
    const isMemory = error instanceof Error && /memory|vram/i.test(`${error.name} ${error.message}`);
    throw new ModelError(
      isMemory ? 'model_too_large' : 'model_refused',
      `llama.cpp refuses ${path} (${reason}); ${isMemory ? 'set LLM_CONTEXT_SIZE or LLM_PARALLEL lower' : 'the file may be damaged or of a newer kind: fetch it again, or update'}`,
      { cause: error },
    );
  }
}
