/**
 * Calls in a trace. Owns: what is told of a call when it is over. Does not own: spans (`telemetry/`), or which calls were
 * not let in: those are over before they reach the core.
 */
import type { Door } from '../schemas/events/generated.ts';
import { type MeshError, toMeshError } from './errors.ts';
import type { CallContext } from './ports.ts';

export type Operation =
  | ('run' | 'submit' | 'get' | 'cancel' | 'respond' | 'fork' | 'watch')
  | ('list' | 'send_message' | 'list_messages' | 'search' | 'set_mode' | 'set_window');

export interface CallFacts {
  readonly operation: Operation;
  readonly caller: string;
  readonly door: Door | null;
  /** The name that the door's protocol has for the call; null where it is the operation's. */
  readonly method: string | null;
  /** The task; null for a call about none, or about one that got no id. */
  readonly correlationId: string | null;
  /** W3C Trace Context of the caller; null for none. */
  readonly traceparent: string | null;
  /** That of the task that it answered with; null for none. */
  readonly taskTraceparent: string | null;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** The reason and the text of its error; null for a call that went well, or whose caller left. */
  readonly failure: { readonly reason: string; readonly message: string } | null;
}

export interface CallTracing {
  ended(facts: CallFacts): void;
}

/** The task that a call is about. */
export interface AboutTask {
  readonly correlationId: string;
  /** Null while nobody has said it. */
  readonly traceparent: string | null;
}

/** A task of which only the name is known; null for none. */
export function taskNamed(correlationId: string | null | undefined): AboutTask | null {
  return correlationId == null ? null : { correlationId, traceparent: null };
}

/** Of one core; without tracing it costs nothing. */
export class Traced {
  readonly #tracing: CallTracing | undefined;

  constructor(tracing: CallTracing | undefined) {
    this.#tracing = tracing;
  }

  /** @param about the task of the call; asked with the answer when there is one */
  async call<T>(
    operation: Operation,
    context: CallContext,
    about: (answer: T | null) => AboutTask | null,
    work: () => Promise<T>,
  ): Promise<T> {
    if (this.#tracing === undefined) return work();
    const end = this.begin(operation, context);
    try {
      const answer = await work();
      end(about(answer), null);
      return answer;
    } catch (thrown) {
      const error = toMeshError(thrown);
      const named = about(null) ?? taskNamed(error.metadata.correlation_id);
      end(named, error);
      throw thrown;
    }
  }

  /** Returns the function that says how it ended. */
  begin(
    operation: Operation,
    { caller, door, method, traceparent }: CallContext,
  ): (task: AboutTask | null, error: MeshError | null) => void {
    const startedAtMs = Date.now();
    return (task, error) => {
      const failed = error !== null && error.code !== 'cancelled';
      this.#tracing?.ended({
        ...{ operation, caller: caller.name, correlationId: task?.correlationId ?? null, startedAtMs },
        ...{ door: door ?? null, method: method ?? null },
        ...{ traceparent, taskTraceparent: task?.traceparent ?? null },
        failure: failed ? { reason: error.reason, message: error.message } : null,
      });
    };
  }
}
