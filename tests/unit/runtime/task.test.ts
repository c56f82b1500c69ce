/** One input applied to a task: what actors of one host say to each other happens at once, and with it (S2, J1). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emit, setup } from 'xstate';
import { effectFinished } from '../../../actors/runtime/effects/settlement.ts';
import { defaultLimits } from '../../../actors/runtime/limits.ts';
import { type Incoming, type Outgoing, out, type RoleDefinition } from '../../../actors/runtime/role.ts';
import {
  type Actors,
  applyToTask,
  isIdle,
  isOver,
  type RolesByName,
  type TaskStep,
} from '../../../actors/runtime/tasks/task.ts';
import { type MeshEvent, nameOf } from '../../../schemas/events/envelope.ts';
import { courier } from './support/courier.ts';
import { courierOutcomes, courierSpeech } from './support/courier-life.ts';
import { babbling, byName, dispatcher, submission, together } from './support/dispatcher.ts';
import { eventOf, idOf, loggedAt } from './support/events.ts';
import { choices, historyOf } from './support/histories.ts';
import { dataOf, frozen } from './support/log-run.ts';

const nobody: Actors = new Map();

function taken(result: ReturnType<typeof applyToTask>): TaskStep {
  if (result.kind !== 'applied') throw new Error(`not applied: ${JSON.stringify(result)}`);
  return result;
}

function tell(roles: RolesByName, actors: Actors, role: string, event: MeshEvent, limits = defaultLimits) {
  return applyToTask(roles, actors, { role, logged: loggedAt(event) }, limits);
}

const labels = ({ said }: TaskStep) => said.map(({ way, to, event }) => `${way}: ${nameOf(event.type)} > ${to}`);
const textOf = (actors: Actors) => [...actors].map(([role, actor]) => `${role} ${dataOf(actor)}`).join('\n');

/** The end of an effect of the courier. */
function carried(actors: Actors, effect: string, output: unknown = 'x'): MeshEvent {
  const actor = actors.get('courier');
  const row = actor?.effects.get(effect);
  if (!actor || !row) throw new Error(`the courier has no ${effect}`);
  return effectFinished(actor, row, { status: 'done', output }, 1);
}

describe('what actors of one host say to each other', () => {
  test('J1: is applied in the same step, and what it begins begins', () => {
    const result = taken(tell(together, nobody, 'orchestrator', submission()));
    expect(labels(result)).toEqual(['fact: hop.progress > watchers', 'host: hop.requested > courier']);
    expect([...result.actors.keys()]).toEqual(['orchestrator', 'courier']);
    expect(result.started.map(({ role, row }) => `${role}/${row.effect}`)).toEqual(['courier/fetch']);
    expect(result.refused).toEqual([]);
  });

  test('goes to the mesh when the other one is elsewhere', () => {
    const result = taken(tell(byName(dispatcher), nobody, 'orchestrator', submission()));
    expect(labels(result)).toEqual(['fact: hop.progress > watchers', 'mesh: hop.requested > courier']);
    expect([...result.actors.keys()]).toEqual(['orchestrator']);
    expect(result.started).toEqual([]);
  });

  test('the same words are said, under the same ids, in both placements', () => {
    const [here, apart] = [together, byName(dispatcher)].map((roles) =>
      taken(tell(roles, nobody, 'orchestrator', submission())),
    );
    expect(here?.said.map(({ event }) => event)).toEqual(apart?.said.map(({ event }) => event));
  });

  test('J1: is answered in the same step too, and an actor may come to its end', () => {
    let { actors } = taken(tell(together, nobody, 'orchestrator', submission()));
    ({ actors } = taken(tell(together, actors, 'courier', carried(actors, 'fetch'))));
    const result = taken(tell(together, actors, 'courier', carried(actors, 'sign')));
    expect(labels(result)).toEqual(['host: hop.replied > orchestrator', 'fact: hop.progress > watchers']);
    expect(result.said.map(({ awaited }) => awaited)).toEqual([false, true]);
    expect(result.actors.get('orchestrator')?.done).toBe(true);
    expect(isOver(result.actors)).toBe(true);
  });

  test('is heard in the order in which it was said, before what is said because of it', () => {
    const speaker = (name: string, to: readonly string[]): RoleDefinition => ({
      ...babbling,
      name,
      versions: [{ since: 1, machine: relaying(to) }],
    });
    const roles = byName(speaker('a', ['b', 'c']), speaker('b', ['d']), speaker('c', ['d']), speaker('d', []));
    const message = { messageId: 'm', role: 'ROLE_AGENT' as const, parts: [{ text: 'x' }] };
    const result = taken(tell(roles, nobody, 'a', eventOf('agent.message', message, { to: 'a' })));
    expect(result.said.map(({ to, event }) => `${event.senderrole}>${to}`)).toEqual(['a>b', 'a>c', 'b>d', 'c>d']);
    expect(result.actors.get('d')?.transitionIndex).toBe(2);
  });

  test('S5: is not looked up: a derived word cannot come twice', () => {
    const { actors } = taken(tell(together, nobody, 'orchestrator', submission()));
    expect([actors.get('orchestrator')?.seen.size, actors.get('courier')?.seen.size]).toEqual([1, 0]);
  });

  test('S9: what one cannot take is set aside with its reason, and the rest goes on', () => {
    const strict: RoleDefinition = { ...courier, startsOn: ['agent.message'] };
    const result = taken(tell(byName(dispatcher, strict), nobody, 'orchestrator', submission()));
    expect(result.refused).toMatchObject([{ role: 'courier', code: 'unknown_task' }]);
    expect(result.refused[0]?.event).toBe(result.said[1]?.event);
    expect([...result.actors.keys()]).toEqual(['orchestrator']);
    expect(labels(result)).toContain('fact: hop.progress > watchers');
  });
});

describe('all of an input or none of it', () => {
  test('S8: actors that talk in a circle are stopped, and nothing of it has happened', () => {
    const message = { messageId: 'm', role: 'ROLE_AGENT' as const, parts: [{ text: 'x' }] };
    const limits = { ...defaultLimits, cascadeMax: 7 };
    const result = tell(byName(babbling), nobody, 'babbler', eventOf('agent.message', message), limits);
    expect(result).toMatchObject({
      kind: 'rejected',
      code: 'machine_failed',
      reason: 'actors told each other more than 7 things at once',
    });
  });

  test('S8: as many as may be are told', () => {
    const limits = { ...defaultLimits, cascadeMax: 1 };
    const { actors } = taken(tell(together, nobody, 'orchestrator', submission(), limits));
    expect(actors.size).toBe(2);
  });

  test('an input that its actor cannot take is rejected', () => {
    const reply = eventOf('hop.replied', { step: 'x', attempt: 1, status: 'completed' }, { from: 'courier' });
    expect(tell(together, nobody, 'orchestrator', reply)).toMatchObject({ kind: 'rejected', code: 'unknown_task' });
    expect(tell(together, nobody, 'nobody', reply)).toMatchObject({ kind: 'rejected', code: 'unknown_role' });
  });

  test('S5: a repetition is ignored whole', () => {
    const { actors } = taken(tell(together, nobody, 'orchestrator', submission()));
    expect(tell(together, actors, 'orchestrator', submission())).toEqual({ kind: 'ignored', reason: 'duplicate' });
  });

  test('an effect that begins and is no longer wanted within one step has never begun', () => {
    const eager: RoleDefinition = { ...dispatcher, versions: [{ since: 1, machine: hesitating() }] };
    const result = taken(tell(byName(eager, courier), nobody, 'orchestrator', submission()));
    expect(labels(result)).toEqual(['host: hop.requested > courier', 'host: hop.cancelled > courier']);
    expect(result.started).toEqual([]);
    expect(result.actors.get('courier')?.effects.size).toBe(0);
  });
});

describe('pure', () => {
  test('J1: the same task and input give the same, to the byte, and the task is not changed', () => {
    fc.assert(
      fc.property(choices(30), (made) => {
        const log = historyOf(courier, made, courierSpeech, courierOutcomes);
        let actors: Actors = taken(tell(together, nobody, 'orchestrator', submission())).actors;
        for (const logged of log) {
          const before = textOf(actors);
          const guarded: Actors = new Map([...actors].map(([role, actor]) => [role, frozen(actor) ?? actor]));
          const [one, other] = [guarded, actors].map((from) =>
            applyToTask(together, from, { role: 'courier', logged }, defaultLimits),
          );
          expect(textOf(actors)).toBe(before);
          expect(one?.kind).toBe(other?.kind);
          if (one?.kind !== 'applied' || other?.kind !== 'applied') continue;
          expect(JSON.stringify(one.said)).toBe(JSON.stringify(other.said));
          expect(textOf(one.actors)).toBe(textOf(other.actors));
          actors = other.actors;
        }
      }),
      { numRuns: 30 },
    );
  });
});

test('a task is over when an actor has ended and nobody works; idle when nobody works', () => {
  const begun = taken(tell(together, nobody, 'orchestrator', submission())).actors;
  expect([isOver(begun), isIdle(begun), isOver(nobody), isIdle(nobody)]).toEqual([false, false, false, true]);
  const alone = taken(tell(byName(dispatcher), nobody, 'orchestrator', submission())).actors;
  expect([isOver(alone), isIdle(alone)]).toEqual([false, true]);
});

describe('who was asked elsewhere', () => {
  const alone = byName(dispatcher);
  const helper = byName(courier);
  const request = eventOf('hop.requested', { step: 'carry', attempt: 1, timeoutMs: 1000, input: { prompt: 'x' } });
  const over = eventOf('task.over', {}, { id: idOf('over') });

  test('J7: is told, once and last, that the task is over; who asked is not', () => {
    const { actors } = taken(tell(alone, nobody, 'orchestrator', submission()));
    const reply = eventOf('hop.replied', { step: 'carry', attempt: 1, status: 'completed' }, { from: 'courier' });
    const ended = taken(tell(alone, actors, 'orchestrator', reply));
    expect(labels(ended)).toEqual(['fact: hop.progress > watchers', 'mesh: task.over > courier']);
    expect(ended.said.at(-1)?.event).toMatchObject({ senderrole: 'orchestrator', recipientrole: 'courier', data: {} });
  });

  test('J7: gives up what it does and waits for, and tells nobody who had asked', () => {
    const { actors } = taken(tell(helper, nobody, 'courier', request));
    const told = taken(tell(helper, actors, 'courier', over));
    expect([isOver(told.actors), told.said]).toEqual([true, []]);
    expect(told.ended.map(({ row }) => row.effect)).toEqual(['fetch']);
    expect(told.actors.get('courier')?.timers.size).toBe(0);
    expect(tell(helper, told.actors, 'courier', over)).toEqual({ kind: 'ignored', reason: 'duplicate' });
  });

  test('S5: of a task that it does not know that is no news', () => {
    expect(tell(helper, nobody, 'courier', over)).toEqual({ kind: 'ignored', reason: 'late' });
  });
});

/** Tells what it hears to these. */
function relaying(to: readonly string[]) {
  return setup({
    types: { events: {} as Incoming<'agent.message'>, emitted: {} as Outgoing },
  }).createMachine({
    on: { 'agent.message': { actions: to.map((one) => emit(({ event }) => out('agent.message', one, event.data))) } },
  });
}

/** Asks for something, and in the same breath takes it back. */
function hesitating() {
  const request = { step: 'carry', attempt: 1, timeoutMs: 1000, input: { prompt: 'x' } };
  return setup({
    types: { events: {} as Incoming<'task.submitted'>, emitted: {} as Outgoing },
  }).createMachine({
    on: {
      'task.submitted': {
        actions: [
          emit(() => out('hop.requested', 'courier', request)),
          emit(() => out('hop.cancelled', 'courier', { step: 'carry', attempt: 1, reason: 'no' })),
        ],
      },
    },
  });
}
