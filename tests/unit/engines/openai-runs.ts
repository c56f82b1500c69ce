/** Running the OpenAI-compatible engine in tests: an engine for a server, a run with what it showed, its error. */

import { createOpenAiEngine, type LlmEngine, type OpenAiOptions } from '../../../actors/roles/llm/engines/index.ts';
import { EngineError } from '../../../prompting/engine-error.ts';
import type { HopInput, HopOutput } from '../../../schemas/events/generated.ts';
import { asking, type SkillName } from './asking.ts';

export const engineFor = (server: { baseUrl: string }, options: Partial<OpenAiOptions> = {}): LlmEngine =>
  createOpenAiEngine({ baseUrl: server.baseUrl, model: 'm1', backoffMs: 5, ...options });

export interface Run {
  readonly output: Promise<HopOutput>;
  readonly shown: string[];
  readonly notes: string[];
  readonly controller: AbortController;
}

export function run(
  engine: LlmEngine,
  input: HopInput = { prompt: 'Why?' },
  skill: SkillName = 'answer',
  more: Parameters<typeof asking>[2] = {},
): Run {
  const shown: string[] = [];
  const notes: string[] = [];
  const controller = new AbortController();
  const output = engine.generate(asking(skill, input, more), {
    signal: controller.signal,
    onText: (piece) => shown.push(piece),
    heartbeat: (note) => notes.push(note),
  });
  return { output, shown, notes, controller };
}

export type EngineErrorLike = Pick<EngineError, 'code' | 'message' | 'retryable'>;

/** The engine's own error; anything else is thrown on. */
export function engineErrorOf(thrown: unknown): EngineErrorLike {
  if (thrown instanceof EngineError) return thrown;
  throw thrown;
}

export async function errorOf(output: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await output.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof EngineError) return error;
  throw new Error(`An EngineError was expected, not ${String(error)}.`);
}
