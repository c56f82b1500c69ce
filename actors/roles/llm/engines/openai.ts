/**
 * The engine for any OpenAI-compatible endpoint: Ollama, vLLM, llama-server, LM Studio and the hosted ones.
 * Owns the request, the choice of the model and what a reply becomes. HTTP is openai-transport.ts, the stream
 * openai-stream.ts, the wording of prompts prompts.ts.
 */
import { readStream, readWhole } from './openai-stream.ts';
import { type ExchangeContext, exchange, type TransportOptions } from './openai-transport.ts';
import { type EngineContext, EngineError, type EngineRequest, type LlmEngine } from './port.ts';
import { buildPrompt, characters, type Prompt } from './prompts.ts';
import { isRecord, withoutThinking } from './reply-parsing.ts';
import { reviewSchema } from './review-schema.ts';
import { createThinkingFilter } from './thinking-filter.ts';
import { type Completion, toOutput } from './to-output.ts';
import { toolChoiceSchema } from './tool-schema.ts';

export interface OpenAiOptions {
  /** Address up to and with the version: http://127.0.0.1:11434/v1. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  /** Without it the first model that GET /models lists is taken. */
  readonly model?: string;
  /** For one generate() with its retries; 120,000 by default. */
  readonly timeoutMs?: number;
  /** 60,000 by default: a local server loads its model in this time. */
  readonly firstByteTimeoutMs?: number;
  /** 30,000 by default. */
  readonly idleTimeoutMs?: number;
  /** Tries in all, 4 by default. */
  readonly attempts?: number;
  /** Wait before the second try, 500 by default; doubles each time, with full jitter. */
  readonly backoffMs?: number;
  /** 2048 by default. */
  readonly maxTokens?: number;
  /** 0.2 by default. */
  readonly temperature?: number;
  /** Characters a prompt may have, 24,000 by default: about 6,000 tokens, within the context of common local models. */
  readonly promptCharsMax?: number;
}

export function createOpenAiEngine(options: OpenAiOptions): LlmEngine {
  const transport: TransportOptions = {
    baseUrl: options.baseUrl,
    apiKey: options.apiKey,
    timeoutMs: options.timeoutMs ?? 120_000,
    firstByteTimeoutMs: options.firstByteTimeoutMs ?? 60_000,
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
    attempts: options.attempts ?? 4,
    backoffMs: options.backoffMs ?? 500,
  };
  let model = options.model ?? null;
  /** Not every server knows `response_format`; one that refused it once is not asked again. */
  let knowsSchemas = true;

  return {
    get name() {
      return model === null ? 'openai' : `openai:${model}`;
    },
    async generate(request, context) {
      context.signal.throwIfAborted();
      const prompt = buildPrompt(
        request.purpose,
        request.input,
        characters(options.promptCharsMax ?? 24_000),
        request.tools,
      );
      model ??= await firstModel(transport, context);
      const plain = body(options, model, prompt);
      const schema = knowsSchemas ? schemaOf(request) : null;
      const completion = await complete(transport, schema === null ? plain : { ...plain, ...schema }, context).catch(
        async (error: unknown) => {
          if (schema === null || !isRefusal(error)) throw error;
          const unheld = await complete(transport, plain, context);
          knowsSchemas = false;
          return unheld;
        },
      );
      return toOutput(request, prompt, completion, `openai:${model}`);
    },
  };
}

function body(options: OpenAiOptions, model: string, prompt: Prompt): Record<string, unknown> {
  return {
    model,
    messages: prompt.messages,
    stream: true,
    max_tokens: options.maxTokens ?? 2048,
    temperature: options.temperature ?? 0.2,
  };
}

/** Holds the answer to a form where the purpose has one; what comes back is read as tolerantly as ever. */
function schemaOf({ purpose, tools = [] }: EngineRequest): Record<string, unknown> | null {
  switch (purpose) {
    case 'review':
      return format(purpose, reviewSchema, true);
    case 'tool':
      // Not strict: arguments differ from tool to tool, and each tool checks its own.
      return format(purpose, toolChoiceSchema(tools), false);
    case 'answer':
    case 'code':
      return null;
    default:
      throw new RangeError(`There is no purpose ${String(purpose satisfies never)}.`);
  }
}

function format(name: string, schema: object, strict: boolean): Record<string, unknown> {
  return { response_format: { type: 'json_schema', json_schema: { name, strict, schema } } };
}

/** The server did not like the request itself. */
function isRefusal(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'engine_rejected';
}

async function firstModel(transport: TransportOptions, context: EngineContext): Promise<string> {
  const quiet: ExchangeContext = { signal: context.signal, heartbeat: context.heartbeat, hasStarted: () => false };
  const list = await exchange(transport, { method: 'GET', path: '/models' }, quiet, (response) => readJson(response));
  const entries = isRecord(list) && Array.isArray(list.data) ? list.data.filter(isRecord) : [];
  const id = entries.map((entry) => entry.id).find((candidate) => typeof candidate === 'string');
  if (id !== undefined) return id;
  const message = 'The endpoint lists no model. Load one there, or name one in the settings.';
  throw new EngineError('engine_no_model', message, { retryable: false });
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = 'The endpoint answered with something that is not JSON. Is OPENAI_BASE_URL right?';
    throw new EngineError('engine_bad_answer', message, { retryable: false, cause });
  }
}

async function complete(
  transport: TransportOptions,
  request: Record<string, unknown>,
  context: EngineContext,
): Promise<Completion> {
  let shown = false;
  const exchangeContext: ExchangeContext = {
    signal: context.signal,
    heartbeat: context.heartbeat,
    hasStarted: () => shown,
  };
  return exchange(
    transport,
    { method: 'POST', path: '/chat/completions', body: request },
    exchangeContext,
    (response, touch) => {
      const show = createThinkingFilter((piece) => {
        shown = true;
        context.onText?.(piece);
      });
      return read(response, { touch, show, heartbeat: context.heartbeat });
    },
  );
}

interface ReadHooks {
  readonly touch: () => void;
  readonly show: { push(piece: string): void; end(): void };
  readonly heartbeat: ((note: string) => void) | undefined;
}

/** How often a long answer says that it is still being written. */
const HEARTBEAT_MS = 5000;

async function read(response: Response, hooks: ReadHooks): Promise<Completion> {
  const type = response.headers.get('content-type') ?? '';
  let completion: Completion;
  if (type.includes('application/json')) {
    completion = readWhole(await readJson(response));
    hooks.show.push(completion.text);
  } else if (type.includes('text/html')) {
    const message = 'The endpoint answered with a web page. Is OPENAI_BASE_URL right? It ends in /v1 as a rule.';
    throw new EngineError('engine_bad_answer', message, { retryable: false });
  } else {
    if (response.body === null)
      throw new EngineError('engine_bad_answer', 'The answer has no body.', { retryable: true });
    let lastBeat = performance.now();
    const onChunk = (): void => {
      hooks.touch();
      if (performance.now() - lastBeat < HEARTBEAT_MS) return;
      lastBeat = performance.now();
      hooks.heartbeat?.('The model is writing.');
    };
    completion = await readStream(response.body, { onChunk, onText: (piece) => hooks.show.push(piece) });
  }
  hooks.show.end();
  const text = withoutThinking(completion.text);
  if (text.trim() === '') {
    const message = completion.cut
      ? 'The model used up its tokens before it answered. Raise its token limit.'
      : 'The model gave an empty answer.';
    throw new EngineError('engine_bad_answer', message, { retryable: !completion.cut });
  }
  return { ...completion, text };
}
