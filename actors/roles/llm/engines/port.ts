/**
 * The port that every language-model engine implements. Owns the contract only; engines know nothing of each other, of
 * skills by name, of the log or of how a hop is run. What they throw is an EngineError (prompting/engine-error.ts).
 */
import type { TextRequest } from '../../../../prompting/prompt.ts';
import type { ErrorInfo, HopOutput } from '../../../../schemas/events/generated.ts';

export interface EngineRequest extends TextRequest {
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
  /** Whose request it is: for what an engine has done by workers, callers take turns, and so do the tasks of one. */
  readonly flow?: string | undefined;
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
