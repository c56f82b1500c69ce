/**
 * What a task hears, and whether it is for the hop at work. Owns: the events of the task machine, and what guards and
 * parameters are given. Does not own: what follows from one (`moves.ts`), or when it counts (`machine.ts`).
 */
import type { Incoming } from '../../runtime/role.ts';
import { currentStep, type TaskContext } from './context.ts';

/** Raised by the machine itself, with a delay: a question has been open for a while. */
export interface Remind {
  readonly type: 'remind';
}

type Told =
  | ('task.submitted' | 'task.cancel.requested' | 'task.input.provided')
  | ('hop.replied' | 'hop.waiting' | 'agent.message');
export type TaskEvent = Incoming<Told> | Remind;

/** The host stamps every event it hands over, XState's own too, with the log's time. */
export const timeOf = (event: object): number => ('atMs' in event && typeof event.atMs === 'number' ? event.atMs : 0);
/** And with what the clock of its partition says, by which limits are reckoned. */
export const upOf = (event: object): number => ('upMs' in event && typeof event.upMs === 'number' ? event.upMs : 0);

export const isReplyTo = (context: TaskContext, event: Incoming<'hop.replied'>): boolean => {
  const { step, role } = currentStep(context);
  const { data, sender, hop } = event;
  return sender === role && hop === context.hop && data.step === step && data.attempt === context.attempt;
};

export const isOfHop = (context: TaskContext, event: Incoming<'hop.waiting'>): boolean =>
  context.busy && event.hop === context.hop;

/** What guards and parameters are given, where the configuration alone does not tell. */
export interface Here {
  readonly context: TaskContext;
}

export interface Heard<N extends Told> extends Here {
  readonly event: Incoming<N>;
}
