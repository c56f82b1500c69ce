/**
 * What a task says: to the roles that work on it, and to whoever watches it. Owns: the data and the envelope of each.
 * Does not own: when it is said (`machine.ts`).
 */
import type { TaskInputAcceptedData, TaskInputProvidedData } from '../../../schemas/events/generated.ts';
import { type Incoming, type Outgoing, out, WATCHERS } from '../../runtime/role.ts';
import { currentStep, errorsIn, loopsOf, type Reconsidered, remainingLoops, type TaskContext } from './context.ts';
import { hopInput } from './hops.ts';
import { alreadyAnswered, answerTo, refusalOf, refusedData, requiredData } from './questions.ts';
import { resultOf } from './result.ts';
import { loopMove } from './review-loop.ts';

/** Hops and loops of the envelope: as the task counts them, not as the sender saw them. */
export const place = (context: TaskContext) => ({ hop: context.hop, loops: remainingLoops(context) });

export const hopRequest = (context: TaskContext): Outgoing => {
  const { step, role, timeoutMs } = currentStep(context);
  const { attempt, repeat, consented } = context;
  const asked = {
    ...{ step, attempt, timeoutMs, input: hopInput(context) },
    ...(repeat ? { repeat } : {}),
    ...(consented ? { consented } : {}),
    ...standing(context),
  };
  return out('hop.requested', role, asked, place(context));
};
/** How the work of the task stands beside that of others. */
const standing = ({ keepsTime, caller, priority, waitForModel, door }: TaskContext) => {
  if (!keepsTime) return {};
  const from = door === undefined ? {} : { door };
  const share = { caller: caller ?? '', priority: priority ?? 'normal', ...from } as const;
  return { share, ...(waitForModel ? { waitForModel } : {}) };
};
export const hopStarted = (context: TaskContext): Outgoing => {
  const { step, role } = currentStep(context);
  return out('hop.started', WATCHERS, { index: context.hop, role, step, attempt: context.attempt }, place(context));
};
export const hopFinished = (context: TaskContext): Outgoing => {
  const hop = context.hops.at(-1);
  if (!hop) throw new Error('no hop has finished');
  return out('hop.finished', WATCHERS, { hop, ...(context.error ? { error: context.error } : {}) }, place(context));
};
export const hopCancelled = (context: TaskContext, reason: string): Outgoing => {
  const { step, role } = currentStep(context);
  return out('hop.cancelled', role, { step, attempt: context.attempt, reason }, place(context));
};
export const question = (context: TaskContext): Outgoing => {
  const asked = context.question ?? { text: '', reason: 'approval', choices: [] };
  return out('task.input.required', WATCHERS, requiredData(asked), { ...place(context), awaited: true });
};
/** Whoever waits for an answer hears of it at once. */
export const inputAccepted = (context: TaskContext, answer: TaskInputAcceptedData): Outgoing => {
  const questionId = context.question?.id;
  if (questionId === undefined) return out('task.input.accepted', WATCHERS, answer, place(context));
  return out('task.input.accepted', WATCHERS, { ...answer, questionId }, { ...place(context), awaited: true });
};
export const inputRefused = (context: TaskContext, answer: TaskInputProvidedData): Outgoing => {
  const before = answerTo(context, answer.questionId);
  const refusal = refusalOf(context, answer) ?? (before === null ? null : alreadyAnswered(before));
  if (refusal === null) throw new RangeError('an answer that fits is not refused');
  return out('task.input.refused', WATCHERS, refusedData(context, answer, refusal), {
    ...place(context),
    awaited: true,
  });
};
export const reminder = (context: TaskContext): Outgoing => {
  const { id = '', text = '', choices = [], remindAfterMs = 0, remindTo } = context.question ?? {};
  const to = remindTo === undefined ? {} : { to: remindTo };
  const data = { questionId: id, question: text, choices: [...choices], waitedMs: remindAfterMs, ...to };
  return out('task.input.reminded', WATCHERS, data, { ...place(context), awaited: true });
};
export const ending = (name: 'task.completed' | 'task.failed' | 'task.cancelled', context: TaskContext): Outgoing =>
  out(name, WATCHERS, { result: resultOf(context) }, { ...place(context), awaited: true });

export const loopAdvanced = (before: TaskContext, after: TaskContext): Outgoing | null => {
  const next = loopMove(before, after);
  const review = after.artifacts.review;
  if (next === null || !review) return null;
  const data = { loops: loopsOf(after), verdict: review.verdict, next, findings: errorsIn(review) };
  return out('loop.advanced', WATCHERS, data, place(after));
};

/** A task of release 1 says neither phase nor what comes next. */
export const taskRouted = (before: TaskContext, after: TaskContext, said: Reconsidered): Outgoing => {
  const { route, workflow, next } = said;
  const steps = workflow.steps.map(({ step, role }) => ({ step, role }));
  const when = before.reconsiders ? { phase: before.occasion ?? ('start' as const), next } : {};
  return out('task.routed', WATCHERS, { route, steps, ...when }, place(after));
};

export function accepted(event: Incoming<'task.submitted'>) {
  const { prompt, workflow, caller, fork, conversation, key } = event.data;
  return {
    prompt,
    ...(workflow === undefined ? {} : { workflow }),
    ...(caller === undefined ? {} : { caller }),
    ...(fork === undefined ? {} : { fork: fork.origin }),
    ...(key === undefined ? {} : { key }),
    ...(conversation === undefined ? {} : { conversation }),
  };
}
