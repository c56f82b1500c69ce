/**
 * The ports of routing. Owns: what a task asks (`Router`), what an engine answers (`RouteEngine`), and the words for the
 * situation that a decision is made in. Does not own: any way of deciding, or where health is read.
 *
 * An engine only weighs a query; the policy (`policy.ts`) makes a decision of the weights and the situation, and says
 * why. So every engine, in this process or behind a wire, is held to the same policy.
 */
import type { Route } from '../schemas/events/generated.ts';

/** When a task asks: at its start, after a review that requests changes, after a hop has failed in passing. */
export type RoutePhase = 'start' | 'after_review' | 'health_changed';

/** The review that a loop turns on. */
export interface ReviewSeen {
  /** Findings of severity error in this review. */
  readonly errors: number;
  /** The fewest errors of any earlier review of the task; null at the first. */
  readonly errorsBefore: number | null;
}

/** What the task knows of itself when it asks. */
export interface Situation {
  readonly phase: RoutePhase;
  /** The workflow that the caller asked for. */
  readonly wish: string | null;
  /** Hops that the task may still start. */
  readonly remainingHops: number;
  /** Loops that the workflow at work may still take; null before there is one. */
  readonly remainingLoops: number | null;
  /** The workflow at work; null at the start. */
  readonly current: string | null;
  /** Roles that the rest of the workflow at work needs; empty at the start. */
  readonly ahead: readonly string[];
  readonly review: ReviewSeen | null;
}

/** Hops of a task that has just begun. */
const HOPS_AT_THE_START = 12;

/** A new task without a wish. */
export const atTheStart: Situation = {
  ...{ phase: 'start', wish: null, remainingHops: HOPS_AT_THE_START, remainingLoops: null, current: null },
  ...{ ahead: [], review: null },
};

/** How a role is, by the registry. */
export interface RoleHealth {
  readonly role: string;
  readonly healthy: boolean;
  /** Alive, with more work waiting than it should be given. */
  readonly saturated: boolean;
  /** Capability tags of its service. */
  readonly tags: readonly string[];
  /** Why it is not healthy, or saturated, in words; empty when it is well. */
  readonly reason: string;
}

/** The situation with the mesh around it: all that a decision rests on besides the query. */
export interface RouteContext extends Situation {
  readonly roles: readonly RoleHealth[];
}

/** A decision; the same form is in the fact `task.routed`. */
export type Decision = Route;

/** What the router of a process answers: the decision, and after a review also whether the loop goes on. */
export interface Decided {
  readonly decision: Decision;
  readonly next: 'begin' | 'continue' | 'finish';
}

export interface Router {
  /** Never rejects for an engine's failure: that is a decision too, with its reason. Rejects when aborted. */
  decide(query: string, situation: Situation, signal: AbortSignal): Promise<Decided>;
}

/** A workflow as a route: what an engine is told of it, and what the policy needs to know. */
export interface RouteOption {
  readonly name: string;
  readonly description: string;
  /** Queries that belong there. */
  readonly examples?: readonly string[];
  /** Roles that it needs, those included that its roles ask for help. */
  readonly roles: readonly string[];
  /** Hops that it takes when nothing fails and nothing goes round. */
  readonly hops: number;
  readonly loops: boolean;
}

/** What an engine says of a query, before any policy. */
export interface Weighing {
  /** Probability by route, of the routes that the engine knows; they sum to one. */
  readonly probabilities: Readonly<Record<string, number>>;
  /** One clause for people. */
  readonly reason: string;
}

export interface RouteEngine {
  /** `embedded`, `remote` or `rules`; it is in every decision. */
  readonly name: string;
  /** Decisions that are under way or wait; each takes its turn. */
  readonly waiting?: number;
  /** Resolves when it can weigh at once, or knows that it never can; loading is not held against its time limit. */
  ready?(): Promise<void>;
  /** @throws RouteEngineError, or an abort */
  weigh(query: string, roles: readonly RoleHealth[], signal: AbortSignal): Promise<Weighing>;
  close?(): Promise<void>;
}

export type RouteEngineCode =
  /** It answered, but not in the form that it was asked for. */
  | 'invalid_answer'
  /** It did not answer in time. */
  | 'timeout'
  /** It had others to answer first; that says nothing of its health. */
  | 'busy'
  /** It failed, or is not there. */
  | 'unavailable';

/** An engine that gave no weights. The policy takes the fallback and repeats the message. */
export class RouteEngineError extends Error {
  override readonly name = 'RouteEngineError';
  readonly code: RouteEngineCode;
  constructor(code: RouteEngineCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
