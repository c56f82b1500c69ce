/**
 * What all working roles share: being asked for a hop and replying to it. Owns: the reply's form. Does not own: the work.
 */
import type { ErrorInfo, HopOutput, HopRequestedData, LlmRequestedData } from '../../schemas/events/generated.ts';
import { type EffectWaiting, type Incoming, type Outgoing, out } from '../runtime/role.ts';

/** The hop a role is at work on; null between hops. */
export interface HopContext {
  readonly request: HopRequestedData | null;
}

export type HopEvents = Incoming<'hop.requested' | 'hop.cancelled' | 'agent.message'>;

export const idleHop: HopContext = { request: null };

/** The request at work. @throws RangeError between hops, which would be a mistake in the machine */
export function requestOf(context: HopContext): HopRequestedData {
  if (!context.request) throw new RangeError('no hop is at work');
  return context.request;
}

/** True when the cancelled hop is the one at work; an older one's cancel changes nothing. */
export function isForHop(context: HopContext, event: Incoming<'hop.cancelled'>): boolean {
  return context.request?.step === event.data.step && context.request.attempt === event.data.attempt;
}

export function completed(context: HopContext, output: HopOutput): Outgoing {
  const { step, attempt } = requestOf(context);
  return out('hop.replied', 'orchestrator', { step, attempt, status: 'completed', output });
}

export function failed(context: HopContext, error: ErrorInfo): Outgoing {
  const { step, attempt } = requestOf(context);
  const status = error.code === 'outcome_unknown' ? 'unknown' : 'failed';
  return out('hop.replied', 'orchestrator', { step, attempt, status, error });
}

/** The hop at work waits for its turn, or its turn has come: the time of the step counts from then. */
export function stepWaits(role: string, { waiting, ahead }: Pick<EffectWaiting, 'waiting' | 'ahead'>): Outgoing {
  return out('hop.waiting', 'orchestrator', { role, waiting, ahead });
}

/** How the work stands beside that of others: passed on to whoever is asked for help with it. */
export function standingOf({
  share,
  waitForModel,
}: HopRequestedData): Pick<HopRequestedData, 'share' | 'waitForModel'> {
  return { ...(share === undefined ? {} : { share }), ...(waitForModel ? { waitForModel } : {}) };
}

/** Which skill a request for text names; before its version 5 a role said a `purpose` for it. */
export type Wanted = Pick<LlmRequestedData, 'skill' | 'purpose'>;

/** What an effect failed with: the runtime hands an ErrorInfo over, XState types it as unknown. */
export function errorOf(thrown: unknown): ErrorInfo {
  const fallback = { code: 'unexpected', message: String(thrown), retryable: false };
  if (typeof thrown !== 'object' || thrown === null) return fallback;
  return { ...fallback, message: 'the effect failed', ...thrown };
}
