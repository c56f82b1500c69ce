/**
 * One attempt of an effect. Owns: its time limit, its heartbeats, its abort. Does not own: whether there is another.
 *
 * Its time is that of its work: while it says that it waits for its turn, its limit stands still.
 */
import { EffectError } from '../errors.ts';
import type { Clock } from '../ports.ts';
import type { EffectContext, EffectHandler } from '../role.ts';

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
  /** Ends it as failed: it has not done what it waited for. */
  fail(error: EffectError): void;
}

export interface AttemptOptions {
  handler: EffectHandler;
  input: unknown;
  clock: Clock;
  context: Omit<EffectContext, 'signal' | 'heartbeat' | 'waits'>;
  onHeartbeat: (note: string) => void;
  /** It waits, with so many ahead; or, by null, no more. */
  onWait: (ahead: number | null) => void;
}

/** Runs the effect until it ends or is ended; a handler that ignores its signal is left behind, its result dropped. */
export function beginAttempt(options: AttemptOptions): Attempt {
  const { handler, clock } = options;
  const controller = new AbortController();
  const abort = (reason: Error): void => controller.abort(reason);
  const limit = stoppable(clock, handler.timeoutMs, () =>
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
    waits(ahead) {
      if (controller.signal.aborted) return;
      if (ahead === null) {
        limit.goOn();
        expectHeartbeat();
      } else {
        limit.standStill();
        cancelHeartbeat?.();
      }
      options.onWait(ahead);
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
    limit.standStill();
    cancelHeartbeat?.();
    return ending;
  });
  return { ended, cancel: () => abort(new AttemptCancelled('cancelled')), fail: abort };
}

/** A limit of work, counting from now: it stands still while what it limits waits, and goes on where it stood. */
export function stoppable(clock: Pick<Clock, 'elapsed' | 'after'>, limitMs: number, onOver: () => void) {
  let leftMs = limitMs;
  let sinceMs = 0;
  let cancel: (() => void) | null = null;
  const goOn = (): void => {
    if (cancel !== null) return;
    sinceMs = clock.elapsed();
    cancel = clock.after(leftMs, onOver);
  };
  const standStill = (): void => {
    if (cancel === null) return;
    cancel();
    cancel = null;
    leftMs = Math.max(0, leftMs - (clock.elapsed() - sinceMs));
  };
  goOn();
  return { goOn, standStill };
}

async function run(handler: EffectHandler, input: unknown, context: EffectContext): Promise<Ending> {
  try {
    return { kind: 'done', output: await handler.run(input, context) };
  } catch (error) {
    return { kind: 'failed', error };
  }
}
