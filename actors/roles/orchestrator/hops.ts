/**
 * One hop of a task, from its request to its record: pure functions on the machine's context. Owns: counting hops, what a
 * role is given, and what follows from its reply, or from having none. Does not own: which step comes next (`steps.ts`).
 */

import { sentence } from '../../../prompting/without-model.ts';
import type {
  ErrorInfo,
  HopInput,
  HopOutput,
  HopRecord,
  HopRepliedData,
  ToolConsent,
} from '../../../schemas/events/generated.ts';
import { currentStep, HOPS_MAX, type TaskContext } from './context.ts';
import { consentQuestion, outcomeQuestion, type Question } from './questions.ts';
import { noReview, reviewed } from './review-loop.ts';
import { again, ask, enter, fail, limitError, mayTryAgain, nextQuestionId } from './steps.ts';

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

export function advanced(context: TaskContext, output: HopOutput): TaskContext {
  const { engine, summary: _summary, degraded: _degraded, usage: _usage, ...made } = output;
  const { note: _note, ...kept } = context.artifacts;
  // The answer's engine is the one that made what is shown: a review of code says nothing about who wrote it.
  const author = made.review && kept.code ? context.engine : engine;
  const merged: TaskContext = {
    ...context,
    engine: author,
    artifacts: { ...kept, ...made, ...ownArtifacts(kept, made) },
    error: null,
    ...marked(context, output),
  };
  const loop = context.workflow?.loop;
  if (!loop || currentStep(context).step !== loop.review) return enter(merged, context.at + 1);
  // The review of the round before is still among the artifacts: it must not pass for this one.
  return made.review ? reviewed(merged, loop.revise) : fail(merged, noReview());
}

/** Kinds that roles declare themselves stay until the same kind is made again. */
function ownArtifacts(kept: OwnMade, made: OwnMade): OwnMade {
  const artifacts = { ...kept.artifacts, ...made.artifacts };
  return Object.keys(artifacts).length === 0 ? {} : { artifacts };
}

type OwnMade = Pick<HopOutput, 'artifacts'>;

/** The mark of what made the answer; a review without a model's opinion marks only what is whole otherwise. */
function marked(context: TaskContext, { answer, code, degraded }: HopOutput): Pick<TaskContext, 'degraded'> {
  if (answer || code) return degraded || context.degraded ? { degraded: degraded ?? null } : {};
  return degraded && !context.degraded ? { degraded } : {};
}

function failed(context: TaskContext, error: ErrorInfo): TaskContext {
  if (error.retryable && mayTryAgain(context)) {
    if (context.reconsiders && !context.rerouted) return { ...context, next: 'reconsider', occasion: 'health_changed' };
    return again(context);
  }
  return currentStep(context).optional ? enter(context, context.at + 1) : fail(context, error);
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
