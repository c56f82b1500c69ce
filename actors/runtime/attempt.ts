/**
 * One attempt of an effect. Owns: its time limit, its heartbeats, its abort. Does not own: whether there is another.
 */
import { EffectError } from './errors.ts';
import type { Clock } from './ports.ts';
import type { EffectContext, EffectHandler } from './role.ts';

/** Why an attempt was aborted from outside. */
export class AttemptCancelled extends Error {
  override readonly name = 'AttemptCancelled';
}

export type Ending =
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** Aborted by the host: nobody wants the result. */
  | { readonly kind: 'cancelled' };

export interface Attempt {
  readonly ended: Promise<Ending>;
  cancel(): void;
}

export interface AttemptOptions {
  handler: EffectHandler;
  input: unknown;
  clock: Clock;
  context: Omit<EffectContext, 'signal' | 'heartbeat'>;
  onHeartbeat: (note: string) => void;
}

/** Runs the effect until it ends or is ended; a handler that ignores its signal is left behind, its result dropped. */
export function beginAttempt(options: AttemptOptions): Attempt {
  const { handler, clock } = options;
  const controller = new AbortController();
  const abort = (reason: Error): void => controller.abort(reason);
  const cancelTimeout = clock.after(handler.timeoutMs, () =>
    abort(new EffectError('timeout', `no result within ${handler.timeoutMs} ms`, { retryable: true })),
  );
  let cancelHeartbeat: (() => void) | undefined;
  const expectHeartbeat = (): void => {
    cancelHeartbeat?.();
    const { heartbeatMs } = handler;
    if (heartbeatMs === undefined) return;
    cancelHeartbeat = clock.after(heartbeatMs, () =>
      abort(new EffectError('heartbeat_missed', `no heartbeat for ${heartbeatMs} ms`, { retryable: true })),
    );
  };
  expectHeartbeat();

  const context: EffectContext = {
    ...options.context,
    signal: controller.signal,
    heartbeat(note = '') {
      if (controller.signal.aborted) return;
      expectHeartbeat();
      options.onHeartbeat(note);
    },
  };
  const aborted = new Promise<Ending>((resolve) => {
    controller.signal.addEventListener('abort', () => {
      const { reason } = controller.signal;
      resolve(reason instanceof AttemptCancelled ? { kind: 'cancelled' } : { kind: 'failed', error: reason });
    });
  });
  const ran = run(handler, options.input, context);
  const ended = Promise.race([ran, aborted]).then((ending) => {
    cancelTimeout();
    cancelHeartbeat?.();
    return ending;
  });
  return { ended, cancel: () => abort(new AttemptCancelled('cancelled')) };
}

async function run(handler: EffectHandler, input: unknown, context: EffectContext): Promise<Ending> {
  try {
    return { kind: 'done', output: await handler.run(input, context) };
  } catch (error) {
    return { kind: 'failed', error };
  }
}
