/**
 * What a task asks the router, and what it takes of the answer. Owns: both forms, and what is done when the router fails.
 * Does not own: when it is asked (`machine.ts`), or the decision.
 */
import type { Situation } from '../../../router/port.ts';
import type { ErrorInfo, Route, RouteNext } from '../../../schemas/events/generated.ts';
import type { Workflow } from '../../workflows/index.ts';
import { HOPS_MAX, type Reconsidered, remainingLoops, rolesAhead, type TaskContext } from './context.ts';
import { leaves } from './review-loop.ts';

/** Tasks of release 1 say only the first three. */
export interface RouteInput extends Partial<Situation> {
  readonly prompt: string;
  readonly wish: string | null;
  readonly remainingHops: number;
  /** The workflow that a forked task brings along: nothing is left to decide. */
  readonly carried?: unknown;
}

/** The decision with the workflow it names, so that both are in the log. */
export interface RouteOutput {
  readonly route: Route;
  readonly workflow: Workflow;
  /** Absent in what was decided for release 1. */
  readonly next?: RouteNext;
}

export const situation = (context: TaskContext): RouteInput => {
  const { prompt, wish, workflow } = context;
  const remainingHops = HOPS_MAX - context.hop;
  if (!context.reconsiders) return { prompt, wish, remainingHops };
  const carried = workflow === null && context.fork?.workflow !== undefined ? { carried: context.fork.workflow } : {};
  return {
    ...{ prompt, wish, remainingHops, phase: context.occasion ?? 'start', ...carried },
    remainingLoops: workflow === null ? null : remainingLoops(context),
    current: workflow?.name ?? null,
    ahead: workflow === null ? [] : rolesAhead(context),
    review: context.seen ?? null,
  };
};

/** The router is asked again, not for the first time. */
export const onTheWay = ({ occasion = null }: TaskContext): boolean => occasion !== null;

/** When the router fails on the way, the task does what it would have done without asking, and says so. */
export const unasked = (context: TaskContext, error: ErrorInfo): Reconsidered => {
  const { workflow } = context;
  if (workflow === null) throw new Error('a task without a workflow has nothing to reconsider');
  const route = {
    ...{ decision: workflow.name, confidence: 0, fallback: true, engine: 'policy', ms: 0, probabilities: {} },
    reason: `it goes on: the router failed (${error.message})`.slice(0, 1000),
  };
  return { route, workflow, next: 'continue' };
};

/** What is taken of an answer: a workflow that the task may not change to is one that it stays with. */
export const heeded = (context: TaskContext, { route, workflow, next = 'begin' }: RouteOutput): Reconsidered => {
  const own = context.workflow;
  if (own === null) return { route, workflow, next: 'begin' };
  const said = { route, workflow, next };
  if (leaves(context, said)) return said;
  const stays = next === 'finish' && context.occasion === 'after_review' ? next : 'continue';
  return { route: { ...route, decision: own.name }, workflow: own, next: stays };
};
