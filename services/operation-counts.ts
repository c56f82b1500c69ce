/**
 * Tool calls and generations as numbers. Owns: counting each one, with the tokens it took, whether its trace is kept or
 * not. Does not own: their spans (`attempt-spans.ts`), or what a number is called (`telemetry/metrics.ts`).
 */
import type { SpanAttributes } from '../actors/runtime/ports.ts';
import type { Counters } from '../telemetry/metrics.ts';
import { attribute } from '../telemetry/spans.ts';

/** Operations of the GenAI conventions that are numbers and spans of their own. */
export type Operation = 'chat' | 'execute_tool';

/** The operation that an effect says it begins, or null. */
export function operationIn(attributes: SpanAttributes): Operation | null {
  const operation = attributes[attribute.operation];
  return operation === 'chat' || operation === 'execute_tool' ? operation : null;
}

/** Of one attempt, which may have several operations, one after the other. */
export class OperationCounts {
  readonly #counters: Counters;
  #startMs: number | null = null;
  #told: SpanAttributes = {};

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** What the effect says of its work, as its span is told it. */
  set(attributes: SpanAttributes): void {
    if (operationIn(attributes) !== null) {
      this.end();
      this.#startMs = performance.now();
    }
    if (this.#startMs !== null) this.#told = { ...this.#told, ...attributes };
  }

  end(): void {
    if (this.#startMs === null) return;
    const seconds = (performance.now() - this.#startMs) / 1000;
    const told = this.#told;
    this.#startMs = null;
    this.#told = {};
    const tool = told[attribute.toolName];
    if (typeof tool === 'string') this.#counters.observe('toolSeconds', { tool }, seconds);
    if (operationIn(told) === 'chat') this.#countGeneration(told, seconds);
  }

  #countGeneration(told: SpanAttributes, seconds: number): void {
    const provider = String(told[attribute.provider] ?? '');
    const model = String(told[attribute.responseModel] ?? told[attribute.requestModel] ?? provider);
    this.#counters.observe('modelSeconds', { provider, model }, seconds);
    const directions = { input: told[attribute.inputTokens], output: told[attribute.outputTokens] };
    for (const [direction, tokens] of Object.entries(directions))
      if (typeof tokens === 'number') this.#counters.add('tokens', { provider, model, direction }, tokens);
  }
}
