/** One event applied to one actor, case by case. */

import { describe, expect, test } from 'vitest';
import { defaultLimits } from '../../../actors/runtime/limits.ts';
import type { RoleDefinition, Versions } from '../../../actors/runtime/role.ts';
import { type Actor, keyOf, type LoggedEvent } from '../../../actors/runtime/tasks/actor.ts';
import { step } from '../../../actors/runtime/tasks/step.ts';
import { childOf } from '../../../schemas/events/trace-context.ts';
import { courier } from './support/courier.ts';
import { eventOf, loggedAt, START_MS, TASK, TRACE } from './support/events.ts';
import { applied, dataOf, runLog } from './support/log-run.ts';

const request = { step: 'carry', attempt: 1, timeoutMs: 1000, input: { prompt: 'Carry it' } };
const requested = (options = {}) => loggedAt(eventOf('hop.requested', request, options));
const note = (text: string, options = {}) => {
  const message = { messageId: text, role: 'ROLE_AGENT' as const, parts: [{ text }] };
  return loggedAt(eventOf('agent.message', message, { from: 'reviewer', ...options }), START_MS + 1);
};

function begun(): Actor {
  const { actor } = applied(step(courier, null, requested(), defaultLimits));
  return actor;
}

describe('a beginning', () => {
  test('S9: an event that begins nothing is rejected while the task is unknown', () => {
    const cancelled = eventOf('hop.cancelled', { step: 'carry', attempt: 1, reason: 'enough' });
    expect(step(courier, null, loggedAt(cancelled), defaultLimits)).toMatchObject({
      kind: 'rejected',
      code: 'unknown_task',
    });
  });

  test('S9: a settlement begins nothing', () => {
    const fired = eventOf('timer.fired', { timer: 'x', armedVersion: 1 }, { from: 'courier' });
    expect(step(courier, null, loggedAt(fired), defaultLimits)).toMatchObject({
      kind: 'rejected',
      code: 'unknown_task',
    });
  });

  test('S11: a release older than every machine is rejected', () => {
    const [version] = courier.versions;
    if (!version) throw new Error('no machine');
    const later: RoleDefinition = { ...courier, versions: [{ since: 3, machine: version.machine }] };
    expect(step(later, null, requested({ release: 2 }), defaultLimits)).toMatchObject({
      kind: 'rejected',
      code: 'unknown_version',
    });
  });

  test('S11: the newest machine is taken, but for tasks of before roles counted by themselves; folding goes by what is written', () => {
    const [version] = courier.versions;
    if (!version) throw new Error('no machine');
    const { machine } = version;
    const role: RoleDefinition = { ...courier, versions: [1, 4, 9].map((since) => ({ since, machine })) };
    const sinces = [1, 3, 4, 8, 9, 20].map(
      (release) => applied(step(role, null, requested({ release }), defaultLimits)).actor.machineSince,
    );
    expect(sinces).toEqual([1, 1, 9, 9, 9, 9]);
    const written: readonly Versions[] = [{}, { courier: 1 }, { courier: 9 }];
    const folded = written.map(
      (began) => applied(step(role, null, { ...requested({ release: 4 }), began }, defaultLimits)).actor.machineSince,
    );
    expect(folded).toEqual([4, 1, 9]);
  });

  test('takes task, hop, loops, release and trace from its first event', () => {
    expect(applied(step(courier, null, requested({ hop: 4, loops: 2 }), defaultLimits)).actor).toMatchObject({
      ...{ role: 'courier', correlationId: TASK, hop: 4, loops: 2, release: 1, traceparent: TRACE },
      ...{ transitionIndex: 1, done: false },
    });
  });
});

describe('repetitions', () => {
  test('S5: the same event again is a duplicate', () => {
    expect(step(courier, begun(), requested(), defaultLimits)).toEqual({ kind: 'ignored', reason: 'duplicate' });
  });

  test('S5: the same id with other content is rejected and changes nothing', () => {
    const actor = begun();
    const before = dataOf(actor);
    const { id } = requested().event;
    expect(step(courier, actor, note('forged', { id }), defaultLimits)).toMatchObject({
      kind: 'rejected',
      code: 'conflicting_duplicate',
    });
    expect(dataOf(actor)).toBe(before);
  });

  test('S5: a duplicate is known after the end too', () => {
    const actor = { ...begun(), done: true };
    expect(step(courier, actor, requested(), defaultLimits)).toEqual({ kind: 'ignored', reason: 'duplicate' });
  });
});

describe('a limit', () => {
  test('S8: a transition that says more than it may is rejected, and nothing of it happens', () => {
    const actor = begun();
    const before = dataOf(actor);
    const [said] = applied(step(courier, actor, note('one'), defaultLimits)).outputs;
    expect(said).toBeDefined();
    expect(step(courier, actor, note('one'), { outputsMax: 0 })).toMatchObject({
      kind: 'rejected',
      code: 'machine_failed',
      reason: 'more than 0 outputs in one transition',
    });
    expect(dataOf(actor)).toBe(before);
  });
});

describe('what cannot be applied', () => {
  test('S9: a machine that throws rejects the event and stays as it was', () => {
    const actor = begun();
    const before = dataOf(actor);
    const poison = eventOf('task.cancel.requested', {}, { from: 'ingress' });
    expect(step(courier, actor, loggedAt(poison), defaultLimits)).toMatchObject({
      kind: 'rejected',
      code: 'machine_failed',
      reason: expect.stringContaining('cannot be cancelled'),
    });
    expect(dataOf(actor)).toBe(before);
    const after = applied(step(courier, actor, note('still there'), defaultLimits));
    expect(after.outputs).toHaveLength(1);
  });

  test('S1: a settlement from another role is rejected', () => {
    const actor = begun();
    const fired = eventOf('timer.fired', { timer: 'xstate.after.carry.courier.carrying', armedVersion: 1 });
    expect(step(courier, actor, loggedAt(fired), defaultLimits)).toMatchObject({
      kind: 'rejected',
      code: 'foreign_settlement',
    });
  });

  test('S1: an event the machine has no transition for is applied and changes no state', () => {
    const provided = eventOf('task.input.provided', { text: 'hm' }, { from: 'ingress' });
    const result = applied(step(courier, begun(), loggedAt(provided), defaultLimits));
    expect(result.outputs).toEqual([]);
    expect(result.actor.transitionIndex).toBe(2);
  });
});

describe('what a host says of an effect', () => {
  const finish = { key: `${TASK}/courier/fetch/1`, effect: 'fetch', armedVersion: 1 };
  const said = (name: 'effect.retried' | 'effect.withdrawn' | 'effect.started', key = finish.key) => {
    const error = { code: 'unavailable', message: 'try later', retryable: true };
    switch (name) {
      case 'effect.started':
        return loggedAt(eventOf(name, { key, effect: 'fetch', attempt: 1 }, { from: 'courier' }));
      case 'effect.retried':
        return loggedAt(eventOf(name, { ...finish, key, attempt: 2, error }, { from: 'courier' }));
      default:
        return loggedAt(eventOf(name, { ...finish, key }, { from: 'courier' }));
    }
  };

  test('S6: that an attempt failed is counted on the row, that one has begun noted, and taken back', () => {
    const rowAfter = (actor: Actor, ...names: Parameters<typeof said>[0][]) =>
      runLog(
        courier,
        names.map((name) => said(name)),
        actor,
      ).actor?.effects.get('fetch');
    expect(rowAfter(begun(), 'effect.retried')).toMatchObject({ failures: 2, started: false });
    expect(rowAfter(begun(), 'effect.started')).toMatchObject({ failures: 0, started: true });
    expect(rowAfter(begun(), 'effect.started', 'effect.withdrawn')).toMatchObject({ failures: 0, started: false });
  });

  test.each(['effect.retried', 'effect.withdrawn', 'effect.started'] as const)(
    'S6: %s moves no machine, counts no transition, says nothing',
    (name) => {
      const actor = begun();
      const result = applied(step(courier, actor, said(name), defaultLimits));
      expect([result.outputs, result.startedEffects, result.endedEffects]).toEqual([[], [], []]);
      expect(result.actor.transitionIndex).toBe(1);
      expect(result.actor.snapshot).toBe(actor.snapshot);
    },
  );

  test.each(['effect.retried', 'effect.withdrawn', 'effect.started'] as const)(
    'S6: %s about an earlier start comes late',
    (name) => {
      const late = said(name, `${TASK}/courier/fetch/0`);
      expect(step(courier, begun(), late, defaultLimits)).toEqual({ kind: 'ignored', reason: 'late' });
    },
  );

  test('S1: one that comes from the log is not believed', () => {
    const { event } = said('effect.started');
    const forged = { ...loggedAt(event), digest: 'a'.repeat(32) };
    expect(step(courier, begun(), forged, defaultLimits)).toMatchObject({ code: 'foreign_settlement' });
  });
});

test('S5: what actors of one host say to each other is not looked up', () => {
  const actor = begun();
  const derived = { ...note('x'), digest: null };
  const once = applied(step(courier, actor, derived, defaultLimits)).actor;
  expect(once.seen).toBe(actor.seen);
  expect(step(courier, once, derived, defaultLimits).kind).toBe('applied');
});

describe('outputs', () => {
  test('S2: ids come from the transition and the place; time and cause from the event answered', () => {
    const logged = note('hello');
    const [output] = applied(step(courier, begun(), logged, defaultLimits)).outputs;
    expect(output).toMatchObject({
      to: 'watchers',
      awaited: false,
      event: {
        causationid: logged.event.id,
        time: new Date(logged.atMs).toISOString(),
        source: '/mesh/courier',
        senderrole: 'courier',
        recipientrole: 'watchers',
      },
    });
  });

  test('S1: nothing but the log’s time is in an event: a minute later all of it is a minute later', () => {
    const late = (logged: LoggedEvent, ms: number) => ({ ...logged, atMs: logged.atMs + ms });
    const [now] = applied(step(courier, begun(), note('x'), defaultLimits)).outputs;
    const [then] = applied(step(courier, begun(), late(note('x'), 60_000), defaultLimits)).outputs;
    expect({ ...then?.event, time: now?.event.time }).toEqual(now?.event);
  });

  test('the trace goes on, with the event as the span', () => {
    const [output] = applied(step(courier, begun(), note('x'), defaultLimits)).outputs;
    const [version, trace, span, flags] = output?.event.traceparent.split('-') ?? [];
    expect([version, trace, flags]).toEqual(['00', TRACE.slice(3, 35), '01']);
    expect(span).toBe(output?.event.id.replaceAll('-', '').slice(0, 16));
    expect(childOf(TRACE.replace(/01$/, '00'), output?.event.id ?? '')).toMatch(/-00$/);
  });

  test('S8: what goes back to earlier hops does not take the actor back', () => {
    const actor = applied(step(courier, null, requested({ hop: 5, loops: 1 }), defaultLimits)).actor;
    const late = applied(step(courier, actor, note('from an earlier hop', { hop: 4, loops: 2 }), defaultLimits));
    expect(late.actor).toMatchObject({ hop: 5, loops: 1 });
  });

  test('hop and loops follow the newest event from others', () => {
    const { actor } = runLog(courier, [requested(), note('x', { hop: 7, loops: 1 })]);
    expect(actor).toMatchObject({ hop: 7, loops: 1 });
  });
});

test('S6: the idempotency key names task, role, effect and the transition that started it', () => {
  const actor = begun();
  const row = actor.effects.get('fetch');
  if (!row) throw new Error('no effect');
  expect(keyOf(actor, row)).toBe(`${TASK}/courier/fetch/1`);
});
