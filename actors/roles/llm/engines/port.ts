/**
 * The port every language-model engine implements, and the one error engines throw.
 * Owns the contract only; engines know nothing of each other, of the log or of how a hop is run.
 */
import type {
  ErrorInfo,
  HopInput,
  HopOutput,
  LlmRequestedData,
  ToolOffer,
} from '../../../../schemas/events/generated.ts';

/** What an engine knows how to do without a model. */
export type Skill = 'answer' | 'code' | 'review' | 'tool';
/** `text`: the asker brings its messages. */
export type Purpose = Skill | 'text';

export interface EngineRequest {
  readonly purpose: Purpose;
  readonly input: HopInput;
  /** In place of the shipped instructions for this purpose. */
  readonly instructions?: string;
  /** What the model is told; for the purpose `text`. */
  readonly messages?: LlmRequestedData['messages'];
  /** JSON Schema of what it is to write; for the purpose `text`. */
  readonly format?: object;
  /** What may be chosen; for the purpose `tool`, whose output names the tool with arguments and an empty result. */
  readonly tools?: readonly ToolOffer[];
  /** For the embedded engine: what the configured model failed with; absent when none is configured. */
  readonly failure?: ErrorInfo;
}

export interface EngineContext {
  /** Aborting ends the work soon; generate() then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Called with text as it appears, in order. What was told stays told: a retry never repeats a piece. */
  readonly onText?: (piece: string) => void;
  /** Called while nothing can be shown yet, so that a long wait does not look like a dead one. */
  readonly heartbeat?: (note: string) => void;
  /** Called when it is known how many tokens a generation read and wrote; a failed one may have cost some, too. */
  readonly onUsage?: (tokens: Usage) => void;
  /** Whose request it is: what an engine has done by workers takes turns by task. */
  readonly task?: string | undefined;
}

/** Tokens as the model's own server counts them. */
export interface Usage {
  readonly input: number;
  readonly output: number;
}

export interface LlmEngine {
  /** What HopOutput.engine will say, such as `extractive` or `openai:qwen3`. */
  readonly name: string;
  /** Rejects with an EngineError, or with the signal's reason. */
  generate(request: EngineRequest, context: EngineContext): Promise<HopOutput>;
}

export type EngineErrorCode =
  | 'engine_unauthorised'
  | 'engine_unreachable'
  | 'engine_timeout'
  | 'engine_rate_limited'
  | 'engine_unavailable'
  | 'engine_rejected'
  | 'engine_bad_answer'
  | 'engine_stream_cut'
  | 'engine_no_model'
  | 'engine_busy'
  | 'engine_prompt_too_large'
  /** The model or its server declined to answer this; nothing is wrong with either. */
  | 'engine_refused'
  /** The model wrote nothing that can be used: it is well, and so is its server. */
  | 'engine_no_answer'
  /** It was at work all the time, and not done at the end of it. */
  | 'engine_slow';

export class EngineError extends Error {
  readonly code: EngineErrorCode;
  /** Whether another attempt, later, may succeed. */
  readonly retryable: boolean;

  constructor(code: EngineErrorCode, message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'EngineError';
    this.code = code;
    this.retryable = options.retryable;
  }

  /** The error as an event carries it. */
  toErrorInfo(): ErrorInfo {
    return { code: this.code, message: this.message, retryable: this.retryable };
  }
}
