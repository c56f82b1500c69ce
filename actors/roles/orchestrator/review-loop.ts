/**
 * The review loop of a workflow, and what the router may say on the way: pure functions on the machine's context. Owns:
 * whether a task goes round, goes on, or takes another workflow. Does not own: when the router is asked (`machine.ts`).
 *
 * Invariants (S8):
 * 1. The loop goes round at most `maxCycles` times and then ends `exhausted` with the best attempt so far; the router may
 *    end it earlier, never later.
 * 2. A task leaves its workflow for another one at most once, and never for one that goes round.
 */
import type { ErrorInfo } from '../../../schemas/events/generated.ts';
import { currentStep, errorsIn, HOPS_MAX, type Reconsidered, remainingLoops, type TaskContext } from './context.ts';
import { again, enter, fail } from './steps.ts';

/** After the review step of a loop: on, round again, or out with the best attempt. */
export function reviewed(context: TaskContext, revise: string): TaskContext {
  const { code, review } = context.artifacts;
  if (!review) return fail(context, noReview());
  if (!code) return fail(context, noCode());
  const errors = errorsIn(review);
  const best = context.best === null || errors < context.best.errors ? { code, review, errors } : context.best;
  const kept = { ...context, best };
  if (review.verdict === 'approved') return enter(kept, context.at + 1);
  if (remainingLoops(context) <= 0 || context.hop >= HOPS_MAX) return bestSoFar(kept);
  if (!context.reconsiders) return roundAgain(kept, revise);
  const seen = { errors, errorsBefore: context.best?.errors ?? null };
  return { ...kept, next: 'reconsider', occasion: 'after_review', seen };
}

function roundAgain(context: TaskContext, revise: string): TaskContext {
  const target = context.workflow?.steps.findIndex(({ step }) => step === revise) ?? 0;
  // What was approved in one round was approved for that round.
  const round = context.asksById ? { approved: approvedBefore(context, target) } : {};
  return enter({ ...context, ...round, loopsUsed: context.loopsUsed + 1 }, target);
}

/** Approvals of the steps before the loop. */
function approvedBefore({ approved, workflow }: TaskContext, target: number): readonly string[] {
  const before = workflow?.steps.slice(0, target).map(({ step }) => step) ?? [];
  return approved.filter((step) => before.includes(step));
}

/** The loop ends without an approval. */
function bestSoFar(context: TaskContext): TaskContext {
  const { best, artifacts } = context;
  const kept = best ? { ...artifacts, code: best.code, review: best.review } : artifacts;
  return enter({ ...context, artifacts: kept }, context.at + 1);
}

/** The router has been asked again. What it may say is bounded here, whatever it says. */
export function reconsidered(context: TaskContext, said: Reconsidered): TaskContext {
  const { occasion = null } = context;
  const known: TaskContext = { ...context, occasion: null, seen: null };
  switch (occasion) {
    case 'after_review': {
      const loop = context.workflow?.loop;
      return said.next === 'finish' || !loop ? bestSoFar(known) : roundAgain(known, loop.revise);
    }
    case 'health_changed':
      return leaves(context, said) ? rerouted(known, said) : again(known);
    case null:
      throw new Error('the router was not asked');
    default:
      throw new Error(`unknown occasion ${JSON.stringify(occasion satisfies never)}`);
  }
}

/** Whether the task takes another workflow: one that goes round would give it loops anew. */
export function leaves(context: TaskContext, { next, workflow }: Reconsidered): boolean {
  return (
    context.occasion === 'health_changed' &&
    next === 'begin' &&
    workflow.name !== context.workflow?.name &&
    workflow.loop === undefined
  );
}

/** Another workflow from its first step, with what was found so far; approvals were given for the old one. */
function rerouted(context: TaskContext, { route, workflow }: Reconsidered): TaskContext {
  const fresh = { ...context, rerouted: true, loopsUsed: 0, best: null, approved: [], error: null };
  return enter({ ...fresh, route, workflow }, 0);
}

export function noReview(): ErrorInfo {
  return { code: 'no_review', message: 'the review step made no review', retryable: false };
}

/** A task that begins at its review has what it was given, which may be no code. */
function noCode(): ErrorInfo {
  return { code: 'no_code', message: 'the review step had no code to review', retryable: false };
}

/**
 * Whether the loop moved, and how; null when the step at work is not the loop's review, when it had no code to review,
 * or when the router is to be asked before it moves.
 */
export function loopMove(before: TaskContext, after: TaskContext): 'revise' | 'accepted' | 'exhausted' | null {
  const loop = before.workflow?.loop;
  if (!loop || currentStep(before).step !== loop.review || after.hops.at(-1)?.status !== 'completed') return null;
  if (after.next === 'reconsider' || !after.artifacts.code) return null;
  if (after.loopsUsed > before.loopsUsed) return 'revise';
  return after.artifacts.review?.verdict === 'approved' ? 'accepted' : 'exhausted';
}
