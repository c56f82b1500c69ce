/**
 * Moments in the life of a task, as the orchestrator meets them. Owns: replies that fit the hop at work.
 */

import { currentStep, type TaskContext } from '../../../../actors/roles/orchestrator/context.ts';
import { role } from '../../../../actors/roles/orchestrator/machine.ts';
import type { Workflow } from '../../../../actors/workflows/index.ts';
import type {
  ErrorInfo,
  HopOutput,
  HopRepliedData,
  Message,
  Result,
  RouteNext,
  TaskSubmittedData,
  ToolConsent,
} from '../../../../schemas/events/generated.ts';
import type { EventOptions } from '../../runtime/support/events.ts';
import { done, given, type Moment, received, type Story } from './given.ts';
import { contextOf, routeTo } from './task-life.ts';

export const PROMPT = 'Write a debounce function in TypeScript';

export function taskOf(story: Story): TaskContext {
  const context = contextOf(story.actor);
  if (!context) throw new Error('no task has begun');
  return context;
}

export function submitted(more: Partial<TaskSubmittedData> = {}): Moment {
  return received('task.submitted', { prompt: PROMPT, ...more }, { from: 'ingress', hop: 0 });
}

export function routed(workflow: Workflow): Moment {
  return done('route', routeTo(workflow));
}

/** A task at its first hop, or at its first question. */
export function underWay(workflow: Workflow, more: Partial<TaskSubmittedData> = {}, release = 1): Story {
  return given(role, release).when(submitted(more), routed(workflow));
}

/** The router's answer on the way. */
export function says(next: RouteNext, workflow: Workflow): Moment {
  return done('route', { ...routeTo(workflow), next });
}

function replied(data: Partial<HopRepliedData>, options: EventOptions = {}): Moment {
  return (story) => {
    const context = taskOf(story);
    const { step, role: from } = currentStep(context);
    const whole = { step, attempt: context.attempt, status: 'completed' as const, ...data };
    return received('hop.replied', whole, { from, hop: context.hop, ...options })(story);
  };
}

/** The role at work wants a tool to act outside, and a person to say yes. */
export function needsConsent(consent: ToolConsent): Moment {
  const error = { code: 'consent_needed', message: 'a person is asked first', retryable: false };
  return replied({ status: 'failed', error, consent });
}

/** The role at work has done its step. */
export function completes(output: HopOutput, options: EventOptions = {}): Moment {
  return replied({ output }, options);
}

export function completesWithNothing(): Moment {
  return replied({});
}

export function fails(error: Partial<ErrorInfo> = {}): Moment {
  return replied({ status: 'failed', error: { code: 'broken', message: 'it broke', retryable: false, ...error } });
}

export function failsInPassing(): Moment {
  return fails({ code: 'unavailable', message: 'try later', retryable: true });
}

export function mayHaveHappened(): Moment {
  const error = { code: 'outcome_unknown', message: 'it was cut off', retryable: false };
  return replied({ status: 'unknown', error });
}

export function answers(text: string, questionId?: string, caller?: string): Moment {
  const data = {
    text,
    ...(questionId === undefined ? {} : { questionId }),
    ...(caller === undefined ? {} : { caller }),
  };
  return received('task.input.provided', data, { from: 'ingress', hop: 0 });
}

export function cancels(reason?: string): Moment {
  return received('task.cancel.requested', reason === undefined ? {} : { reason }, { from: 'ingress', hop: 0 });
}

export function tells(text: string, from = 'reviewer', to = 'coder', hop = 1): Moment {
  const message: Message = { messageId: `${from}/${text}`, role: 'ROLE_AGENT', parts: [{ text }] };
  return received('agent.message', message, { from, to, hop });
}

/** The result that the task ended with. */
export function resultOf(story: Story): Result {
  const last = story.sentEver.at(-1)?.event;
  switch (last?.type) {
    case 'dev.agentmesh.task.completed.v1':
    case 'dev.agentmesh.task.failed.v1':
    case 'dev.agentmesh.task.cancelled.v1':
      return last.data.result;
    default:
      throw new Error(`the task has not ended: ${last?.type}`);
  }
}

/** Hops of the result, in brief. */
export function hopsOf(result: Result): string[] {
  return result.hops.map(({ index, step, attempt, status }) => `${index} ${step}#${attempt} ${status}`);
}
