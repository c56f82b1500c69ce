/**
 * What follows from a person's answer: pure functions on the machine's context. Does not own: whether an answer fits the
 * question (`questions.ts`), or when one is taken (`machine.ts`).
 */
import type { ErrorInfo, TaskInputProvidedData } from '../../../schemas/events/generated.ts';
import { currentStep, HOPS_MAX, type TaskContext } from './context.ts';
import { advanced } from './hops.ts';
import { type Question, type Reading, readAnswer, remembered } from './questions.ts';
import { again, enter, fail, limitError, mayTryAgain } from './steps.ts';

/** A person's answer to the open question, which it fits. */
export function answered(context: TaskContext, answer: TaskInputProvidedData): TaskContext {
  const { question } = context;
  const { text } = answer;
  if (question?.id === undefined) return answeredInWords(context, text);
  const read = readAnswer(question, text);
  if (read === null) throw new RangeError(`an answer that does not fit was taken: ${text.slice(0, 100)}`);
  const answers = [...(context.answers ?? []), remembered(question.id, answer)];
  const taken = { ...context, question: null, answers };
  const going = { ...taken, artifacts: { ...context.artifacts, note: text } };
  switch (question.reason) {
    case 'approval':
      return judged(going, question, read, text);
    case 'consent':
      return consentGiven(taken, question, read, text);
    case 'outcome_unknown':
      return settled(going, read, text);
    default:
      throw new Error(`unknown reason ${JSON.stringify(question.reason satisfies never)}`);
  }
}

/** The same step again, with the yes for the very tool and arguments that were asked about; or the end. */
function consentGiven(context: TaskContext, { choices }: Question, { choice }: Reading, text: string): TaskContext {
  const { consent } = context;
  const decided = { ...context, consent: null };
  if (choice === choices[0] && consent) return { ...decided, consented: consent, next: 'hop' };
  const message = `the tool ${consent?.name ?? ''} was not allowed to act: ${text}`.slice(0, 1000);
  return fail(decided, { code: 'not_approved', message, retryable: false });
}

function judged(context: TaskContext, { choices }: Question, { choice }: Reading, text: string): TaskContext {
  const { step } = currentStep(context);
  const isApproved = choice === null || choice === choices[0];
  return isApproved
    ? { ...context, approved: [...context.approved, step], next: 'hop' }
    : fail(context, refused(step, text));
}

/** What a person says about a deed that may or may not have happened. */
function settled(context: TaskContext, { choice, result }: Reading, text: string): TaskContext {
  switch (choice) {
    case 'done':
      return happened(context, result ?? text);
    case 'not done':
      return notDone(context);
    case 'retry':
      return context.hop < HOPS_MAX ? repeated(context) : fail(context, limitError());
    default:
      return fail(context, aborted());
  }
}

/** It is known now that the attempt failed: it is tried again as often as the workflow tries any step. */
function notDone(context: TaskContext): TaskContext {
  if (mayTryAgain(context)) return repeated(context);
  const { step, optional } = currentStep(context);
  const message = `the step ${step} did not happen, as a person says, and it has no attempt left`;
  return optional
    ? enter({ ...context, error: null }, context.at + 1)
    : fail(context, { code: 'not_done', message, retryable: false });
}

function happened(context: TaskContext, result: string): TaskContext {
  const tool = { name: currentStep(context).step, arguments: {}, result };
  return advanced(context, { engine: 'person', summary: `a person said: ${result}`.slice(0, 1000), tool });
}

function refused(step: string, text: string): ErrorInfo {
  const message = `the step ${step} was not approved: ${text}`.slice(0, 1000);
  return { code: 'not_approved', message, retryable: false };
}

function aborted(): ErrorInfo {
  return { code: 'aborted', message: 'a person stopped the task after an unknown outcome', retryable: false };
}

/** Before release 4 the first word of an answer counted, and the rest was not looked at. */
function answeredInWords(context: TaskContext, text: string): TaskContext {
  const { question } = context;
  const word = text.trim().toLowerCase().split(/\W+/, 1)[0] ?? '';
  const going = { ...context, question: null, artifacts: { ...context.artifacts, note: text } };
  if (question?.reason === 'approval') {
    const { step } = currentStep(context);
    if (['yes', 'y', 'ok', 'approve', 'approved'].includes(word))
      return { ...going, approved: [...context.approved, step], next: 'hop' };
    return fail(going, refused(step, text));
  }
  if (word === 'abort') return fail(going, aborted());
  if (word === 'retry') return context.hop < HOPS_MAX ? repeated(going) : fail(going, limitError());
  return happened(going, text);
}

/** The same step once more, whatever may have been done. */
function repeated(context: TaskContext): TaskContext {
  const next = again(context);
  return context.tellsRepeats ? { ...next, repeat: true } : next;
}
