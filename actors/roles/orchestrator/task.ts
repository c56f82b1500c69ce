/**
 * What the orchestrator knows of a task, and how that changes: pure functions on the machine's context. Owns: which step
 * comes next, counting hops and loops, what the result is. Does not own: states, waiting, sending.
 *
 * Invariants (S8):
 * 1. At most HOPS_MAX hops are started, whatever the workflow says.
 * 2. The loop goes round at most `maxCycles` times and then ends `exhausted` with the best attempt so far; the router may
 *    end it earlier, never later.
 * 3. A task leaves its workflow for another one at most once, and never for one that goes round.
 */

import { sentence } from '../../../prompting/without-model.ts';
import type {
  Degraded,
  ErrorInfo,
  HopInput,
  HopOutput,
  HopRecord,
  HopRepliedData,
  Message,
  Result,
  Review,
  Route,
  TaskInputProvidedData,
  TaskSubmittedData,
  ToolConsent,
} from '../../../schemas/events/generated.ts';
import type { Workflow, WorkflowStep } from '../../workflows/index.ts';
import { composeAnswer, isUnchecked, whyNotChecked } from './answer.ts';
import { currentStep, HOPS_MAX, loopsOf, type Reconsidered, remainingLoops, type TaskContext } from './context.ts';
import {
  approvalQuestion,
  consentQuestion,
  outcomeQuestion,
  type Question,
  type Reading,
  readAnswer,
  remembered,
} from './questions.ts';

/** Messages kept in a task; more are still relayed. */
const MESSAGES_MAX = 64;
/**
 * Bytes of JSON that the messages kept in a task may have together: the result carries them all, and has to fit into one
 * event with the answer and the code. Each was a fact of its own and can be read there.
 */
const MESSAGES_MAX_BYTES = 262_144;
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
function enter(context: TaskContext, at: number): TaskContext {
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

function ask(context: TaskContext, question: Question): TaskContext {
  const counted = context.asksById ? { asked: (context.asked ?? 0) + 1 } : {};
  return { ...context, ...counted, next: 'ask', question };
}

/** Of the question that is asked next; ids come in the order of asking, short enough to be typed. */
function nextQuestionId({ asked = 0 }: TaskContext): string {
  return `q${asked + 1}`;
}

function approvalOf(context: TaskContext, step: WorkflowStep): Question {
  if (context.asksById) return approvalQuestion(step, nextQuestionId(context));
  return { reason: 'approval', text: `May the step ${step.step} (${step.role}) run?`, choices: ['yes', 'no'] };
}

function limitError(): ErrorInfo {
  return { code: 'too_many_hops', message: `the task used its ${HOPS_MAX} hops`, retryable: false };
}

function fail(context: TaskContext, error: ErrorInfo): TaskContext {
  return { ...context, next: 'failed', outcome: 'failed', error };
}

function outcomeOf(context: TaskContext): Result['outcome'] {
  const { review } = context.artifacts;
  if (!context.workflow?.loop) return review ? 'reviewed' : 'answered';
  if (review?.verdict !== 'approved') return 'exhausted';
  // Nobody has judged it: that is no approval.
  return isUnchecked(review) ? 'answered' : 'accepted';
}

/** A hop begins: it is counted before it is sent. */
export function started(context: TaskContext, atMs: number): TaskContext {
  return { ...context, hop: context.hop + 1, hopStartedAtMs: atMs, busy: true };
}

export function hopInput(context: TaskContext): HopInput {
  const { answer: _answer, tool, ...artifacts } = context.artifacts;
  if (tool === undefined) return { prompt: context.prompt, ...artifacts };
  // The text says what is attached; no role reads more of it.
  const { attachments: _attachments, ...said } = tool;
  return { prompt: context.prompt, ...artifacts, tool: said };
}

function recordOf(
  context: TaskContext,
  status: HopRecord['status'],
  output: HopOutput | undefined,
  error: ErrorInfo | undefined,
  atMs: number,
): HopRecord {
  const { step, role } = currentStep(context);
  return {
    index: context.hop,
    step,
    role,
    attempt: context.attempt,
    status,
    engine: output?.engine ?? '',
    summary: (output?.summary ?? error?.message ?? status).slice(0, 1000),
    ms: Math.max(0, atMs - context.hopStartedAtMs),
    ...(output?.usage === undefined ? {} : { usage: output.usage }),
  };
}

/** Takes a role's reply in. */
export function replied(context: TaskContext, reply: HopRepliedData, atMs: number): TaskContext {
  const { output, error } = reply;
  const { repeat } = context;
  const record = recordOf(context, reply.status, output, error, atMs);
  const hops = [...context.hops, record];
  const noted: TaskContext = {
    ...context,
    busy: false,
    hops,
    error: error ?? null,
    ...(repeat ? { repeat: false } : {}),
  };
  switch (reply.status) {
    case 'completed':
      return output
        ? advanced(noted, output)
        : fail(noted, { code: 'no_output', message: `${record.role} replied with nothing`, retryable: false });
    case 'unknown':
      return ask(noted, unknownOutcome(noted, record, error));
    case 'failed':
      if (reply.consent !== undefined && context.asksById) return askForConsent(noted, reply.consent);
      return failed(noted, error ?? { code: 'unexpected', message: `${record.role} failed`, retryable: false });
    default:
      throw new Error(`unknown status ${JSON.stringify(reply.status satisfies never)}`);
  }
}

/** A tool of the step is to act outside, and a person decides. */
function askForConsent(context: TaskContext, consent: ToolConsent): TaskContext {
  if (context.hop >= HOPS_MAX) return fail(context, limitError());
  return ask({ ...context, error: null, consent }, consentQuestion(consent, nextQuestionId(context)));
}

function unknownOutcome(context: TaskContext, record: HopRecord, error: ErrorInfo | undefined): Question {
  const why = error?.message ?? 'it was cut off';
  if (context.asksById) return outcomeQuestion(record.step, why, nextQuestionId(context));
  return {
    reason: 'outcome_unknown',
    text: `The step ${record.step} may or may not have happened: ${why}. Answer "done" (or what it returned) if it happened, "retry" to run it again, "abort" to stop.`,
    choices: ['done', 'retry', 'abort'],
  };
}

function failed(context: TaskContext, error: ErrorInfo): TaskContext {
  const step = currentStep(context);
  if (error.retryable && context.attempt < (step.attempts ?? ATTEMPTS_DEFAULT) && context.hop < HOPS_MAX) {
    if (context.reconsiders && !context.rerouted) return { ...context, next: 'reconsider', occasion: 'health_changed' };
    return again(context);
  }
  return step.optional ? enter(context, context.at + 1) : fail(context, error);
}

/** The same step once more. */
function again(context: TaskContext): TaskContext {
  return { ...context, attempt: context.attempt + 1, next: 'hop' };
}

function advanced(context: TaskContext, output: HopOutput): TaskContext {
  const { engine, summary: _summary, degraded: _degraded, usage: _usage, ...made } = output;
  const { note: _note, ...kept } = context.artifacts;
  // The answer's engine is the one that made what is shown: a review of code says nothing about who wrote it.
  const author = made.review && kept.code ? context.engine : engine;
  const merged: TaskContext = {
    ...context,
    engine: author,
    artifacts: { ...kept, ...made },
    error: null,
    ...marked(context, output),
  };
  const loop = context.workflow?.loop;
  if (!loop || currentStep(context).step !== loop.review) return enter(merged, context.at + 1);
  // The review of the round before is still among the artifacts: it must not pass for this one.
  return made.review ? reviewed(merged, loop.revise) : fail(merged, noReview());
}

/** The mark of what made the answer; a review without a model's opinion marks only what is whole otherwise. */
function marked(context: TaskContext, { answer, code, degraded }: HopOutput): Pick<TaskContext, 'degraded'> {
  if (answer || code) return degraded || context.degraded ? { degraded: degraded ?? null } : {};
  return degraded && !context.degraded ? { degraded } : {};
}

/** After the review step of a loop: on, round again, or out with the best attempt. */
function reviewed(context: TaskContext, revise: string): TaskContext {
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

function noReview(): ErrorInfo {
  return { code: 'no_review', message: 'the review step made no review', retryable: false };
}

/** A task that begins at its review has what it was given, which may be no code. */
function noCode(): ErrorInfo {
  return { code: 'no_code', message: 'the review step had no code to review', retryable: false };
}

export function errorsIn(review: Review): number {
  return review.findings.filter(({ severity }) => severity === 'error').length;
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
  const step = currentStep(context);
  if (context.attempt < (step.attempts ?? ATTEMPTS_DEFAULT) && context.hop < HOPS_MAX) return repeated(context);
  const message = `the step ${step.step} did not happen, as a person says, and it has no attempt left`;
  return step.optional
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

export function messageNoted(context: TaskContext, message: Message): TaskContext {
  const messages = [...context.messages, message];
  const fits = messages.length <= MESSAGES_MAX && Buffer.byteLength(JSON.stringify(messages)) <= MESSAGES_MAX_BYTES;
  return fits ? { ...context, messages } : context;
}

/** The hop at work took too long; another attempt may be quicker. */
export function timedOut(context: TaskContext, atMs: number): TaskContext {
  const { step, timeoutMs } = currentStep(context);
  const error = { code: 'hop_timeout', message: `no reply within ${timeoutMs} ms`, retryable: true };
  return replied(context, { step, attempt: context.attempt, status: 'failed', error }, atMs);
}

/**
 * The task ends, and its role has said what it had begun of the hop at work. @param reply null when it has said nothing
 */
export function stopped(context: TaskContext, reply: HopRepliedData | null, atMs: number): TaskContext {
  const { ending } = context;
  if (!ending) throw new Error('the task does not end');
  const { step, role } = currentStep(context);
  const { outcome, error } = ending;
  const over = (status: HopRecord['status'], said: ErrorInfo, output?: HopOutput): TaskContext => {
    const hop = recordOf(context, status, output, said, atMs);
    return {
      ...context,
      busy: false,
      hops: [...context.hops, hop],
      outcome,
      error: said,
      ending: null,
      question: null,
    };
  };
  const also = (more: string): ErrorInfo => ({
    ...error,
    message: `${sentence(error.message)} ${more}`.slice(0, 8000),
  });
  if (reply?.status === 'completed')
    return over('completed', also(`The step ${step} (${role}) had been done.`), reply.output);
  if (reply?.status === 'failed') return over('cancelled', error);
  const why = reply?.error?.message ?? `${role} has not said what it had begun`;
  return over(
    'unknown',
    also(`The step ${step} (${role}) may or may not have happened: ${sentence(why)} Look before you do it again.`),
  );
}

/** The task ends before its hop does. */
export function ended(
  context: TaskContext,
  outcome: 'failed' | 'cancelled',
  error: ErrorInfo,
  atMs: number,
): TaskContext {
  const hops = context.busy ? [...context.hops, recordOf(context, 'cancelled', undefined, error, atMs)] : context.hops;
  return { ...context, busy: false, hops, outcome, error, question: null };
}

function degradedOf({ outcome, artifacts, degraded, workflow }: TaskContext): Degraded | null {
  if (outcome === 'failed' || outcome === 'cancelled') return null;
  if (degraded) return degraded;
  const { review } = artifacts;
  if (!workflow?.loop || !review || !isUnchecked(review)) return null;
  return { reason: 'not_checked', instead: 'unchecked_code', message: whyNotChecked(review) };
}

export function resultOf(context: TaskContext): Result {
  const { route, artifacts, engine, error } = context;
  const { text, citations } = composeAnswer(context);
  const degraded = degradedOf(context);
  return {
    outcome: context.outcome,
    answer: text,
    engine,
    citations,
    ...(artifacts.code ? { code: artifacts.code } : {}),
    ...(artifacts.review ? { review: artifacts.review } : {}),
    ...(artifacts.tool?.attachments ? { attachments: artifacts.tool.attachments } : {}),
    ...(route ? { route } : {}),
    ...(degraded ? { degraded } : {}),
    hops: [...context.hops],
    messages: [...context.messages],
    loops: loopsOf(context),
    ...(error ? { error } : {}),
  };
}
