/**
 * An A2A call as the handler sees it, whichever binding it came by. Owns: the caller in the SDK's place for a user, and
 * waiting for a reader that is slower than its task. Does not own: who is let in (`http.ts`, `grpc.ts`).
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerCallContext, User } from '@a2a-js/sdk/server';
import { callerLeft, MeshError } from '../../task-client/errors.ts';
import type { CallContext } from '../../task-client/ports.ts';

/** Methods of A2A 1.0 that ask something of the mesh, by their names in its service. */
export type A2aMethod =
  | ('SendMessage' | 'SendStreamingMessage' | 'SubscribeToTask' | 'GetTask' | 'CancelTask' | 'ListTasks')
  | ('CreateTaskPushNotificationConfig' | 'GetTaskPushNotificationConfig')
  | ('ListTaskPushNotificationConfigs' | 'DeleteTaskPushNotificationConfig');

export type Binding = 'jsonrpc' | 'rest' | 'grpc';

/** Where the answer goes: a response of HTTP, or a stream of gRPC. */
export interface Outlet extends NodeJS.EventEmitter {
  readonly writableNeedDrain?: boolean;
  destroy?(): unknown;
}

/** Who takes nothing in this time is not reading any more. */
const READ_ON_WITHIN_MS = 30_000;
/** The same once more is waiting than may wait; as for the watchers of gRPC. */
const READ_ON_WITHIN_MS_WHEN_FULL = 5000;

/** Why a call was refused, where A2A has no error of its own for it. */
export interface Refusal {
  /** google.rpc.ErrorInfo. */
  readonly info: object;
  readonly retryAfterMs: number | null;
}

export class A2aCall implements User {
  refusal: Refusal | null = null;
  readonly binding: Binding;
  readonly #outlet: Outlet;
  readonly #full = new AbortController();
  #context: CallContext;

  constructor(binding: Binding, context: CallContext, outlet: Outlet) {
    this.binding = binding;
    this.#context = context;
    this.#outlet = outlet;
  }

  get context(): CallContext {
    return this.#context;
  }

  /** @param method as the protocol names it: it stands on the spans of what the call asks of the mesh */
  named(method: A2aMethod): this {
    this.#context = { ...this.#context, method };
    return this;
  }

  get isAuthenticated(): boolean {
    return true;
  }

  get userName(): string {
    return this.context.caller.name;
  }

  /** More is waiting for the reader than may wait: it is given what is here, as long as it reads on. */
  readonly tooSlow = (): void => this.#full.abort();

  /**
   * Resolves when the reader has taken what was written; the SDK itself would pile up everything in memory.
   * @throws MeshError when the reader takes nothing for long
   */
  async drained(): Promise<void> {
    if (this.#outlet.writableNeedDrain !== true) return;
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.context.signal]);
    const late = this.#late(signal);
    try {
      if ((await Promise.race([once(this.#outlet, 'drain', { signal }), late])) !== 'late') return;
    } catch (error) {
      if (!this.context.signal.aborted) throw error;
      throw callerLeft(this.context.signal);
    } finally {
      over.abort();
      late.catch(() => undefined);
    }
    this.#outlet.destroy?.();
    throw new MeshError('resource_exhausted', 'SLOW_READER', 'the reader takes nothing; subscribe to the task again');
  }

  /** Resolves when the reader has had its time. */
  async #late(signal: AbortSignal): Promise<'late'> {
    const patience = AbortSignal.any([signal, this.#full.signal]);
    try {
      if (!patience.aborted) return await sleep(READ_ON_WITHIN_MS, 'late' as const, { signal: patience });
    } catch (error) {
      if (signal.aborted) throw error;
    }
    return sleep(READ_ON_WITHIN_MS_WHEN_FULL, 'late' as const, { signal });
  }
}

/** The call that the SDK carries through as its user. */
export function callOf({ user }: ServerCallContext): A2aCall {
  if (user instanceof A2aCall) return user;
  throw new Error('an A2A call came in past its admission');
}
