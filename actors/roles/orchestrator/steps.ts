/**
 * Where a task is in its workflow, and where it goes: pure functions on the machine's context. Owns: from which step to
 * which one a task goes, and its ends. Does not own: a hop (`hops.ts`), the loop (`review-loop.ts`), what a person says
 * (`decisions.ts`).
 *
 * Invariant (S8): at most HOPS_MAX hops are started, whatever the workflow says.
 */
import type { ErrorInfo, Result, Route, TaskSubmittedData } from '../../../schemas/events/generated.ts';
import type { Workflow, WorkflowStep } from '../../workflows/index.ts';
import { isUnchecked } from './answer.ts';
import { currentStep, errorsIn, HOPS_MAX, type TaskContext } from './context.ts';
import { approvalQuestion, type Question } from './questions.ts';

const ATTEMPTS_DEFAULT = 2;

/** The task with its route; the workflow is copied in, so that it stays what it was (S11). */
export function routed(context: TaskContext, route: Route, workflow: Workflow): TaskContext {
  const chosen = { ...context, route, workflow };
  return context.fork === undefined ? enter(chosen, 0) : forked(chosen, workflow, context.fork);
}

/** Begins at a later step, as if the hops before it had been this task's own. */
function forked(context: TaskContext, workflow: Workflow, fork: NonNullable<TaskSubmittedData['fork']>): TaskContext {
  const { step, artifacts, engine = '', remainingLoops } = fork;
  const at = workflow.steps.findIndex((one) => one.step === step);
  if (at < 0) {
    const message = `the workflow ${workflow.name} has no step ${step} to begin with`;
    return fail(context, { code: 'unknown_step', message, retryable: false });
  }
  const { code, review } = artifacts;
  const best = code && review ? { code, review, errors: errorsIn(review) } : null;
  const loopsUsed = Math.max(0, (workflow.loop?.maxCycles ?? 0) - remainingLoops);
  return enter({ ...context, artifacts, engine, best, loopsUsed }, at);
}

/** Goes to a step: asks for approval first where the workflow says so, and never beyond the limit of hops. */
export function enter(context: TaskContext, at: number): TaskContext {
  // A yes is for one step.
  const yes = context.consented ? { consented: null } : {};
  const moved = { ...context, at, attempt: 1, question: null, ...yes };
  if (at >= (context.workflow?.steps.length ?? 0)) return { ...moved, next: 'completed', outcome: outcomeOf(context) };
  if (context.hop >= HOPS_MAX) return fail(moved, limitError());
  const step = currentStep(moved);
  const needsApproval = step.approval === true || (step.approve !== undefined && context.asksById === true);
  if (needsApproval && !context.approved.includes(step.step)) return ask(moved, approvalOf(moved, step));
  return { ...moved, next: 'hop' };
}

/** Whether the step at work may be tried once more. */
export function mayTryAgain(context: TaskContext): boolean {
  return context.attempt < (currentStep(context).attempts ?? ATTEMPTS_DEFAULT) && context.hop < HOPS_MAX;
}

/** The same step once more. */
export function again(context: TaskContext): TaskContext {
  return { ...context, attempt: context.attempt + 1, next: 'hop' };
}

export function ask(context: TaskContext, question: Question): TaskContext {
  const counted = context.asksById ? { asked: (context.asked ?? 0) + 1 } : {};
  return { ...context, ...counted, next: 'ask', question };
}

/** Of the question that is asked next; ids come in the order of asking, short enough to be typed. */
export function nextQuestionId({ asked = 0 }: TaskContext): string {
  return `q${asked + 1}`;
}

function approvalOf(context: TaskContext, step: WorkflowStep): Question {
  if (context.asksById) return approvalQuestion(step, nextQuestionId(context));
  return { reason: 'approval', text: `May the step ${step.step} (${step.role}) run?`, choices: ['yes', 'no'] };
}

export function limitError(): ErrorInfo {
  return { code: 'too_many_hops', message: `the task used its ${HOPS_MAX} hops`, retryable: false };
}

export function fail(context: TaskContext, error: ErrorInfo): TaskContext {
  return { ...context, next: 'failed', outcome: 'failed', error };
}

function outcomeOf(context: TaskContext): Result['outcome'] {
  const { review } = context.artifacts;
  if (!context.workflow?.loop) return review ? 'reviewed' : 'answered';
  if (review?.verdict !== 'approved') return 'exhausted';
  // Nobody has judged it: that is no approval.
  return isUnchecked(review) ? 'answered' : 'accepted';
}
