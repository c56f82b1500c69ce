/**
 * The language models from the settings. Owns: which engine is configured, and what it says of itself. Does not own: an
 * engine.
 */

import { totalmem } from 'node:os';
import { join } from 'node:path';
import { attemptMs } from '../../actors/roles/llm/budget.ts';
import type { LlamaEngine, LlamaEngineOptions, LlamaState } from '../../actors/roles/llm/engines/llama/index.ts';
import type { OpenAiOptions } from '../../actors/roles/llm/engines/openai.ts';
import type { LlmEngine } from '../../actors/roles/llm/engines/port.ts';
import type { RolePorts } from '../../actors/roles/ports.ts';
import type { RuntimeLog } from '../../actors/runtime/ports.ts';
import { meshFolder, type Settings } from '../../config/settings.ts';
import { modelPath } from '../../gguf-models/files.ts';
import { createLoadGuard } from '../../gguf-models/load-guard.ts';
import { EngineError } from '../../prompting/engine-error.ts';
import { type EngineKind, engineKind } from './engine-kind.ts';
import { ollamaOrigin } from './ollama.ts';
import type { Part, PartStatus } from './part.ts';

const MIB = 1_048_576;
/** Of the machine's memory, what a model may need when no setting says so. */
const MEMORY_SHARE = 0.9;

/** @param prompts instructions in place of the shipped ones */
export function llmPart(
  settings: Settings,
  log: RuntimeLog,
  prompts: NonNullable<RolePorts['llm']['prompts']> = {},
): Part<RolePorts['llm']> {
  const kind = engineKind(settings);
  const made = makeEngine(kind, settings, log);
  return {
    port: {
      engine: made.engine,
      kind,
      timeoutMs: attemptMs(settings.LLM_TIMEOUT_MS),
      parallel: settings.LLM_PARALLEL,
      queueMax: settings.LLM_QUEUE_MAX,
      prompts,
    },
    status: made.status,
    ...(made.start === undefined ? {} : { start: made.start }),
    ...(made.close === undefined ? {} : { close: made.close }),
  };
}

interface Made extends Pick<Part<unknown>, 'status' | 'start' | 'close'> {
  readonly engine: RolePorts['llm']['engine'];
}

function makeEngine(kind: EngineKind, settings: Settings, log: RuntimeLog): Made {
  switch (kind) {
    case 'llama':
      return settings.LLM_MODEL_PATH === undefined
        ? without('LLM_ENGINE=llama needs LLM_MODEL_PATH')
        : llama(llamaOptions(settings, settings.LLM_MODEL_PATH, log), settings);
    case 'openai':
      return settings.OPENAI_BASE_URL === undefined
        ? without('LLM_ENGINE=openai needs OPENAI_BASE_URL')
        : openai('openai', openAiOptions(settings, settings.OPENAI_BASE_URL));
    case 'ollama': {
      const origin = ollamaOrigin(settings.OLLAMA_HOST);
      return origin === null
        ? without('OLLAMA_HOST is not an address')
        : openai('ollama', { ...openAiOptions(settings, origin), api: 'ollama' });
    }
    case 'extractive':
      return { engine: null, status: () => ({ capabilities: ['engine:extractive'] }) };
    default:
      throw new RangeError(`There is no engine ${String(kind satisfies never)}.`);
  }
}

function without(problem: string): Made {
  const problems = [`${problem}; answers quote the knowledge base`];
  // A model was wanted: what is said instead of its words names what is missing, and not that none is set up.
  const engine = (): Promise<LlmEngine> =>
    Promise.reject(new EngineError('engine_no_model', `${problem}.`, { retryable: false }));
  return { engine, status: () => ({ capabilities: ['engine:extractive'], problems }) };
}

function openai(name: string, options: OpenAiOptions): Made {
  const open = async () => (await import('../../actors/roles/llm/engines/openai.ts')).createOpenAiEngine(options);
  let opened: ReturnType<typeof open> | undefined;
  const model = options.model === undefined ? [] : [`model:${options.model}`];
  return {
    engine() {
      opened ??= open();
      return opened;
    },
    status: () => ({ capabilities: [`engine:${name}`, ...model] }),
  };
}

function llama(options: LlamaEngineOptions, settings: Settings): Made {
  let engine: LlamaEngine | null = null;
  let opened: Promise<LlamaEngine> | undefined;
  const open = (): Promise<LlamaEngine> => {
    opened ??= import('../../actors/roles/llm/engines/llama/index.ts').then(({ createLlamaEngine }) => {
      engine = createLlamaEngine(options);
      return engine;
    });
    return opened;
  };
  return {
    engine: open,
    status: () => llamaStatus(engine?.state() ?? { kind: 'idle' }, settings),
    // A task that waits for the model finds it loaded, or loading; nothing else waits for it.
    start: () => void open().then((ready) => ready.load()),
    close: async () => engine?.close(),
  };
}

function llamaStatus(state: LlamaState, settings: Settings): PartStatus {
  switch (state.kind) {
    case 'idle':
    case 'loading':
      // What it will need is known only when it is there; until then it may take what a model may have at most.
      return {
        capabilities: ['engine:llama', 'model:loading'],
        capacity: { freeSlots: 0, nativeMemoryMb: modelBytesMax(settings) / MIB },
      };
    case 'failed':
      return {
        capabilities: ['engine:extractive'],
        problems: [`${state.reason} The extractive engine does the work.`],
      };
    case 'ready': {
      const { model, threads, memoryMb, free, waiting, tokensPerSecond } = state;
      return {
        capabilities: ['engine:llama', `model:${model}`],
        capacity: {
          ...{ threads, freeSlots: free, queueDepth: waiting },
          nativeMemoryMb: Math.max(memoryMb, settings.LLM_MODEL_MEMORY_MB ?? 0),
          ...(tokensPerSecond === null ? {} : { tokensPerSecond: Math.round(tokensPerSecond * 10) / 10 }),
        },
      };
    }
    default:
      throw new RangeError(`There is no state ${JSON.stringify(state satisfies never)}.`);
  }
}

function llamaOptions(settings: Settings, named: string, log: RuntimeLog): LlamaEngineOptions {
  const { LLM_THREADS: threads, LLM_SEED: seed } = settings;
  return {
    modelPath: modelPath(named, { root: meshFolder(), home: settings.MESH_HOME }),
    contextSize: settings.LLM_CONTEXT_SIZE,
    batchSize: settings.LLM_BATCH_SIZE,
    parallel: settings.LLM_PARALLEL,
    queueMax: settings.LLM_QUEUE_MAX,
    maxTokens: settings.LLM_MAX_TOKENS,
    temperature: settings.LLM_TEMPERATURE,
    timeoutMs: settings.LLM_TIMEOUT_MS,
    memoryBytesMax: modelBytesMax(settings),
    guard: createLoadGuard(join(settings.MESH_HOME, 'models', '.loading.json')),
    log,
    ...(threads === undefined ? {} : { threads }),
    ...(seed === undefined ? {} : { seed }),
  };
}

function modelBytesMax({ LLM_MODEL_MEMORY_MB: memoryMb }: Settings): number {
  return memoryMb === undefined ? machineMemory() * MEMORY_SHARE : memoryMb * MIB;
}

/** What this process may use, bytes: a container may have less than its machine. */
function machineMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function openAiOptions(settings: Settings, baseUrl: string): OpenAiOptions {
  const { OPENAI_API_KEY: apiKey, OPENAI_MODEL: model } = settings;
  return {
    baseUrl,
    timeoutMs: settings.LLM_TIMEOUT_MS,
    maxTokens: settings.LLM_MAX_TOKENS,
    temperature: settings.LLM_TEMPERATURE,
    contextTokens: settings.LLM_CONTEXT_SIZE,
    idleTimeoutMs: settings.LLM_IDLE_TIMEOUT_MS,
    ...(settings.LLM_FIRST_BYTE_TIMEOUT_MS === undefined
      ? {}
      : { firstByteTimeoutMs: settings.LLM_FIRST_BYTE_TIMEOUT_MS }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(model === undefined ? {} : { model }),
  };
}
