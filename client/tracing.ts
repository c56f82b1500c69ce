/**
 * Calls in a trace. Owns: what is told of a call when it is over. Does not own: spans (`telemetry/`), or which calls were
 * not let in: those are over before they reach the core.
 */
import { type MeshError, toMeshError } from './errors.ts';
import type { CallContext } from './ports.ts';

export type Operation =
  | ('run' | 'submit' | 'get' | 'cancel' | 'respond' | 'fork' | 'watch')
  | ('list' | 'send_message' | 'list_messages' | 'search' | 'set_mode' | 'set_window');

export interface CallFacts {
  readonly operation: Operation;
  readonly caller: string;
  /** The task; null for a call about none, or about one that got no id. */
  readonly correlationId: string | null;
  /** W3C Trace Context of the caller; null for none. */
  readonly traceparent: string | null;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** The reason and the text of its error; null for a call that went well, or whose caller left. */
  readonly failure: { readonly reason: string; readonly message: string } | null;
}

export interface CallTracing {
  ended(facts: CallFacts): void;
}

/** Of one core; without tracing it costs nothing. */
export class Traced {
  readonly #tracing: CallTracing | undefined;

  constructor(tracing: CallTracing | undefined) {
    this.#tracing = tracing;
  }

  /** @param idOf the task of the call; asked with the answer when there is one */
  async call<T>(
    operation: Operation,
    context: CallContext,
    idOf: (answer: T | null) => string | null,
    work: () => Promise<T>,
  ): Promise<T> {
    if (this.#tracing === undefined) return work();
    const end = this.begin(operation, context);
    try {
      const answer = await work();
      end(idOf(answer), null);
      return answer;
    } catch (thrown) {
      const error = toMeshError(thrown);
      end(idOf(null) ?? error.metadata.correlation_id ?? null, error);
      throw thrown;
    }
  }

  /** Returns the function that says how it ended. */
  begin(
    operation: Operation,
    { caller, traceparent }: CallContext,
  ): (correlationId: string | null, error: MeshError | null) => void {
    const startedAtMs = Date.now();
    return (correlationId, error) => {
      const failed = error !== null && error.code !== 'cancelled';
      this.#tracing?.ended({
        ...{ operation, caller: caller.name, correlationId, startedAtMs },
        traceparent,
        failure: failed ? { reason: error.reason, message: error.message } : null,
      });
    };
  }
}
