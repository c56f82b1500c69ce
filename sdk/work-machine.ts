/**
 * The machine of a role whose work is one effect: what most roles need. Owns: asking for the effect, replying, stopping at
 * a cancel, saying that it waits. Does not own: the effect.
 *
 *   idle → working → idle
 */
import { assign, emit, setup } from 'xstate';
import {
  completed,
  errorOf,
  failed,
  type HopContext,
  type HopEvents,
  idleHop,
  isForHop,
  requestOf,
  stepWaits,
} from '../actors/roles/hop.ts';
import { type EffectWaiting, effectLogic, type Outgoing } from '../actors/runtime/role.ts';
import type { HopInput, HopOutput } from '../schemas/events/generated.ts';

/** @param role its name @param effect the name of its one effect: from a hop's input to its output */
export function workMachine(role: string, effect = 'work') {
  return setup({
    types: { context: {} as HopContext, events: {} as HopEvents | EffectWaiting, emitted: {} as Outgoing },
    actors: { [effect]: effectLogic<HopInput, HopOutput>() },
  }).createMachine({
    id: role,
    context: idleHop,
    initial: 'idle',
    on: {
      'hop.requested': { target: '.working', reenter: true, actions: assign({ request: ({ event }) => event.data }) },
    },
    states: {
      idle: {},
      working: {
        invoke: {
          id: effect,
          src: effect,
          input: ({ context }) => requestOf(context).input,
          onDone: {
            target: 'idle',
            actions: [emit(({ context, event }) => completed(context, event.output)), assign(idleHop)],
          },
          onError: {
            target: 'idle',
            actions: [emit(({ context, event }) => failed(context, errorOf(event.error))), assign(idleHop)],
          },
        },
        on: {
          'effect.waiting': { actions: emit(({ event }) => stepWaits(role, event)) },
          'hop.cancelled': {
            guard: ({ context, event }) => isForHop(context, event),
            target: 'idle',
            actions: assign(idleHop),
          },
        },
      },
    },
  });
}
