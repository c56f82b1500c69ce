/**
 * What a role says may be larger than the log takes, though all that it was told was within limits (S9). Owns: who hears of
 * it, when a message and when the result of an effect was the cause.
 */
import { expect, test } from 'vitest';
import { assign, emit, setup } from 'xstate';
import {
  effectLogic,
  type Incoming,
  type Outgoing,
  out,
  type RoleDefinition,
  WATCHERS,
} from '../../../actors/runtime/role.ts';
import { PAYLOAD_MAX_BYTES } from '../../../schemas/events/envelope.ts';
import { QUARANTINE_FILTER } from '../../../schemas/events/subjects.ts';
import { courier } from './support/courier.ts';
import { dispatcher } from './support/dispatcher.ts';
import { Mesh, taskName } from './support/mesh-bench.ts';

const [LARGE, SMALL] = [taskName(1), taskName(2)];
const prompt = 'x'.repeat(100_000);

/** More than the log takes. */
function shout(text: string): Outgoing {
  const times = Math.ceil(PAYLOAD_MAX_BYTES / text.length);
  const parts = Array.from({ length: times }, () => ({ text }));
  return out('agent.message', WATCHERS, { messageId: 'loud', role: 'ROLE_AGENT', parts });
}

const note = (text: string): Outgoing =>
  out('hop.progress', WATCHERS, { role: 'courier', effect: 'fetch', note: text });

const shouting: RoleDefinition = {
  ...dispatcher,
  versions: [
    {
      since: 1,
      machine: setup({ types: { events: {} as Incoming<'task.submitted'>, emitted: {} as Outgoing } }).createMachine({
        on: {
          'task.submitted': [
            {
              guard: ({ event }) => event.data.prompt === prompt,
              actions: emit(({ event }) => shout(event.data.prompt)),
            },
            { actions: emit(() => note('taken')) },
          ],
        },
      }),
    },
  ],
};

/** Shouts once its effect is done. */
const shoutingAfterwards: RoleDefinition = {
  ...courier,
  versions: [
    {
      since: 1,
      machine: setup({
        types: {
          context: {} as { readonly text: string },
          events: {} as Incoming<'hop.requested'>,
          emitted: {} as Outgoing,
        },
        actors: { fetch: effectLogic<object, string>() },
      }).createMachine({
        context: { text: '' },
        initial: 'idle',
        states: {
          idle: {
            on: {
              'hop.requested': {
                target: 'fetching',
                actions: assign({ text: ({ event }) => event.data.input.prompt }),
              },
            },
          },
          fetching: {
            invoke: {
              id: 'fetch',
              src: 'fetch',
              input: {},
              onDone: { target: 'idle', actions: emit(({ context }) => shout(context.text)) },
              onError: {
                target: 'idle',
                actions: emit(({ event }) => note(`failed: ${(event.error as { code?: string }).code}`)),
              },
            },
          },
        },
      }),
    },
  ],
};

test('S9: a message whose consequence the log would refuse is set aside with the reason; others go on', async () => {
  const mesh = await Mesh.open();
  const { fatal } = await mesh.start('one', { roles: [shouting] });
  await mesh.ask(LARGE, prompt);
  await mesh.submit(SMALL);
  await mesh.pass();
  const [refused, ...others] = await mesh.storedIn('quarantine', QUARANTINE_FILTER);
  expect([refused?.header('mesh-code'), others]).toEqual(['output_too_large', []]);
  expect(refused?.header('mesh-reason')).toMatch(/^dev\.agentmesh\.agent\.message\.v1 would have more than \d+ bytes$/);
  expect([await mesh.facts(LARGE), await mesh.facts(SMALL), fatal]).toEqual([[], ['taken'], []]);
});

test('S9: an effect whose result has such a consequence has failed, and its role hears why', async () => {
  const mesh = await Mesh.open();
  const { fatal } = await mesh.start('one', { roles: [dispatcher, shoutingAfterwards] });
  await mesh.ask(LARGE, prompt);
  await mesh.pass();
  expect(await mesh.facts(LARGE)).toEqual([expect.stringContaining('takes'), 'failed: output_too_large']);
  expect(await mesh.storedIn('quarantine', QUARANTINE_FILTER)).toEqual([]);
  expect([mesh.deeds.length, fatal]).toEqual([1, []]);
});
