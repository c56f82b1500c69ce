/**
 * What a task does when something happens, by name. Owns: the actions and limits of time of the task machine: each takes
 * what was computed elsewhere (`hops.ts`, `steps.ts`, `review-loop.ts`, `decisions.ts`) and says it (`sayings.ts`). Does not
 * own: when one of them is due (`machine.ts`).
 */
import { emit, enqueueActions, setup } from 'xstate';
import type {
  ErrorInfo,
  HopRepliedData,
  HopWaitingData,
  TaskInputAcceptedData,
  TaskInputProvidedData,
} from '../../../schemas/events/generated.ts';
import { effectLogic, type Outgoing, out, WATCHERS } from '../../runtime/role.ts';
import { currentStep, type Ending, type TaskContext, timeLeftMs } from './context.ts';
import { answered } from './decisions.ts';
import { type TaskEvent, timeOf } from './heard.ts';
import * as hops from './hops.ts';
import { reconsidered } from './review-loop.ts';
import { heeded, onTheWay, type RouteInput, type RouteOutput } from './routing.ts';
import {
  hopCancelled,
  hopFinished,
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

export const moves = setup({
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
});
