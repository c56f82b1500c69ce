/**
 * The task machine: one instance a correlation id. Owns: the order of hops, deadline, cancel, approval, and relaying
 * messages between roles. Does not own: the arithmetic of a task (`steps.ts`, `hops.ts`, `review-loop.ts`, `decisions.ts`), or any work.
 *
 *   waiting → routing → hop ⇄ (next step, retry, revise) → completed | failed | cancelled
 *                        ├→ reconsidering (the router, after a review or a failure in passing) → hop …
 *                        ├→ asking → hop …
 *                        └→ stopping → failed | cancelled
 *
 * A hop that says that it waits for its turn is `queued`, and `resumed` when that has come: the time of a step is that of
 * its work. A task that ends while a role may have done something waits a moment for that role to say so (S6).
 */
import { assign, cancel, emit, enqueueActions, setup } from 'xstate';
import type {
  ErrorInfo,
  HopRepliedData,
  HopWaitingData,
  TaskInputAcceptedData,
  TaskInputProvidedData,
} from '../../../schemas/events/generated.ts';
import { effectLogic, type Incoming, type Outgoing, out, type RoleDefinition, WATCHERS } from '../../runtime/role.ts';
import { errorOf } from '../hop.ts';
import {
  currentStep,
  deadlineMsOf,
  type Ending,
  emptyReconsideringTask,
  emptyRepeatingTask,
  emptyTask,
  emptyTimedTask,
  type TaskContext,
  timeLeftMs,
} from './context.ts';
import { answered } from './decisions.ts';
import * as hops from './hops.ts';
import { answerTo, refusalOf } from './questions.ts';
import { messageNoted } from './result.ts';
import { reconsidered } from './review-loop.ts';
import { heeded, onTheWay, type RouteInput, type RouteOutput, situation, unasked } from './routing.ts';
import {
  accepted,
  ending,
  hopCancelled,
  hopFinished,
  hopRequest,
  hopStarted,
  inputAccepted,
  inputRefused,
  loopAdvanced,
  place,
  question,
  reminder,
  taskRouted,
} from './sayings.ts';
import { routed } from './steps.ts';

/** How long a role that is asked to stop may take to say what it had begun, milliseconds. */
const STOP_WITHIN_MS = 5000;
/** An open question is given up after this; the log keeps events for seven days. */
const ANSWER_WITHIN_MS = 5 * 86_400_000;

/** Raised by the machine itself, with a delay: a question has been open for a while. */
interface Remind {
  readonly type: 'remind';
}

type Told =
  | ('task.submitted' | 'task.cancel.requested' | 'task.input.provided')
  | ('hop.replied' | 'hop.waiting' | 'agent.message');
type TaskEvent = Incoming<Told> | Remind;

/** The host stamps every event it hands over, XState's own too, with the log's time. */
const timeOf = (event: object): number => ('atMs' in event && typeof event.atMs === 'number' ? event.atMs : 0);
/** And with what the clock of its partition says, by which limits are reckoned. */
const upOf = (event: object): number => ('upMs' in event && typeof event.upMs === 'number' ? event.upMs : 0);

const isReplyTo = (context: TaskContext, event: Incoming<'hop.replied'>): boolean => {
  const { step, role } = currentStep(context);
  const { data, sender, hop } = event;
  return sender === role && hop === context.hop && data.step === step && data.attempt === context.attempt;
};

const isOfHop = (context: TaskContext, event: Incoming<'hop.waiting'>): boolean =>
  context.busy && event.hop === context.hop;
const cancelling = (reason: string | undefined): Ending => ({
  outcome: 'cancelled',
  error: { code: 'cancelled', message: reason ?? 'cancelled by the caller', retryable: false },
});
const outOfTime = (context: TaskContext): Ending => {
  const message = `not finished within ${deadlineMsOf(context)} ms`;
  return { outcome: 'failed', error: { code: 'deadline_exceeded', message, retryable: false } };
};
/** Whether the role at work is waited for when the task ends: it says what it had begun. */
const confirms = (context: TaskContext): boolean =>
  context.keepsTime === true && context.busy && currentStep(context).confirmsCancel === true;

/** What guards and parameters are given, where the configuration alone does not tell. */
interface Here {
  readonly context: TaskContext;
}

interface Heard<N extends Told> extends Here {
  readonly event: Incoming<N>;
}

/** While a hop is at work, whether it waits for its turn or not. */
const replies = {
  'hop.replied': {
    guard: ({ context, event }: Heard<'hop.replied'>) => isReplyTo(context, event),
    target: 'deciding',
    actions: { type: 'reply', params: ({ event }: Heard<'hop.replied'>) => event.data },
  },
} as const;
const noteWaiting = { type: 'noteWaiting', params: ({ event }: Heard<'hop.waiting'>) => event.data } as const;
const mayWait = {
  'hop.waiting': {
    guard: ({ context, event }: Heard<'hop.waiting'>) => isOfHop(context, event) && event.data.waiting,
    target: 'queued',
    actions: noteWaiting,
  },
} as const;
/** In a task of release 4 or later. */
const waitingStates = {
  /** The hop waits for its turn: its time has not begun. */
  queued: {
    on: {
      ...replies,
      'hop.waiting': [
        {
          guard: ({ context, event }: Heard<'hop.waiting'>) => isOfHop(context, event) && !event.data.waiting,
          target: 'resumed',
          actions: noteWaiting,
        },
        { guard: ({ context, event }: Heard<'hop.waiting'>) => isOfHop(context, event), actions: noteWaiting },
      ],
    },
  },
  /** Its turn has come, and with it its time. */
  resumed: {
    after: { hopTimeout: { target: 'deciding', actions: 'timeUp' } },
    on: { ...replies, ...mayWait },
  },
} as const;
/** In a task of release 4 or later. */
const stoppingStates = {
  /** Its workflow says how long it may take. */
  routed: { always: 'working.deciding' },
  /** It ends, and the role at work is to say what it had begun. */
  stopping: {
    after: { stopWithin: { target: 'stopped', actions: { type: 'stopped', params: null } } },
    on: {
      'hop.replied': {
        guard: ({ context, event }: Heard<'hop.replied'>) => isReplyTo(context, event),
        target: 'stopped',
        actions: { type: 'stopped', params: ({ event }: Heard<'hop.replied'>) => event.data },
      },
    },
  },
  stopped: {
    always: [{ guard: ({ context }: Here) => context.outcome === 'failed', target: 'failed' }, { target: 'cancelled' }],
  },
} as const;

/** @param beginning the context before anything has happened; it says whether tasks ask the router again */
const machineFor = (beginning: TaskContext) => {
  const isTimed = beginning.keepsTime === true;
  return setup({
    types: {
      context: {} as TaskContext,
      events: {} as TaskEvent,
      emitted: {} as Outgoing,
    },
    actors: { route: effectLogic<RouteInput, RouteOutput>() },
    delays: {
      deadline: ({ context }) => timeLeftMs(context),
      hopTimeout: ({ context }) => currentStep(context).timeoutMs,
      answerWithin: ({ context }) => context.question?.timeoutMs ?? ANSWER_WITHIN_MS,
      stopWithin: STOP_WITHIN_MS,
    },
    actions: {
      /** Takes what the router said, at the start or on the way. */
      route: enqueueActions(({ context, enqueue }, output: RouteOutput) => {
        const said = heeded(context, output);
        const after = onTheWay(context) ? reconsidered(context, said) : routed(context, said.route, said.workflow);
        enqueue.assign(() => after);
        enqueue.emit(taskRouted(context, after, said));
        const loop = context.occasion === 'after_review' ? loopAdvanced(context, after) : null;
        if (loop) enqueue.emit(loop);
      }),
      /** Takes an answer that fits, of a person or of the clock. */
      take: enqueueActions(({ context, enqueue }, answer: TaskInputAcceptedData) => {
        enqueue.emit(inputAccepted(context, answer));
        enqueue.assign(answered(context, answer));
      }),
      refuse: emit(({ context }, answer: TaskInputProvidedData) => inputRefused(context, answer)),
      remind: emit(({ context }) => reminder(context)),
      ask: enqueueActions(({ context, enqueue }) => {
        enqueue.emit(question(context));
        const { remindAfterMs } = context.question ?? {};
        if (remindAfterMs !== undefined) enqueue.raise({ type: 'remind' }, { id: 'remind', delay: remindAfterMs });
      }),
      /** Ends the task, and first the hop at work, if there is one. */
      end: enqueueActions(({ context, event, enqueue }, how: { outcome: 'failed' | 'cancelled'; error: ErrorInfo }) => {
        const after = hops.ended(context, how.outcome, how.error, timeOf(event));
        if (context.busy) enqueue.emit(hopCancelled(context, how.error.message));
        enqueue.assign(after);
        if (context.busy) enqueue.emit(hopFinished(after));
      }),
      /** Ends the hop at work, whose role is to say what it had begun, and then the task. */
      stop: enqueueActions(({ context, enqueue }, ending: Ending) => {
        enqueue.emit(hopCancelled(context, ending.error.message));
        enqueue.assign({ ending });
      }),
      /** The role at work has said what it had begun, or has said nothing. */
      stopped: enqueueActions(({ context, event, enqueue }, reply: HopRepliedData | null) => {
        const after = hops.stopped(context, reply, timeOf(event));
        enqueue.assign(after);
        enqueue.emit(hopFinished(after));
      }),
      noteWaiting: emit(({ context }, data: HopWaitingData) => out('hop.waiting', WATCHERS, data, place(context))),
      reply: enqueueActions(({ context, event, enqueue }, reply: HopRepliedData) => {
        const after = hops.replied(context, reply, timeOf(event));
        enqueue.assign(after);
        enqueue.emit(hopFinished(after));
        const loop = loopAdvanced(context, after);
        if (loop) enqueue.emit(loop);
      }),
      timeUp: enqueueActions(({ context, event, enqueue }) => {
        const after = hops.timedOut(context, timeOf(event));
        enqueue.emit(hopCancelled(context, 'the time for this step is up'));
        enqueue.assign(after);
        enqueue.emit(hopFinished(after));
      }),
    },
  }).createMachine({
    id: 'task',
    context: beginning,
    initial: 'waiting',
    on: {
      'agent.message': {
        actions: enqueueActions(({ context, event, enqueue }) => {
          const relayed = { ...place(context), relay: { from: event.sender, to: event.recipient } };
          enqueue.assign(messageNoted(context, event.data));
          // Relayed to itself it would go round for ever; watchers see every message anyhow.
          if (event.recipient !== role.name && event.recipient !== WATCHERS)
            enqueue.emit(out('agent.message', event.recipient, event.data, relayed));
          enqueue.emit(out('agent.message', WATCHERS, event.data, relayed));
        }),
      },
    },
    states: {
      waiting: {
        on: {
          'task.submitted': {
            target: 'working',
            actions: [
              assign(({ event }) => ({
                prompt: event.data.prompt,
                wish: event.data.workflow ?? null,
                caller: event.data.caller ?? null,
                deadlineMs: event.data.deadlineMs ?? null,
                ...(event.data.key === undefined ? {} : { key: event.data.key }),
                ...(event.data.door === undefined ? {} : { door: event.data.door }),
                ...(isTimed
                  ? { priority: event.data.priority ?? null, waitForModel: event.data.waitForModel ?? false }
                  : {}),
                ...(event.data.fork === undefined ? {} : { fork: event.data.fork }),
              })),
              emit(({ event }) => out('task.accepted', WATCHERS, accepted(event), { hop: 0, loops: 0, awaited: true })),
            ],
          },
        },
      },
      working: {
        initial: 'routing',
        ...(isTimed
          ? {
              entry: assign({ workingSinceUpMs: ({ event }) => upOf(event) }),
              exit: assign({
                spentMs: ({ context, event }) =>
                  (context.spentMs ?? 0) + Math.max(0, upOf(event) - (context.workingSinceUpMs ?? 0)),
              }),
            }
          : {}),
        after: {
          deadline: [
            ...(isTimed
              ? [
                  {
                    guard: ({ context }: Here) => confirms(context),
                    target: 'stopping',
                    actions: { type: 'stop', params: ({ context }: Here) => outOfTime(context) },
                  } as const,
                ]
              : []),
            { target: 'failed', actions: { type: 'end', params: ({ context }) => outOfTime(context) } },
          ],
        },
        on: {
          'task.cancel.requested': [
            ...(isTimed
              ? [
                  {
                    guard: ({ context }: Here) => confirms(context),
                    target: 'stopping',
                    actions: {
                      type: 'stop',
                      params: ({ event }: Heard<'task.cancel.requested'>) => cancelling(event.data.reason),
                    },
                  } as const,
                ]
              : []),
            { target: 'cancelled', actions: { type: 'end', params: ({ event }) => cancelling(event.data.reason) } },
          ],
          // Without a question only the answer to one that was answered already comes here (`refuses`).
          ...(beginning.asksById
            ? {
                'task.input.provided': {
                  actions: {
                    type: 'refuse' as const,
                    params: ({ event }: Heard<'task.input.provided'>) => event.data,
                  },
                },
              }
            : {}),
        },
        states: {
          routing: {
            invoke: {
              id: 'route',
              src: 'route',
              input: ({ context }) => situation(context),
              onDone: {
                target: isTimed ? '#task.routed' : 'deciding',
                actions: { type: 'route', params: ({ event }) => event.output },
              },
              onError: [
                ...(beginning.reconsiders
                  ? [
                      {
                        guard: ({ context }: Here) => onTheWay(context),
                        target: 'deciding',
                        actions: {
                          type: 'route' as const,
                          params: ({ context, event }: Here & { event: { error: unknown } }) =>
                            unasked(context, errorOf(event.error)),
                        },
                      } as const,
                    ]
                  : []),
                {
                  target: '#task.failed',
                  actions: {
                    type: 'end',
                    params: ({ event }) => ({ outcome: 'failed', error: errorOf(event.error) }),
                  },
                },
              ],
            },
          },
          deciding: {
            always: [
              { guard: ({ context }) => context.next === 'hop', target: 'hop' },
              { guard: ({ context }) => context.next === 'ask', target: '#task.asking' },
              ...(beginning.reconsiders
                ? [{ guard: ({ context }: Here) => context.next === 'reconsider', target: 'routing' } as const]
                : []),
              { guard: ({ context }) => context.next === 'completed', target: '#task.completed' },
              { target: '#task.failed' },
            ],
          },
          hop: {
            entry: [
              assign(({ context, event }) => hops.started(context, timeOf(event))),
              emit(({ context }) => hopRequest(context)),
              emit(({ context }) => hopStarted(context)),
            ],
            after: { hopTimeout: { target: 'deciding', actions: 'timeUp' } },
            on: { ...replies, ...(isTimed ? mayWait : {}) },
          },
          ...(isTimed ? waitingStates : {}),
        },
      },
      ...(isTimed ? stoppingStates : {}),
      asking: {
        entry: 'ask',
        ...(beginning.asksById ? { exit: cancel('remind') } : {}),
        after: {
          answerWithin: [
            ...(beginning.asksById
              ? [
                  {
                    guard: ({ context }: Here) => context.question?.default !== undefined,
                    target: 'working.deciding',
                    actions: {
                      type: 'take' as const,
                      params: ({ context }: Here) => ({ text: context.question?.default ?? '', byDefault: true }),
                    },
                  } as const,
                ]
              : []),
            {
              target: 'failed',
              actions: {
                type: 'end',
                params: {
                  outcome: 'failed',
                  error: { code: 'no_answer', message: 'nobody answered the question in time', retryable: false },
                },
              },
            },
          ],
        },
        on: {
          'task.input.provided': [
            ...(beginning.asksById
              ? [
                  {
                    guard: ({ context, event }: Heard<'task.input.provided'>) =>
                      refusalOf(context, event.data) !== null,
                    actions: {
                      type: 'refuse' as const,
                      params: ({ event }: Heard<'task.input.provided'>) => event.data,
                    },
                  } as const,
                ]
              : []),
            {
              target: 'working.deciding',
              actions: { type: 'take', params: ({ event }) => ({ ...event.data }) },
            },
          ],
          ...(beginning.asksById ? { remind: { actions: 'remind' as const } } : {}),
          'task.cancel.requested': {
            target: 'cancelled',
            actions: {
              type: 'end',
              params: ({ event }) => cancelling(event.data.reason),
            },
          },
        },
      },
      completed: { type: 'final', entry: emit(({ context }) => ending('task.completed', context)) },
      failed: { type: 'final', entry: emit(({ context }) => ending('task.failed', context)) },
      cancelled: { type: 'final', entry: emit(({ context }) => ending('task.cancelled', context)) },
    },
  });
};

/** An answer to a task that asks nothing would pass without a trace, or wait for a question that nobody has seen. */
const refuses: NonNullable<RoleDefinition['versions'][number]['refuses']> = (snapshot, event) => {
  if (event.type !== 'task.input.provided' || snapshot.status !== 'active' || snapshot.matches('asking')) return null;
  const context = snapshot.context as TaskContext;
  const { questionId } = (event as Incoming<'task.input.provided'>).data;
  if (answerTo(context, questionId) !== null) return null;
  const which = questionId === undefined ? '' : `, and not the question ${questionId}`;
  return { code: 'nothing_asked', reason: `the task asks nothing at the moment${which}; answer when it asks` };
};

export const role: RoleDefinition = {
  name: 'orchestrator',
  service: 'agents',
  startsOn: ['task.submitted'],
  versions: [
    { since: 1, machine: machineFor(emptyTask) },
    { since: 2, machine: machineFor(emptyReconsideringTask) },
    { since: 3, machine: machineFor(emptyRepeatingTask) },
    { since: 4, machine: machineFor(emptyTimedTask), refuses },
  ],
};
