/**
 * The engine for any OpenAI-compatible endpoint (vLLM, llama-server, LM Studio, LiteLLM, Azure, the hosted ones), and for
 * Ollama by its own API, which alone lets the context be chosen.
 * Owns the choice of the model, adapting to the endpoint, and remembering what worked. HTTP is openai-transport.ts, the
 * body openai-dialect.ts and ollama-wire.ts, the reply openai-stream.ts and openai-reply.ts, the wording prompts.ts.
 */

import { EngineError } from '../../../../prompting/engine-error.ts';
import { buildPrompt, type Prompt } from '../../../../prompting/prompt.ts';
import type { Completion } from '../../../../prompting/read-reply.ts';
import { ollamaBody } from './ollama-wire.ts';
import { adapted, budgetFor, callsTools, chatBody, type Dialect, firstDialect } from './openai-dialect.ts';
import { errorIn } from './openai-errors.ts';
import { refusalOf } from './openai-failures.ts';
import { chatModels, contextAt, type Listed } from './openai-models.ts';
import { readReply } from './openai-stream.ts';
import { endpointUrl, exchange, readJson, type TransportOptions } from './openai-transport.ts';
import type { EngineContext, EngineRequest, LlmEngine } from './port.ts';
import { readCompletion } from './reply-lane.ts';
import { createThinkingFilter } from './thinking-filter.ts';

export interface OpenAiOptions {
  /** Address up to and with the version: http://127.0.0.1:8080/v1; of an Ollama that is asked by its own API, its origin. */
  readonly baseUrl: string;
  /** Whose API it is; OpenAI's unless told. */
  readonly api?: 'openai' | 'ollama';
  readonly apiKey?: string;
  /** Without it the first chat model that the endpoint lists is taken. */
  readonly model?: string;
  /** For one generate() with its retries; 600,000 by default. */
  readonly timeoutMs?: number;
  /** The whole time by default: a local server loads its model and reads the prompt in it. */
  readonly firstByteTimeoutMs?: number;
  /** 120,000 by default. */
  readonly idleTimeoutMs?: number;
  /** Tries in all, 4 by default. */
  readonly attempts?: number;
  /** Wait before the second try, 500 by default; doubles each time, with full jitter. */
  readonly backoffMs?: number;
  /** How often a long wait is told of; 5000 by default. */
  readonly progressMs?: number;
  /** 2048 by default. */
  readonly maxTokens?: number;
  /** 0.2 by default. */
  readonly temperature?: number;
  /** Tokens of prompt and reply together: asked of an Ollama, and the most that is taken for granted anywhere. */
  readonly contextTokens?: number;
  /** Characters a prompt may have, 24,000 by default: about 6,000 tokens, within the context of common local models. */
  readonly promptCharsMax?: number;
}

/** Times that a request is changed after a refusal. */
const ADAPTIONS_MAX = 8;
/** Of listed models that turn out to write no text, this many are tried. */
const MODELS_MAX = 4;
/** A prompt up to this fits everywhere; for a longer one the endpoint is asked what its context is. */
const PROMPT_CHARS_SMALL = 3000;
/** What is only good to know is not waited for longer. */
const ASK_MS_MAX = 5000;

interface Known {
  /** Null before the first is chosen. */
  model: Listed | null;
  dialect: Dialect;
  /** The context has been asked for. */
  asked: boolean;
}

export function createOpenAiEngine(options: OpenAiOptions): LlmEngine {
  const transport = transportOf(options);
  const word = options.api ?? 'openai';
  const contextTokens = options.contextTokens ?? null;
  const known: Known = {
    model: options.model === undefined ? null : unlisted(options.model),
    dialect: { ...firstDialect, contextTokens },
    asked: word === 'ollama',
  };

  return {
    get name() {
      return known.model === null ? word : `${word}:${known.model.id}`;
    },
    async generate(request, context) {
      context.signal.throwIfAborted();
      const models = known.model === null ? await listed(options, transport, context) : [known.model];
      for (const [index, model] of models.slice(0, MODELS_MAX).entries()) {
        try {
          const engine = `${word}:${model.id}`;
          const output = await withModel({ options, transport, known, model, engine }, request, context);
          known.model = model;
          return output;
        } catch (error) {
          const isLast = index === Math.min(models.length, MODELS_MAX) - 1;
          if (isLast || !writesNoText(error)) throw error;
        }
      }
      throw noModel();
    },
  };
}

function transportOf(options: OpenAiOptions): TransportOptions {
  const timeoutMs = options.timeoutMs ?? 600_000;
  return {
    ...{ baseUrl: options.baseUrl, api: options.api, apiKey: options.apiKey, timeoutMs },
    firstByteTimeoutMs: options.firstByteTimeoutMs ?? timeoutMs,
    idleTimeoutMs: options.idleTimeoutMs ?? 120_000,
    attempts: options.attempts ?? 4,
    backoffMs: options.backoffMs ?? 500,
    progressMs: options.progressMs ?? 5000,
  };
}

function unlisted(id: string): Listed {
  return { id, contextTokens: null, server: '', loaded: false };
}

/** An embedding model that was listed as any other. */
function writesNoText(error: unknown): boolean {
  const said = refusalOf(error)?.message ?? '';
  return /support (?:chat|generat|completion)|embedding|not a chat model|chat completions? (?:is|are) not|only supported in v1\/responses/i.test(
    said,
  );
}

/** @param said what the endpoint answered in place of a list */
function noModel(said?: string): EngineError {
  const message =
    said === undefined
      ? 'The endpoint lists no model that writes text. Load one there, or name one in OPENAI_MODEL.'
      : `The endpoint lists no models and says: ${said}. Is OPENAI_BASE_URL right? It ends in /v1 as a rule.`;
  return new EngineError('engine_no_model', message, { retryable: false });
}

/** The chat models of the endpoint. An endpoint without a list may have one model and need no name. */
async function listed(
  { api, baseUrl }: OpenAiOptions,
  transport: TransportOptions,
  context: EngineContext,
): Promise<Listed[]> {
  const url = endpointUrl(baseUrl, api === 'ollama' ? '/api/tags' : '/models');
  const quiet = {
    signal: context.signal,
    heartbeat: context.heartbeat,
    hasStarted: () => false,
    phase: () => 'looking for a model',
  };
  const list = await exchange(transport, { method: 'GET', url }, quiet, readJson).catch((error: unknown) => {
    if (error instanceof EngineError && error.code === 'engine_rejected') return { data: [{ id: 'default' }] };
    throw error;
  });
  const models = chatModels(list);
  if (models.length === 0) throw noModel(errorIn(list)?.message);
  return models;
}

interface At {
  readonly options: OpenAiOptions;
  readonly transport: TransportOptions;
  readonly known: Known;
  readonly model: Listed;
  /** What the output will name. */
  readonly engine: string;
}

/** One generation, its request changed as the endpoint refuses parts of it. */
async function withModel(at: At, request: EngineRequest, context: EngineContext) {
  const { options, known, model } = at;
  const sampling = { maxTokens: options.maxTokens ?? 2048, temperature: options.temperature ?? 0.2 };
  const charsMax = options.promptCharsMax ?? 24_000;
  const promptFor = (dialect: Dialect): Prompt => {
    const budget = budgetFor(dialect, sampling, charsMax);
    return buildPrompt(request, budget, callsTools(dialect, request));
  };
  if (!known.asked && charsIn(promptFor({ ...known.dialect, contextTokens: null })) > PROMPT_CHARS_SMALL) {
    known.asked = true;
    known.dialect = {
      ...known.dialect,
      contextTokens: smallest(known.dialect.contextTokens, await learned(at, context)),
    };
  }
  let dialect = known.dialect;
  for (let changes = 0; ; changes += 1) {
    const prompt = promptFor(dialect);
    const what = { model: model.id, prompt, request };
    const body = options.api === 'ollama' ? ollamaBody(dialect, sampling, what) : chatBody(dialect, sampling, what);
    try {
      const completion = await complete(at, body, context);
      const output = await readCompletion({ request, prompt, completion, engine: at.engine }, context);
      known.dialect = dialect;
      return output;
    } catch (error) {
      const next = changes < ADAPTIONS_MAX ? changed(dialect, error, { body, promptChars: charsIn(prompt) }) : null;
      if (next === null) throw error;
      dialect = next;
      context.heartbeat?.(
        `asking anew, as the endpoint takes it: ${error instanceof Error ? error.message : ''}`.slice(0, 400),
      );
    }
  }
}

function changed(dialect: Dialect, error: unknown, sent: Parameters<typeof adapted>[2]): Dialect | null {
  const said = refusalOf(error);
  if (said !== null) return adapted(dialect, said, sent);
  // A server that passes `tools` over has a model that knows nothing of them.
  const unchosen = error instanceof EngineError && error.code === 'engine_no_answer' && sent.body.tools !== undefined;
  return unchosen ? { ...dialect, tools: false } : null;
}

function charsIn({ messages }: Prompt): number {
  return messages.reduce((sum, { content }) => sum + content.length, 0);
}

function smallest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** The context of the model as its server runs it; null when it does not say. */
async function learned({ options, transport, model }: At, { signal }: EngineContext): Promise<number | null> {
  const brief = { ...transport, timeoutMs: ASK_MS_MAX, attempts: 1 };
  const quiet = { signal, heartbeat: undefined, hasStarted: () => false, phase: () => '' };
  const ask = (url: string): Promise<unknown> =>
    exchange(brief, { method: 'GET', url }, quiet, readJson).catch((error: unknown) => {
      if (error instanceof EngineError) return null;
      throw error;
    });
  const list = chatModels(await ask(endpointUrl(options.baseUrl, '/models')));
  const entry = list.find(({ id }) => id === model.id) ?? (list.length === 1 ? list[0] : undefined);
  return entry === undefined ? null : contextAt(options.baseUrl, entry, ask);
}

async function complete(
  { options, transport }: At,
  body: Record<string, unknown>,
  context: EngineContext,
): Promise<Completion> {
  let shown = false;
  let written = 0;
  let thought = 0;
  const phase = (): string => {
    if (written > 0) return `writing, ${written} characters`;
    return thought > 0 ? `thinking, ${thought} characters` : 'reading the prompt';
  };
  const exchangeContext = { signal: context.signal, heartbeat: context.heartbeat, hasStarted: () => shown, phase };
  const url = endpointUrl(options.baseUrl, options.api === 'ollama' ? '/api/chat' : '/chat/completions');
  return exchange(transport, { method: 'POST', url, body }, exchangeContext, async (response, touch) => {
    const show = createThinkingFilter((piece) => {
      shown = true;
      context.onText?.(piece);
    });
    const completion = await readReply(response, {
      onChunk: touch,
      onText: (piece) => {
        written += piece.length;
        show.push(piece);
      },
      onThought: (chars) => {
        thought = chars;
      },
      ...(context.onUsage === undefined ? {} : { onUsage: context.onUsage }),
    });
    show.end();
    return completion;
  });
}
