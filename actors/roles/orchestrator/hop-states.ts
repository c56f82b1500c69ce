/**
 * A hop at work, beyond its request: it replies, it waits for its turn, it is to stop. Owns: these states and transitions,
 * which are the same in every state of a hop, and how a task is cut off. Does not own: the other states (`machine.ts`).
 */
import { currentStep, deadlineMsOf, type Ending, type TaskContext } from './context.ts';
import { type Heard, type Here, isOfHop, isReplyTo } from './heard.ts';

export const cancelling = (reason: string | undefined): Ending => ({
  outcome: 'cancelled',
  error: { code: 'cancelled', message: reason ?? 'cancelled by the caller', retryable: false },
});
export const outOfTime = (context: TaskContext): Ending => {
  const message = `not finished within ${deadlineMsOf(context)} ms`;
  return { outcome: 'failed', error: { code: 'deadline_exceeded', message, retryable: false } };
};
/** Whether the role at work is waited for when the task ends: it says what it had begun. */
export const confirms = (context: TaskContext): boolean =>
  context.keepsTime === true && context.busy && currentStep(context).confirmsCancel === true;

/** While a hop is at work, whether it waits for its turn or not. */
export const replies = {
  'hop.replied': {
    guard: ({ context, event }: Heard<'hop.replied'>) => isReplyTo(context, event),
    target: 'deciding',
    actions: { type: 'reply', params: ({ event }: Heard<'hop.replied'>) => event.data },
  },
} as const;
const noteWaiting = { type: 'noteWaiting', params: ({ event }: Heard<'hop.waiting'>) => event.data } as const;
export const mayWait = {
  'hop.waiting': {
    guard: ({ context, event }: Heard<'hop.waiting'>) => isOfHop(context, event) && event.data.waiting,
    target: 'queued',
    actions: noteWaiting,
  },
} as const;
/** In a task of release 4 or later. */
export const waitingStates = {
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
export const stoppingStates = {
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
