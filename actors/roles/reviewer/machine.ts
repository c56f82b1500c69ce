/**
 * Reviews code and tells the coder what has to change. Owns: that message, and asking a model for its opinion where one
 * is configured. Does not own: the checks, or how opinions are joined.
 *
 *   idle → checking → idle
 *             └→ asking → idle
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import { clause } from '../../../prompting/without-model.ts';
import type { CodeArtifact, Degraded, Review, TokenUsage } from '../../../schemas/events/generated.ts';
import {
  type EffectWaiting,
  effectLogic,
  type Incoming,
  type Outgoing,
  out,
  type RoleDefinition,
} from '../../runtime/role.ts';
import {
  completed,
  errorOf,
  failed,
  type HopContext,
  type HopEvents,
  idleHop,
  isForHop,
  requestOf,
  standingOf,
  stepWaits,
  type Wanted,
} from '../hop.ts';
import { say } from '../message.ts';
import { joinReviews } from './join-reviews.ts';

/** The checks come first, out of the same time (effects.ts). */
const CHECKS_MS_MAX = 30_000;
const MARK_CHARS_MAX = 4000;

export interface CheckInput {
  /** What the coder made; absent when the caller sent code in the prompt. */
  readonly code: CodeArtifact | null;
  readonly prompt: string;
}

export interface CheckOutput {
  readonly review: Review;
  /** What was checked, when a model is to say something of it too; absent when none is configured. */
  readonly forModel?: CodeArtifact;
}

interface ReviewerContext extends HopContext {
  /** The hop at work; tells a model's late reply to an earlier one apart. */
  readonly hop?: number;
  /** What the static checks said, while a model is asked. */
  readonly checked?: Review | null;
}

const idle = { ...idleHop, hop: 0, checked: null } as const satisfies ReviewerContext;

function requestId(context: ReviewerContext): string {
  const { step, attempt } = requestOf(context);
  return `${context.hop ?? 0}.${step}.${attempt}`;
}

function ask(context: ReviewerContext, code: CodeArtifact, wants: Wanted): Outgoing {
  const { input: given, timeoutMs } = requestOf(context);
  const { prompt, note } = given;
  const input = { prompt, code, ...(note === undefined ? {} : { note }) };
  const left = Math.max(Math.round(timeoutMs / 2), timeoutMs - CHECKS_MS_MAX);
  return out('llm.requested', 'llm', {
    requestId: requestId(context),
    ...wants,
    input,
    timeoutMs: left,
    ...standingOf(requestOf(context)),
  });
}

/** The review's verdict: to the coder, if it was the coder's work, and to the orchestrator. */
function verdict(
  context: ReviewerContext,
  review: Review,
  {
    remark = '',
    degraded,
    usage,
  }: { readonly remark?: string; readonly degraded?: Degraded; readonly usage?: TokenUsage | undefined } = {},
): Outgoing[] {
  const { step, input } = requestOf(context);
  const engine = review.checkedBy.join(', ') || 'static checks';
  const reply = completed(context, {
    ...{ engine, summary: `${summary(review)}${remark}`.slice(0, 1000), review },
    ...(degraded === undefined ? {} : { degraded }),
    ...(usage === undefined ? {} : { usage }),
  });
  if (!input.code) return [reply];
  // The same review of the same attempt is the same message, however often it is derived.
  const source = { id: `${step}/${input.code.attempt}` };
  return [say(source, 'coder', review.summary, { verdict: review.verdict, findings: review.findings }), reply];
}

/** With the model's opinion where it has one; without it the checks stand, and the summary says why. */
function withOpinion(context: ReviewerContext, { data }: Incoming<'llm.replied'>): Outgoing[] {
  const { checked } = context;
  if (!checked) throw new RangeError('a model was asked before the checks were done');
  const { output, error } = data;
  const opinion = data.status === 'completed' ? output?.review : undefined;
  const usage = output?.usage;
  if (opinion && opinion.checkedBy.length > 0) return verdict(context, joinReviews(checked, opinion), { usage });
  const why = clause(output?.degraded?.message ?? error?.message ?? output?.summary ?? 'it said nothing');
  const mark: Degraded = output?.degraded ?? {
    ...{ reason: 'model_failed', instead: 'static_checks' },
    message: `The model gave no verdict: ${why}.`.slice(0, MARK_CHARS_MAX),
  };
  // What a model says without deciding is kept, and decides nothing.
  const heard = opinion ? { ...checked, findings: [...checked.findings, ...opinion.findings].slice(0, 100) } : checked;
  return verdict(context, heard, { remark: `; static checks only: ${why}`, degraded: mark, usage });
}

const machineFor = ({ countsWork, wants }: { readonly countsWork: boolean; readonly wants: Wanted }) =>
  setup({
    types: {
      context: {} as ReviewerContext,
      events: {} as HopEvents | Incoming<'llm.replied'> | EffectWaiting,
      emitted: {} as Outgoing,
    },
    actors: { check: effectLogic<CheckInput, CheckOutput>() },
  }).createMachine({
    id: 'reviewer',
    context: idle,
    initial: 'idle',
    on: {
      'hop.requested': {
        target: '.checking',
        reenter: true,
        actions: assign(({ event }) => ({ request: event.data, hop: event.hop, checked: null })),
      },
    },
    states: {
      idle: {},
      checking: {
        invoke: {
          id: 'check',
          src: 'check',
          input: ({ context }) => {
            const { code, prompt } = requestOf(context).input;
            return { code: code ?? null, prompt };
          },
          onDone: [
            {
              guard: ({ event }) => event.output.forModel !== undefined,
              target: 'asking',
              actions: enqueueActions(({ context, event, enqueue }) => {
                const { review, forModel } = event.output;
                if (forModel) enqueue.emit(ask(context, forModel, wants));
                enqueue.assign({ checked: review });
              }),
            },
            {
              target: 'idle',
              actions: enqueueActions(({ context, event, enqueue }) => {
                for (const message of verdict(context, event.output.review)) enqueue.emit(message);
                enqueue.assign(idle);
              }),
            },
          ],
          onError: {
            target: 'idle',
            actions: [emit(({ context, event }) => failed(context, errorOf(event.error))), assign(idle)],
          },
        },
        on: {
          ...(countsWork ? { 'effect.waiting': { actions: emit(({ event }) => stepWaits('reviewer', event)) } } : {}),
          'hop.cancelled': {
            guard: ({ context, event }) => isForHop(context, event),
            target: 'idle',
            actions: assign(idle),
          },
        },
      },
      asking: {
        on: {
          'llm.replied': {
            guard: ({ context, event }) => event.data.requestId === requestId(context),
            target: 'idle',
            actions: enqueueActions(({ context, event, enqueue }) => {
              for (const message of withOpinion(context, event)) enqueue.emit(message);
              enqueue.assign(idle);
            }),
          },
          'hop.cancelled': {
            guard: ({ context, event }) => isForHop(context, event),
            target: 'idle',
            actions: [emit(({ event }) => out('hop.cancelled', 'llm', event.data)), assign(idle)],
          },
        },
      },
    },
  });

function summary({ verdict, findings }: Review): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  if (verdict === 'approved')
    return findings.length === 0
      ? 'approved'
      : `approved with ${findings.length} ${findings.length === 1 ? 'remark' : 'remarks'}`;
  return `changes requested: ${errors} ${errors === 1 ? 'error' : 'errors'}`;
}

export const role: RoleDefinition = {
  name: 'reviewer',
  service: 'agents',
  asksAlso: ['llm'],
  startsOn: ['hop.requested', 'agent.message'],
  versions: [
    { since: 1, machine: machineFor({ countsWork: false, wants: { purpose: 'review' } }) },
    { since: 4, machine: machineFor({ countsWork: true, wants: { purpose: 'review' } }) },
    { since: 5, machine: machineFor({ countsWork: true, wants: { skill: 'review' } }) },
  ],
};
