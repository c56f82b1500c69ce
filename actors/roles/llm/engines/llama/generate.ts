/**
 * One generation in one context. Owns: fitting the prompt by the model's own tokens, streaming, the grammar, stopping.
 * Does not own: which context is free, or what the text means.
 *
 * The prompt and the longest allowed text fit into the context together, so nothing is ever shifted out of it.
 */
import type { ChatHistoryItem, LlamaContextSequence, LlamaGrammar } from 'node-llama-cpp';
import { EngineError } from '../../../../../prompting/engine-error.ts';
import { buildPrompt, type ChatMessage, type Prompt, type PromptBudget } from '../../../../../prompting/prompt.ts';
import type { Completion } from '../../../../../prompting/read-reply.ts';
import type { EngineRequest } from '../port.ts';
import { argumentsSchema } from '../tool-schema.ts';
import type { LoadedModel } from './load.ts';

export interface Sampling {
  readonly maxTokens: number;
  readonly temperature: number;
  /** Absent: another one each time. */
  readonly seed?: number;
}

export interface Generation extends Completion {
  readonly tokens: number;
  readonly promptTokens: number;
  /** Of the text alone, without reading the prompt. */
  readonly tokensPerSecond: number | null;
}

/** At most half of a context is kept for the text: a prompt without room says less than a short answer. */
const TEXT_SHARE_MAX = 0.5;
/** Of the context, left alone: what marks the end of an answer, and a question that is added to the prompt. */
const TOKENS_SPARE = 64;

/** Messages that fit, by the model's own count. @throws EngineError `engine_prompt_too_large` */
export function fitPrompt(loaded: LoadedModel, request: EngineRequest, maxTokens: number): Prompt {
  return buildPrompt(request, budgetOf(loaded, maxTokens));
}

function budgetOf(loaded: LoadedModel, maxTokens: number): PromptBudget {
  const { contextSize } = loaded;
  const forText = Math.min(maxTokens, Math.floor(contextSize * TEXT_SHARE_MAX));
  const max = contextSize - forText - TOKENS_SPARE;
  return { max, unit: 'tokens', measure: (messages) => promptTokens(loaded, messages) };
}

function promptTokens({ chatWrapper, model }: LoadedModel, messages: readonly ChatMessage[]): number {
  const { contextText } = chatWrapper.generateContextState({ chatHistory: historyOf(messages) });
  return contextText.tokenize(model.tokenizer).length;
}

function historyOf(messages: readonly ChatMessage[]): ChatHistoryItem[] {
  const said = messages.map(
    ({ role, content }): ChatHistoryItem =>
      role === 'assistant' ? { type: 'model', response: [content] } : { type: role, text: content },
  );
  return [...said, { type: 'model', response: [] }];
}

export interface GenerateOptions {
  readonly sequence: LlamaContextSequence;
  readonly messages: readonly ChatMessage[];
  readonly sampling: Sampling;
  readonly grammar?: LlamaGrammar;
  readonly signal: AbortSignal;
  readonly onText?: (piece: string) => void;
}

/** Rejects with the signal's reason when it aborts. */
export async function generate(loaded: LoadedModel, options: GenerateOptions): Promise<Generation> {
  const { LlamaChat } = await import('node-llama-cpp');
  const { sequence, messages, sampling, signal } = options;
  const before = promptTokens(loaded, messages);
  const maxTokens = Math.min(sampling.maxTokens, loaded.contextSize - before - TOKENS_SPARE);
  const chat = new LlamaChat({
    contextSequence: sequence,
    chatWrapper: loaded.chatWrapper,
    autoDisposeSequence: false,
  });
  let tokens = 0;
  let firstAtMs: number | null = null;
  try {
    const { response, metadata } = await chat.generateResponse(historyOf(messages), {
      signal,
      maxTokens,
      temperature: sampling.temperature,
      seed: sampling.seed ?? Math.floor(Math.random() * 2 ** 31),
      ...(options.grammar === undefined ? {} : { grammar: options.grammar }),
      onToken: (made) => {
        firstAtMs ??= performance.now();
        tokens += made.length;
      },
      onTextChunk: (piece) => options.onText?.(piece),
      contextShift: { strategy: neverShift },
    });
    const seconds = firstAtMs === null ? 0 : (performance.now() - firstAtMs) / 1000;
    const tokensPerSecond = tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : null;
    return { text: response, cut: metadata.stopReason === 'maxTokens', tokens, promptTokens: before, tokensPerSecond };
  } finally {
    chat.dispose({ disposeSequence: false });
  }
}

/** llama.cpp would drop the oldest part of the prompt; the mesh never cuts silently. */
function neverShift(): never {
  throw new EngineError('engine_prompt_too_large', 'The prompt and the text outgrew the context of the model.', {
    retryable: false,
  });
}

/**
 * The grammar that holds a reply to its form, where the request has one. Made once for a skill: it lives in native memory,
 * and making it costs more than a short generation.
 */
export function createGrammars({ model }: LoadedModel): (request: EngineRequest) => Promise<LlamaGrammar> | null {
  const ofSkills = new Map<string, Promise<LlamaGrammar>>();
  let json: Promise<LlamaGrammar> | undefined;
  return ({ skill: { name, skill }, format, tools }) => {
    if (tools !== undefined) return null;
    if (format !== undefined) {
      // One grammar for all schemas of askers: each of its own would stay in native memory. The asker checks the fields.
      json ??= model.llama.getGrammarFor('json');
      return json;
    }
    if (skill.format === undefined) return null;
    const made = ofSkills.get(name) ?? model.llama.createGrammarForJsonSchema(argumentsSchema(skill.format.schema));
    ofSkills.set(name, made);
    return made;
  };
}
