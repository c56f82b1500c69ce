/**
 * What happens to a task in random histories: replies of every kind to whatever hop is at work, people who answer, and
 * callers who cancel. Owns: the orchestrator's speech and the routes it may be given.
 */
import type { TaskContext } from '../../../../actors/roles/orchestrator/context.ts';
import type { Outcome } from '../../../../actors/runtime/effects/settlement.ts';
import type { Actor } from '../../../../actors/runtime/tasks/actor.ts';
import type { Workflow } from '../../../../actors/workflows/index.ts';
import type { MeshEvent } from '../../../../schemas/events/envelope.ts';
import type { HopOutput, HopRepliedData, Route } from '../../../../schemas/events/generated.ts';
import { eventOf, idOf } from '../../runtime/support/events.ts';
import type { Choice, Outcomes, Speech } from '../../runtime/support/histories.ts';
import { answered, coded, retrieved, reviewed, toolRan } from './samples.ts';
import { approvalWorkflow, builtin, eagerWorkflow } from './workflows.ts';

const routes: readonly Workflow[] = [...builtin.values(), approvalWorkflow, eagerWorkflow];

export function contextOf(actor: Actor | null): TaskContext | null {
  return actor ? (actor.snapshot.context as TaskContext) : null;
}

export function routeTo(workflow: Workflow): { route: Route; workflow: Workflow } {
  const route = { decision: workflow.name, confidence: 0.9, fallback: false, reason: 'a test', probabilities: {} };
  return { route: { ...route, engine: 'rules', ms: 1 }, workflow };
}

function outputOf(role: string, { pick, detail }: Choice): HopOutput {
  switch (role) {
    case 'retriever':
      return retrieved;
    case 'coder':
      return coded(1 + (detail % 9));
    case 'reviewer':
      return reviewed(pick % 4 === 0 ? 0 : detail % 5);
    case 'tools':
      return toolRan;
    default:
      return answered;
  }
}

function replyTo(actor: Actor | null, choice: Choice): { data: HopRepliedData; from: string; hop: number } {
  const context = contextOf(actor);
  const step = context?.workflow?.steps[context.at];
  const { pick, detail } = choice;
  const place = { step: step?.step ?? 'respond', attempt: context?.attempt ?? 1 };
  const stale = detail % 11 === 0 ? 1 : 0;
  const addressed = { from: step?.role ?? 'responder', hop: Math.max(0, (context?.hop ?? 0) - stale) };
  const error = { code: 'broken', message: 'it broke', retryable: pick % 2 === 0 };
  if (detail % 5 === 0) return { ...addressed, data: { ...place, status: 'failed', error } };
  if (detail % 13 === 0) return { ...addressed, data: { ...place, status: 'unknown', error } };
  if (detail % 17 === 0) return { ...addressed, data: { ...place, status: 'completed' } };
  return { ...addressed, data: { ...place, status: 'completed', output: outputOf(addressed.from, choice) } };
}

const WORDS = ['yes', 'no', 'done', 'retry', 'abort', 'receipt 20417'];

/** @param release the generation of machines that the task begins on */
export const orchestratorSpeech =
  (release: number): Speech =>
  (actor, choice, nth): MeshEvent => {
    const { kind, pick, detail } = choice;
    const id = idOf(`task/${nth}`);
    const outside = { id, from: 'ingress', to: 'orchestrator', hop: 0 };
    if (!actor) {
      const deadline = detail % 3 === 0 ? { deadlineMs: 1000 + detail } : {};
      return eventOf('task.submitted', { prompt: `Do ${pick}`, ...deadline }, { ...outside, release });
    }
    if (kind % 97 === 0) return eventOf('task.cancel.requested', { reason: 'not needed' }, outside);
    if (contextOf(actor)?.question || kind % 31 === 0) {
      const named = detail % 3 === 0 ? {} : { questionId: `q${1 + (detail % 4)}` };
      return eventOf('task.input.provided', { text: WORDS[pick % WORDS.length] ?? 'yes', ...named }, outside);
    }
    if (kind % 10 === 3) {
      const message = { messageId: `m${nth}`, role: 'ROLE_AGENT' as const, parts: [{ text: 'look at line 2' }] };
      return eventOf('agent.message', message, { id, from: 'reviewer', to: 'coder', hop: detail % 12 });
    }
    const { data, from, hop } = replyTo(actor, choice);
    return eventOf('hop.replied', data, { id, from, to: 'orchestrator', hop });
  };

export const orchestratorOutcomes: Outcomes = (_src, { pick, detail }): Outcome => {
  const workflow = routes[pick % routes.length];
  if (detail % 23 === 0 || !workflow) {
    return { status: 'failed', error: { code: 'unknown_workflow', message: 'there is none', retryable: false } };
  }
  const next = (['begin', 'continue', 'finish'] as const)[detail % 3];
  return { status: 'done', output: { ...routeTo(workflow), ...(next ? { next } : {}) } };
};
