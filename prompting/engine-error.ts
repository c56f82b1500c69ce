/**
 * The one error that language-model engines and the readers of their replies throw. Owns: its codes. Does not own: what
 * becomes of a request that ended with it.
 */
import type { ErrorInfo } from '../schemas/events/generated.ts';

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
