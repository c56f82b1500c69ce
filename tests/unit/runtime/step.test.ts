/** One event applied to one actor, case by case. */
import { describe, expect, test } from 'vitest';
import type { RoleDefinition } from '../../../actors/runtime/role.ts';
import { childOf, type Instance, keyOf, type LoggedEvent, step } from '../../../actors/runtime/step.ts';
import { courier } from './support/courier.ts';
import { eventOf, START_MS, TASK, TRACE } from './support/events.ts';
import { applied, dataOf, runLog } from './support/log-run.ts';

const request = { step: 'carry', attempt: 1, timeoutMs: 1000, input: { prompt: 'Carry it' } };
const requested = (options = {}) => ({ event: eventOf('hop.requested', request, options), atMs: START_MS });
const note = (text: string, options = {}) => {
  const message = { messageId: text, role: 'ROLE_AGENT' as const, parts: [{ text }] };
  return { event: eventOf('agent.message', message, { from: 'reviewer', ...options }), atMs: START_MS + 1 };
};

function begun(): Instance {
  const { instance } = applied(step(courier, null, requested()));
  return instance;
}

describe('a beginning', () => {
  test('S9: an event that begins nothing is rejected while the task is unknown', () => {
    const cancelled = eventOf('hop.cancelled', { step: 'carry', attempt: 1, reason: 'enough' });
    expect(step(courier, null, { event: cancelled, atMs: 1 })).toMatchObject({
      kind: 'rejected',
      code: 'unknown_task',
    });
  });

  test('S9: a settlement begins nothing', () => {
    const fired = eventOf('timer.fired', { timer: 'x', armedVersion: 1 }, { from: 'courier' });
    expect(step(courier, null, { event: fired, atMs: 1 })).toMatchObject({ kind: 'rejected', code: 'unknown_task' });
  });

  test('S11: a release older than every machine is rejected', () => {
    const [version] = courier.versions;
    if (!version) throw new Error('no machine');
    const later: RoleDefinition = { ...courier, versions: [{ since: 3, machine: version.machine }] };
    expect(step(later, null, requested({ release: 2 }))).toMatchObject({ kind: 'rejected', code: 'unknown_release' });
  });

  test('S11: the newest machine that is not newer than the task’s release is taken, and kept', () => {
    const [version] = courier.versions;
    if (!version) throw new Error('no machine');
    const { machine } = version;
    const role: RoleDefinition = { ...courier, versions: [1, 4, 9].map((since) => ({ since, machine })) };
    const sinces = [1, 3, 4, 8, 9, 20].map(
      (release) => applied(step(role, null, requested({ release }))).instance.machineSince,
    );
    expect(sinces).toEqual([1, 1, 4, 4, 9, 9]);
  });

  test('takes task, hop, loops, release and trace from its first event', () => {
    expect(applied(step(courier, null, requested({ hop: 4, loops: 2 }))).instance).toMatchObject({
      ...{ role: 'courier', correlationId: TASK, hop: 4, loops: 2, release: 1, traceparent: TRACE },
      ...{ transitionIndex: 1, done: false },
    });
  });
});

describe('repetitions', () => {
  test('S5: the same event again is a duplicate', () => {
    expect(step(courier, begun(), requested())).toEqual({ kind: 'ignored', reason: 'duplicate' });
  });

  test('S5: the same id with other content is rejected and changes nothing', () => {
    const instance = begun();
    const before = dataOf(instance);
    const { id } = requested().event;
    expect(step(courier, instance, note('forged', { id }))).toMatchObject({
      kind: 'rejected',
      code: 'conflicting_duplicate',
    });
    expect(dataOf(instance)).toBe(before);
  });

  test('S5: a duplicate is known after the end too', () => {
    const instance = { ...begun(), done: true };
    expect(step(courier, instance, requested())).toEqual({ kind: 'ignored', reason: 'duplicate' });
  });
});

describe('what cannot be applied', () => {
  test('S9: a machine that throws rejects the event and stays as it was', () => {
    const instance = begun();
    const before = dataOf(instance);
    const poison = eventOf('task.cancel.requested', {}, { from: 'ingress' });
    expect(step(courier, instance, { event: poison, atMs: 5 })).toMatchObject({
      kind: 'rejected',
      code: 'machine_failed',
      reason: expect.stringContaining('cannot be cancelled'),
    });
    expect(dataOf(instance)).toBe(before);
    const after = applied(step(courier, instance, note('still there')));
    expect(after.outputs).toHaveLength(1);
  });

  test('S1: a settlement from another role is rejected', () => {
    const instance = begun();
    const fired = eventOf('timer.fired', { timer: 'xstate.after.carry.courier.carrying', armedVersion: 1 });
    expect(step(courier, instance, { event: fired, atMs: 5 })).toMatchObject({
      kind: 'rejected',
      code: 'foreign_settlement',
    });
  });

  test('S1: an event the machine has no transition for is applied and changes no state', () => {
    const provided = eventOf('task.input.provided', { text: 'hm' }, { from: 'ingress' });
    const result = applied(step(courier, begun(), { event: provided, atMs: 5 }));
    expect(result.outputs).toEqual([]);
    expect(result.instance.transitionIndex).toBe(2);
  });
});

describe('outputs', () => {
  test('S2: ids come from the transition and the place; time and cause from the event answered', () => {
    const logged = note('hello');
    const [output] = applied(step(courier, begun(), logged)).outputs;
    expect(output).toMatchObject({
      subject: `mesh.events.${TASK}`,
      leaves: true,
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
    const [now] = applied(step(courier, begun(), note('x'))).outputs;
    const [then] = applied(step(courier, begun(), late(note('x'), 60_000))).outputs;
    expect({ ...then?.event, time: now?.event.time }).toEqual(now?.event);
  });

  test('the trace goes on, with the event as the span', () => {
    const [output] = applied(step(courier, begun(), note('x'))).outputs;
    const [version, trace, span, flags] = output?.event.traceparent.split('-') ?? [];
    expect([version, trace, flags]).toEqual(['00', TRACE.slice(3, 35), '01']);
    expect(span).toBe(output?.event.id.replaceAll('-', '').slice(0, 16));
    expect(childOf(TRACE.replace(/01$/, '00'), output?.event.id ?? '')).toMatch(/-00$/);
  });

  test('S8: what goes back to earlier hops does not take the actor back', () => {
    const instance = applied(step(courier, null, requested({ hop: 5, loops: 1 }))).instance;
    const late = applied(step(courier, instance, note('from an earlier hop', { hop: 4, loops: 2 })));
    expect(late.instance).toMatchObject({ hop: 5, loops: 1 });
  });

  test('hop and loops follow the newest event from others', () => {
    const { instance } = runLog(courier, [requested(), note('x', { hop: 7, loops: 1 })]);
    expect(instance).toMatchObject({ hop: 7, loops: 1 });
  });
});

test('S6: the idempotency key names task, role, effect and the transition that started it', () => {
  const instance = begun();
  const row = instance.effects.get('fetch');
  if (!row) throw new Error('no effect');
  expect(keyOf(instance, row)).toBe(`${TASK}/courier/fetch/1`);
});
