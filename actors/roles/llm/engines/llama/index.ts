/**
 * The engine that runs a GGUF model in this process, by llama.cpp. Owns: loading once, who generates and who waits, what
 * is measured. Does not own: the steps of loading (load.ts) and generating (generate.ts).
 *
 * 1. A model that cannot be loaded is a clear error of every request, until the file is another one or some time has
 *    passed: whoever fetches it need not restart anything.
 * 2. A context is given back only when its generation has really ended, so that two never share one.
 */
import type { LlamaContextSequence } from 'node-llama-cpp';
import type { ModelLog } from '../../../../../gguf-models/llama.ts';
import type { LoadGuard } from '../../../../../gguf-models/load-guard.ts';
import { EngineError } from '../../../../../prompting/engine-error.ts';
import type { EngineContext, LlmEngine } from '../port.ts';
import { readCompletion } from '../reply-lane.ts';
import { createSlots, type Slots } from '../slots.ts';
import { createThinkingFilter } from '../thinking-filter.ts';
import { chooseTool } from './choose-tool.ts';
import { createGrammars, fitPrompt, type Generation, generate, type Sampling } from './generate.ts';
import { type LoadedModel, type LoadOptions, loadModel } from './load.ts';

export interface LlamaEngineOptions extends Omit<LoadOptions, 'log'>, Sampling {
  /** Generations that may wait. */
  readonly queueMax: number;
  /** For one generation, waiting not counted, milliseconds. */
  readonly timeoutMs: number;
  /** After this time a model that could not be loaded is tried again, milliseconds; 15,000 by default. */
  readonly reloadAfterMs?: number;
  /** Remembers loads that ended the process. */
  readonly guard?: LoadGuard;
  readonly log: ModelLog & { info(fields: Record<string, unknown>, message: string): void };
}

export type LlamaState =
  | { readonly kind: 'idle' | 'loading' }
  | { readonly kind: 'failed'; readonly reason: string }
  | {
      readonly kind: 'ready';
      readonly model: string;
      readonly threads: number;
      readonly memoryMb: number;
      readonly free: number;
      readonly waiting: number;
      /** Of the last generations; null before the first. */
      readonly tokensPerSecond: number | null;
    };

export interface LlamaEngine extends LlmEngine {
  /** Loads the model if it is not loaded or loading. Never rejects: `state` says what became of it. */
  load(): Promise<void>;
  state(): LlamaState;
  /** Frees the memory. To be called when nothing generates any more. */
  close(): Promise<void>;
}

/** Share of the newest generation in the measured speed. */
const SPEED_WEIGHT = 0.3;
const HEARTBEAT_MS = 5000;
const MIB = 1_048_576;

interface Ready {
  readonly loaded: LoadedModel;
  readonly slots: Slots<LlamaContextSequence>;
  readonly grammarFor: ReturnType<typeof createGrammars>;
}

export function createLlamaEngine(options: LlamaEngineOptions): LlamaEngine {
  let ready: Ready | null = null;
  let loading: Promise<Ready> | null = null;
  let failure: { readonly error: EngineError; readonly atMs: number } | null = null;
  let tokensPerSecond: number | null = null;

  const open = async (): Promise<Ready> => {
    const startedMs = performance.now();
    const { guard } = options;
    guard?.begin(options.modelPath, `${options.contextSize}x${options.parallel}/${options.batchSize}`);
    const loaded = await loadModel(options).finally(() => guard?.end());
    options.log.info(describe(loaded, options, performance.now() - startedMs), 'model loaded');
    return {
      loaded,
      slots: createSlots(loaded.sequences, options.queueMax),
      grammarFor: createGrammars(loaded),
    };
  };
  const begin = (): Promise<Ready> => {
    failure = null;
    loading = open()
      .then((opened) => {
        ready = opened;
        return opened;
      })
      .catch((thrown: unknown) => {
        const reason = thrown instanceof Error ? thrown.message : String(thrown);
        const error = new EngineError('engine_no_model', `LLM_MODEL_PATH: ${reason}.`, {
          retryable: false,
          cause: thrown,
        });
        failure = { error, atMs: performance.now() };
        options.log.warn({ model: options.modelPath, reason }, 'the model cannot be used');
        throw error;
      })
      .finally(() => {
        loading = null;
      });
    return loading;
  };
  const opened = (): Promise<Ready> => {
    if (ready) return Promise.resolve(ready);
    if (loading) return loading;
    if (failure && performance.now() - failure.atMs < (options.reloadAfterMs ?? 15_000))
      return Promise.reject(failure.error);
    return begin();
  };
  const measured = (generation: Generation): void => {
    const { tokensPerSecond: now } = generation;
    if (now === null) return;
    tokensPerSecond = tokensPerSecond === null ? now : tokensPerSecond * (1 - SPEED_WEIGHT) + now * SPEED_WEIGHT;
  };

  return {
    get name() {
      return ready === null ? 'llama' : `llama:${nameOf(ready.loaded)}`;
    },
    async generate(request, context) {
      context.signal.throwIfAborted();
      if (ready === null) context.heartbeat?.('The model is loading.');
      const { loaded, slots, grammarFor } = await unlessAborted(context.signal, opened());
      const prompt = fitPrompt(loaded, request, options.maxTokens);
      const grammar = await grammarFor(request);
      if (slots.free === 0) context.heartbeat?.(`Waiting for the model; ${slots.waiting} wait before.`);
      const generation = await slots.use(context.signal, (sequence) =>
        limited(options.timeoutMs, context, (signal) => {
          const shared = { sequence, signal, sampling: samplingOf(options) };
          if (request.tools !== undefined) return chooseTool(loaded, request, prompt, shared);
          const held = grammar === null ? {} : { grammar };
          const show = createThinkingFilter(beating(context));
          const asked = { ...shared, ...held, messages: prompt.messages, onText: (piece: string) => show.push(piece) };
          return generate(loaded, asked).finally(() => show.end());
        }),
      );
      measured(generation);
      context.onUsage?.({ input: generation.promptTokens, output: generation.tokens });
      const engine = `llama:${nameOf(loaded)}`;
      return readCompletion({ request, prompt, completion: generation, engine }, context);
    },
    async load() {
      await opened().catch(() => undefined);
    },
    state: () => stateOf({ ready, loading: loading !== null, failure, tokensPerSecond }),
    async close() {
      const last = ready ?? (await loading?.catch(() => null)) ?? null;
      ready = null;
      await last?.loaded.model.dispose();
    },
  };
}

function samplingOf({ maxTokens, temperature, seed }: Sampling): Sampling {
  return { maxTokens, temperature, ...(seed === undefined ? {} : { seed }) };
}

function nameOf({ info }: Pick<LoadedModel, 'info'>): string {
  const name = info.name ?? info.path.slice(info.path.lastIndexOf('/') + 1).replace(/\.gguf$/i, '');
  return name.replaceAll(/\s+/g, '-').slice(0, 80);
}

/** Passes text on, and says now and then that a long answer is still being written. */
function beating({ onText, heartbeat }: EngineContext): (piece: string) => void {
  let lastMs = performance.now();
  return (piece) => {
    onText?.(piece);
    if (performance.now() - lastMs < HEARTBEAT_MS) return;
    lastMs = performance.now();
    heartbeat?.('The model is writing.');
  };
}

async function limited<T>(
  timeoutMs: number,
  { signal }: EngineContext,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const message = `The model took longer than ${timeoutMs / 1000} s. Raise LLM_TIMEOUT_MS, or use a smaller model.`;
  const limit = new AbortController();
  const timer = setTimeout(
    () => limit.abort(new EngineError('engine_timeout', message, { retryable: true })),
    timeoutMs,
  );
  try {
    return await work(AbortSignal.any([signal, limit.signal]));
  } finally {
    clearTimeout(timer);
  }
}

/** The other one goes on: a load is for all who come after. */
async function unlessAborted<T>(signal: AbortSignal, other: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([other, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function describe(loaded: LoadedModel, options: LlamaEngineOptions, ms: number): Record<string, unknown> {
  const { info } = loaded;
  return {
    ...{ model: nameOf(loaded), path: info.path, architecture: info.architecture, quantisation: info.quantisation },
    ...{ threads: loaded.threads, contextSize: loaded.contextSize, batchSize: options.batchSize },
    ...{ parallel: options.parallel, queueMax: options.queueMax, maxTokens: options.maxTokens },
    ...{
      seed: options.seed ?? 'random',
      temperature: options.temperature,
      gpu: loaded.gpu === false ? 'none' : loaded.gpu,
    },
    ...{
      cacheMb: Math.round(loaded.cacheBytes / MIB),
      memoryMb: Math.round(loaded.memoryBytes / MIB),
      ms: Math.round(ms),
    },
  };
}

function stateOf(now: {
  ready: Ready | null;
  loading: boolean;
  failure: { readonly error: EngineError } | null;
  tokensPerSecond: number | null;
}): LlamaState {
  const { ready, loading, failure, tokensPerSecond } = now;
  if (ready === null) {
    if (loading) return { kind: 'loading' };
    return failure === null ? { kind: 'idle' } : { kind: 'failed', reason: failure.error.message };
  }
  const { loaded, slots } = ready;
  return {
    ...{ kind: 'ready', model: nameOf(loaded), threads: loaded.threads },
    ...{ memoryMb: Math.round(loaded.memoryBytes / MIB), free: slots.free, waiting: slots.waiting, tokensPerSecond },
  };
}
