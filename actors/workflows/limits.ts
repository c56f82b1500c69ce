/**
 * Limits of time that lie inside each other: a generation < the attempts of its effect < the step < the task. Owns:
 * deriving those that a workflow file leaves out, and refusing those that do not fit. Does not own: the time of a
 * generation (roles/llm/budget.ts), or keeping any limit.
 *
 * All of them count work. How long something may wait for its turn is a limit of its own (`waitMsMax` of the runtime).
 */
import type { RoleDefinition } from '../runtime/role.ts';

/** For a role that says nothing of its own. */
const STEP_MS_DEFAULT = 300_000;

/** What a role says about its steps. */
export type RoleLimits = Pick<RoleDefinition, 'name' | 'asks' | 'asksAlso' | 'stepMs' | 'confirmsCancel'>;

export interface WorkflowLimits {
  readonly roles: ReadonlyMap<string, RoleLimits>;
  /** What a step needs at least whose role asks a model, with a second attempt; null when no model is set up. */
  readonly modelStepMs: number | null;
  /** Of a task whose workflow and caller say nothing. */
  readonly deadlineMs: number;
  /** Settings that the numbers come from, to be named where they do not fit. */
  readonly names: { readonly modelStepMs: string; readonly deadlineMs: string };
}

export function limitsOf(
  roles: readonly RoleLimits[],
  times: Partial<Pick<WorkflowLimits, 'modelStepMs' | 'deadlineMs'>> = {},
): WorkflowLimits {
  return {
    roles: new Map(roles.map((role) => [role.name, role])),
    modelStepMs: times.modelStepMs ?? null,
    deadlineMs: times.deadlineMs ?? 3_600_000,
    names: { modelStepMs: 'LLM_TIMEOUT_MS', deadlineMs: 'MESH_TASK_DEADLINE_MS' },
  };
}

interface StepTime {
  readonly role: string;
  readonly timeoutMs?: number;
}

function modelStepMs({ roles, modelStepMs: ms }: WorkflowLimits, role: string): number | null {
  const { asks = [], asksAlso = [] } = roles.get(role) ?? {};
  return ms !== null && [...asks, ...asksAlso].includes('llm') ? ms : null;
}

/** Time of a step, milliseconds: the file's word, or what its role needs with the model at hand. */
export function stepMs(limits: WorkflowLimits, { role, timeoutMs }: StepTime): number {
  if (timeoutMs !== undefined) return timeoutMs;
  return Math.max(limits.roles.get(role)?.stepMs ?? STEP_MS_DEFAULT, modelStepMs(limits, role) ?? 0);
}

/** Why the time that a file gives a step cannot be, or null. What it leaves out always fits. */
export function misfit(limits: WorkflowLimits, step: StepTime, workflowDeadlineMs: number | undefined): string | null {
  const { timeoutMs } = step;
  if (timeoutMs === undefined) return null;
  const { names } = limits;
  const needs = modelStepMs(limits, step.role);
  if (needs !== null && timeoutMs < needs)
    return `${timeoutMs} ms is less than the ${needs} ms that a step of ${step.role} may need with its model (${names.modelStepMs}): leave it out, or lower that`;
  const deadlineMs = workflowDeadlineMs ?? limits.deadlineMs;
  const whose = workflowDeadlineMs === undefined ? names.deadlineMs : 'deadlineMs of the workflow';
  if (timeoutMs >= deadlineMs)
    return `${timeoutMs} ms is not less than the ${deadlineMs} ms that the whole task has (${whose}): lower it, raise that, or leave it out`;
  return null;
}
