/**
 * What a task is, as the orchestrator keeps it: the context of its machine, and what can be read off it. Owns: the form,
 * and how a task begins in each release. Does not own: how it changes (`steps.ts`, `hops.ts`).
 */
import type { ReviewSeen, RoutePhase } from '../../../router/port.ts';
import type {
  CodeArtifact,
  Degraded,
  ErrorInfo,
  HopInput,
  HopOutput,
  HopRecord,
  Loops,
  Message,
  Priority,
  Result,
  Review,
  Route,
  RouteNext,
  Share,
  TaskSubmittedData,
  ToolConsent,
} from '../../../schemas/events/generated.ts';
import type { Workflow, WorkflowStep } from '../../workflows/index.ts';
import type { Answered, Question } from './questions.ts';

/** A build with both cycles takes seven; room for retries. */
export const HOPS_MAX = 12;
export type Artifacts = Omit<HopInput, 'prompt'> & Pick<HopOutput, 'answer'>;

/** What is to be done next; the machine's states follow it. */
export type Next = 'hop' | 'ask' | 'reconsider' | 'completed' | 'failed';

/** Why the router is asked once more. */
export type Occasion = Exclude<RoutePhase, 'start'>;

/** What the router said on such an occasion. */
export interface Reconsidered {
  readonly route: Route;
  readonly workflow: Workflow;
  readonly next: RouteNext;
}

export interface TaskContext {
  readonly prompt: string;
  readonly wish: string | null;
  readonly caller: string | null;
  readonly deadlineMs: number | null;
  /** The caller's own name of the task; a task of an older release has no such field. */
  readonly key?: string;
  /** Where to begin and with what, in a task that runs another again; a task of an older release has no such field. */
  readonly fork?: TaskSubmittedData['fork'];
  readonly route: Route | null;
  readonly workflow: Workflow | null;
  /** Index of the step at work. */
  readonly at: number;
  /** Attempt at this step, from 1. */
  readonly attempt: number;
  /** Hops started. */
  readonly hop: number;
  readonly hopStartedAtMs: number;
  /** A hop is at work. */
  readonly busy: boolean;
  readonly loopsUsed: number;
  readonly hops: readonly HopRecord[];
  readonly messages: readonly Message[];
  readonly artifacts: Artifacts;
  readonly best: { readonly code: CodeArtifact; readonly review: Review; readonly errors: number } | null;
  readonly engine: string;
  /** Why what was made is less than what was asked for; absent when it is not. */
  readonly degraded?: Degraded | null;
  /** The steps that a person has approved. */
  readonly approved: readonly string[];
  readonly question: Question | null;
  readonly error: ErrorInfo | null;
  readonly next: Next;
  readonly outcome: Result['outcome'];
  /** The router is asked again on its way; absent in tasks of release 1, which is asked once. */
  readonly reconsiders?: boolean;
  /** Set while `next` is `reconsider`. */
  readonly occasion?: Occasion | null;
  /** Errors of the last review and the fewest before it, while the router is asked whether to go round. */
  readonly seen?: ReviewSeen | null;
  /** It has left its first workflow for another. */
  readonly rerouted?: boolean;
  /** Roles are told when it is a person who wants a deed again; absent in tasks before release 3. */
  readonly tellsRepeats?: boolean;
  /** The hop that comes next, or is at work, may repeat what may have been done. */
  readonly repeat?: boolean;
  /** Questions have ids, and answers are taken by their rules (`questions.ts`); absent in tasks before release 4. */
  readonly asksById?: boolean;
  /** Questions asked so far. */
  readonly asked?: number;
  /** What was answered, in order. */
  readonly answers?: readonly Answered[];
  /** Its time counts on after a question, its steps say whose they are, and a deed that is cut off is asked after; absent in tasks before release 4. */
  readonly keepsTime?: boolean;
  readonly priority?: Priority | null;
  readonly waitForModel?: boolean;
  /** Time that it has worked until the last question, and when it went on after it, on the clock of its partition. */
  readonly spentMs?: number;
  readonly workingSinceUpMs?: number;
  /** How the task came in; a task of an older release has no such field. */
  readonly door?: Share['door'];
  /** The tool that the open question is about, and the one that a person has said yes to, for the step at work. */
  readonly consent?: ToolConsent | null;
  readonly consented?: ToolConsent | null;
  /** How it will end once its role has said what it had begun. */
  readonly ending?: Ending | null;
}

export interface Ending {
  readonly outcome: 'failed' | 'cancelled';
  readonly error: ErrorInfo;
}

export const emptyTask: TaskContext = {
  ...{ prompt: '', wish: null, caller: null, deadlineMs: null, route: null, workflow: null },
  ...{
    at: 0,
    attempt: 1,
    hop: 0,
    hopStartedAtMs: 0,
    busy: false,
    loopsUsed: 0,
    hops: [],
    messages: [],
    artifacts: {},
    best: null,
  },
  ...{ engine: '', approved: [], question: null, error: null, next: 'hop', outcome: 'answered' },
};

/** Tasks that ask the router again. */
export const emptyReconsideringTask: TaskContext = { ...emptyTask, reconsiders: true };

/** Tasks that tell a role, too, when a person wants a deed again. */
export const emptyRepeatingTask: TaskContext = { ...emptyReconsideringTask, tellsRepeats: true };

/** Tasks whose time counts on after a question, and whose questions have ids. */
export const emptyTimedTask: TaskContext = { ...emptyRepeatingTask, keepsTime: true, asksById: true };

/** Time a task may take when nobody says otherwise, waiting for people not counted, in tasks before release 4. */
const DEADLINE_MS = 3_600_000;

/** The whole time of the task, milliseconds: its caller's word, its workflow's, or the mesh's. */
export function deadlineMsOf({ deadlineMs, keepsTime, workflow }: TaskContext): number {
  return deadlineMs ?? (keepsTime ? workflow?.deadlineMs : undefined) ?? DEADLINE_MS;
}

/** What is left of it: waiting for people is not counted. */
export function timeLeftMs(context: TaskContext): number {
  return Math.max(1, deadlineMsOf(context) - (context.spentMs ?? 0));
}

export function currentStep(context: TaskContext): WorkflowStep {
  const step = context.workflow?.steps[context.at];
  if (!step) throw new RangeError(`no step ${context.at} in ${context.workflow?.name ?? 'no workflow'}`);
  return step;
}

export function loopsOf(context: TaskContext): Loops {
  return { used: context.loopsUsed, max: context.workflow?.loop?.maxCycles ?? 0 };
}

export function remainingLoops(context: TaskContext): number {
  const { used, max } = loopsOf(context);
  return max - used;
}

/** Roles of the steps that are still to come, of a loop those of one round. */
export function rolesAhead(context: TaskContext): string[] {
  const steps = context.workflow?.steps ?? [];
  const loop = context.occasion === 'after_review' ? context.workflow?.loop : undefined;
  const from = loop ? steps.findIndex(({ step }) => step === loop.revise) : context.at;
  const to = loop ? context.at + 1 : steps.length;
  return [...new Set(steps.slice(Math.max(0, from), to).map(({ role }) => role))];
}

/** By which attempts at the same code are compared. */
export function errorsIn(review: Review): number {
  return review.findings.filter(({ severity }) => severity === 'error').length;
}
