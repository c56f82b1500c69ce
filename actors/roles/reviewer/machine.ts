/**
 * Reviews code and tells the coder what has to change. Owns: that message. Does not own: the checks.
 *
 *   idle → checking → idle
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import type { CodeArtifact, Review } from '../../../schemas/events/generated.ts';
import { effectLogic, type Outgoing, type RoleDefinition } from '../../runtime/role.ts';
import { completed, errorOf, failed, type HopContext, type HopEvents, idleHop, isForHop, requestOf } from '../hop.ts';
import { say } from '../message.ts';

export interface CheckInput {
  /** What the coder made; absent when the caller sent code in the prompt. */
  readonly code: CodeArtifact | null;
  readonly prompt: string;
}

export interface CheckOutput {
  readonly review: Review;
}

const machine = setup({
  types: { context: {} as HopContext, events: {} as HopEvents, emitted: {} as Outgoing },
  actors: { check: effectLogic<CheckInput, CheckOutput>() },
}).createMachine({
  id: 'reviewer',
  context: idleHop,
  initial: 'idle',
  on: {
    'hop.requested': { target: '.checking', reenter: true, actions: assign({ request: ({ event }) => event.data }) },
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
        onDone: {
          target: 'idle',
          actions: enqueueActions(({ context, event, enqueue }) => {
            const { review } = event.output;
            const { step, input } = requestOf(context);
            if (input.code) {
              // The same review of the same attempt is the same message, however often it is derived.
              const source = { id: `${step}/${input.code.attempt}` };
              enqueue.emit(
                say(source, 'coder', review.summary, { verdict: review.verdict, findings: review.findings }),
              );
            }
            const engine = review.checkedBy.join(', ') || 'static checks';
            enqueue.emit(completed(context, { engine, summary: summary(review), review }));
            enqueue.assign(idleHop);
          }),
        },
        onError: {
          target: 'idle',
          actions: [emit(({ context, event }) => failed(context, errorOf(event.error))), assign(idleHop)],
        },
      },
      on: {
        'hop.cancelled': {
          guard: ({ context, event }) => isForHop(context, event),
          target: 'idle',
          actions: assign(idleHop),
        },
      },
    },
  },
});

function summary({ verdict, findings }: Review): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  if (verdict === 'approved') return findings.length === 0 ? 'approved' : `approved with ${findings.length} remarks`;
  return `changes requested: ${errors} ${errors === 1 ? 'error' : 'errors'}`;
}

export const role: RoleDefinition = {
  name: 'reviewer',
  service: 'agents',
  startsOn: ['hop.requested', 'agent.message'],
  versions: [{ since: 1, machine }],
};
