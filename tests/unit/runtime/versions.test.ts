/** Each role counts its versions by itself: an actor stays on the machine that it began on, and the journal says which (S11). */
import { describe, expect, test } from 'vitest';
import { createMachine, emit, setup } from 'xstate';
import { createRequests } from '../../../actors/runtime/effects/requests.ts';
import { FatalError } from '../../../actors/runtime/errors.ts';
import { decodeRecord, type EventInput, encodeRecord } from '../../../actors/runtime/journal/record.ts';
import { defaultLimits } from '../../../actors/runtime/limits.ts';
import type { Partition } from '../../../actors/runtime/partitions/partitions.ts';
import { type Outgoing, out, RELEASE, type RoleDefinition, WATCHERS } from '../../../actors/runtime/role.ts';
import { createTasks, nothingStored, type Tasks } from '../../../actors/runtime/tasks/tasks.ts';
import { askedSubject, partitionOf } from '../../../schemas/events/subjects.ts';
import { defineRole } from '../../../sdk/define-role.ts';
import { courier } from './support/courier.ts';
import { byName, dispatcher, WAITS } from './support/dispatcher.ts';
import { eagerDisk } from './support/eager-disk.ts';
import { eventOf, TASK } from './support/events.ts';
import { settled } from './support/fake-clock.ts';
import { journalOn, type Life, Mesh } from './support/mesh-bench.ts';
import { fromLog, headAt } from './support/records.ts';

/** Says at each request which version it is. */
const machineOf = (version: number) =>
  setup({ types: { emitted: {} as Outgoing } }).createMachine({
    on: {
      'hop.requested': {
        actions: emit(() => out('hop.progress', WATCHERS, { role: 'clerk', effect: '', note: `version ${version}` })),
      },
    },
  });

const clerk = (...versions: readonly number[]): RoleDefinition => ({
  ...{ name: 'clerk', service: 'tests', startsOn: ['hop.requested'] },
  versions: versions.map((since) => ({ since, machine: machineOf(since) })),
});
const own = (version: number, ...earlier: readonly number[]): RoleDefinition =>
  defineRole({
    ...{ name: 'clerk', version, machine: machineOf(version) },
    earlier: earlier.map((one) => ({ version: one, machine: machineOf(one) })),
  });

const ASK = { step: 'ask', attempt: 1, timeoutMs: 1000, input: { prompt: 'hello' } };
const tellerMachine = setup({ types: { emitted: {} as Outgoing } }).createMachine({
  on: { 'hop.requested': { actions: emit(() => out('hop.requested', 'clerk', ASK)) } },
});

const open = (...roles: readonly RoleDefinition[]): Tasks =>
  createTasks({
    ...{ partition: partitionOf(TASK), limits: defaultLimits, ledger: nothingStored },
    roles: new Map(roles.map((role) => [role.name, role])),
  });

function asked(attempt: number, release = RELEASE): EventInput {
  const data = { step: 'ask', attempt, timeoutMs: 1000, input: { prompt: 'hello' } };
  return fromLog(eventOf('hop.requested', data, { to: 'clerk', release }), 'clerk', attempt);
}

/** Applies it, and returns what was said and what is written into the record. */
function apply(tasks: Tasks, input: EventInput): { note: unknown; bytes: Uint8Array } {
  const result = tasks.weigh(input);
  if (result.kind !== 'applied') throw new Error(JSON.stringify(result));
  const { began } = result;
  const written = Object.keys(began).length === 0 ? input : { ...input, began };
  tasks.apply(written, result, 1);
  const [said] = result.said;
  const note = said?.event.type === 'dev.agentmesh.hop.progress.v1' ? said.event.data.note : undefined;
  return { note, bytes: encodeRecord(headAt(1), [{ input: written, caused: [] }]) };
}

const readBack = (bytes: Uint8Array): EventInput => {
  const [input] = decodeRecord(bytes).inputs;
  if (input?.kind !== 'event') throw new Error('no event');
  return input;
};
const formOf = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString())[0].data.version;

describe('S11: an actor', () => {
  test('begins on the newest machine of its role, which its record says', () => {
    const { note, bytes } = apply(open(clerk(1, 4, 5)), asked(1));
    expect(note).toBe('version 5');
    expect(readBack(bytes).began).toEqual({ clerk: 5 });
    expect(formOf(bytes)).toBe(2);
  });

  test('is folded on that machine by a build that has a newer one', () => {
    const { bytes } = apply(open(clerk(4, 5)), asked(1));
    const later = open(clerk(4, 5, 6));
    expect(apply(later, readBack(bytes)).note).toBe('version 5');
    expect(apply(later, asked(2)).note).toBe('version 5');
  });

  test('of which nothing is written began on what its release gives', () => {
    const { bytes } = apply(open(clerk(1, 4)), asked(1));
    expect(formOf(bytes)).toBe(1);
    expect(apply(open(clerk(1, 4, 5)), readBack(bytes)).note).toBe('version 4');
  });

  test('of a task from before begins on what its release gives', () => {
    expect(apply(open(clerk(1, 3, 4, 5)), asked(1, 3)).note).toBe('version 3');
  });

  test('that began on a machine which is gone is refused, and those there are named', () => {
    const { bytes } = apply(open(clerk(4, 5)), asked(1));
    expect(open(clerk(4)).weigh(readBack(bytes))).toMatchObject({
      ...{ kind: 'rejected', code: 'unknown_version' },
      reason: 'no machine of clerk for this task; there are versions 4',
    });
  });

  test('that was told by another actor of its host is missed as well: without it the task would go another way', () => {
    const teller: RoleDefinition = {
      ...{ name: 'teller', service: 'tests', startsOn: ['hop.requested'] },
      versions: [{ since: 1, machine: tellerMachine }],
    };
    const both = (...versions: readonly number[]) => open(teller, clerk(...versions));
    const told = fromLog(eventOf('hop.requested', ASK, { to: 'teller', release: RELEASE }), 'teller', 1);
    const { bytes } = apply(both(4, 5), told);
    expect(readBack(bytes).began).toEqual({ clerk: 5 });
    expect(both(4).weigh(readBack(bytes))).toMatchObject({ kind: 'rejected', code: 'unknown_version' });
    expect(open(teller).weigh(readBack(bytes))).toMatchObject({ kind: 'rejected', reason: 'no role clerk here' });
  });
});

describe('S11: a role of one’s own', () => {
  test('counts from 1, whatever the release', () => {
    const first = apply(open(own(1)), asked(1));
    expect([first.note, formOf(first.bytes)]).toEqual(['version 1', 1]);
    const second = apply(open(own(2, 1)), asked(1));
    expect(second.note).toBe('version 2');
    const third = (input: EventInput) => apply(open(own(3, 2, 1)), input).note;
    expect([third(readBack(first.bytes)), third(readBack(second.bytes)), third(asked(1))]).toEqual([
      'version 1',
      'version 2',
      'version 3',
    ]);
  });

  test.each([
    ['not a number of a version', () => own(1.5), /a version is a whole number from 1, and not 1.5/],
    ['twice the same', () => own(2, 2), /there are two machines 2/],
    ['lower than an earlier one', () => own(2, 3), /the version of its machine is higher/],
  ])('%s', (_what, make, message) => {
    expect(make).toThrow(message);
  });
});

describe('S11: after an upgrade', () => {
  /** It takes nothing, and says nothing. */
  const upgraded: RoleDefinition = {
    ...dispatcher,
    versions: [...dispatcher.versions, { since: RELEASE + 1, machine: setup({}).createMachine({}) }],
  };

  test('a task that has ended is remembered as the machine that it began on left it', async () => {
    const mesh = await Mesh.open();
    const life = await mesh.start('one');
    await mesh.submit(TASK);
    await mesh.pass();
    await mesh.stop(life);
    const again = await mesh.start('one', { disk: life.disk, roles: [upgraded, courier] });
    expect(again.host.recall('orchestrator', TASK)).toMatchObject({ snapshot: { value: 'over' } });
  });

  test('J5: a host says that its request was answered, whichever machine had made it', async () => {
    const mesh = await Mesh.open();
    await mesh.start('helper', { service: 'helps', roles: [courier] });
    const asker = await mesh.start('asker', { service: 'asks', roles: [dispatcher] });
    await mesh.ask(TASK, WAITS);
    await mesh.pass();
    await mesh.stop(asker);
    await mesh.start('asker', { service: 'asks', disk: asker.disk, roles: [upgraded] });
    const [request] = await mesh.stored('mesh.in.courier.>');
    const { id } = JSON.parse(Buffer.from(request?.data ?? '').toString()) as { id: string };
    const asked = mesh.bus.askVolatile(askedSubject('orchestrator', TASK), id, { answers: 1, limitMs: 1000 });
    await mesh.pass();
    expect((await asked).map((answer) => Buffer.from(answer).toString())).toEqual(['answered']);
  });
});

test('S11: a host that takes over what the checkpoint of a newer release tells names the tasks and ends, and has taken nothing', async () => {
  const newest = dispatcher.versions.at(-1);
  if (!newest) throw new Error('the dispatcher has no machine');
  const newer = { ...dispatcher, versions: [...dispatcher.versions, { ...newest, since: RELEASE + 1 }] };
  const mesh = await Mesh.open();
  const life = await mesh.start('newer', { service: 'asks', roles: [newer] });
  await mesh.ask(TASK, WAITS);
  await mesh.pass();
  await mesh.stop(life);
  const before = (await mesh.journal('asks'))[partitionOf(TASK)];
  const older = await mesh.start('older', { service: 'asks', roles: [dispatcher], waits: false });
  await mesh.pass();
  const named = new RegExp(`^1 of the open tasks cannot go on with this release: ${TASK} .*upgrade this host`);
  expect(older.fatal).toMatchObject([{ exitCode: 2, message: expect.stringMatching(named) }]);
  expect(journalOn(older.disk)[partitionOf(TASK)]).toEqual([]);
  expect((await mesh.journal('asks'))[partitionOf(TASK)]).toEqual(before);
});

test('S11: a host that is asked about a task which it cannot load says so and ends', async () => {
  const { bus, clock } = await Mesh.open();
  const error = new FatalError('upgrade this host', { exitCode: 2 });
  const find = (): never => {
    throw error;
  };
  const unloadable = { doubts: new Set(), tasks: { find } } as unknown as Partition;
  const fatal: unknown[] = [];
  const end = createRequests({
    ...{ bus, clock, limits: defaultLimits, roles: byName(dispatcher), ledger: eagerDisk().open() },
    partition: () => unloadable,
    onFatal: (thrown) => void fatal.push(thrown),
  }).answer();
  void bus.askVolatile(askedSubject('orchestrator', TASK), 'any', { answers: 1, limitMs: 1000 });
  await settled();
  expect(fatal).toEqual([error]);
  end();
});

describe('S11: a machine of one’s own that is another one under the same number', () => {
  /** It sends a parcel, and rests in that state. */
  const sender = (state: string, others: object = {}, reply: object = {}): RoleDefinition => ({
    ...{ ...dispatcher, countsFromOne: true },
    versions: [
      {
        since: 1,
        machine: createMachine({
          initial: 'idle',
          states: {
            idle: {
              on: { 'task.submitted': { target: state, actions: emit(() => out('hop.requested', 'courier', ASK)) } },
            },
            [state]: { on: { 'hop.replied': reply } },
            ...others,
          },
        }),
      },
    ],
  });
  const first = sender('waiting');
  const renamed = sender('resting');
  const grown = sender('waiting', { resting: {} });
  const throws = (): boolean => {
    throw new Error('nothing is known of a parcel');
  };
  const failing = sender('waiting', {}, { guard: throws });

  /** A host whose task waits for a parcel, and has ended; the next one has the same disk. */
  async function waits(): Promise<{ mesh: Mesh; life: Life; next(role: RoleDefinition): Promise<Life> }> {
    const mesh = await Mesh.open();
    mesh.signing.shut();
    const life = await mesh.start('one', { roles: [first, courier] });
    await mesh.ask(TASK, WAITS);
    await mesh.pass();
    return { mesh, life, next: (role) => mesh.start('one', { disk: life.disk, roles: [role, courier] }) };
  }

  const WHAT_TO_DO = /put the machine from before into `earlier` and give the changed one the next `version`/;

  test('and does not know the state of a task stops the start: which one, from which state, and what to do', async () => {
    const { mesh, life, next } = await waits();
    await mesh.stop(life);
    const start = next(renamed);
    await expect(start).rejects.toThrow(/machine of orchestrator, version 1, cannot go on from the state "waiting"/);
    await expect(start).rejects.toThrow(WHAT_TO_DO);
    const back = await next(first);
    expect(back.host.recall('orchestrator', TASK)).toMatchObject({ snapshot: { value: 'waiting' } });
  });

  test('is told at the start for as long as a task is open that may have begun before, also after a kill', async () => {
    const { mesh, life, next } = await waits();
    life.kill();
    const grownUp = await next(grown);
    const told = (one: Life) => one.said('warn').filter((text) => text.includes('another one than before'));
    expect(told(grownUp)).toEqual([
      expect.stringMatching(/of orchestrator is another one than before under the same version 1, and 1 open task may/),
    ]);
    expect(told(grownUp)[0]).toMatch(WHAT_TO_DO);
    await mesh.stop(grownUp);
    const again = await next(grown);
    expect(told(again)).toHaveLength(1);
    await mesh.stop(again);
    const back = await next(first);
    expect(told(back)).toEqual([]);
  });

  test('and fails at an event says which one it is, where it was, why, and what to do', async () => {
    const { mesh, life, next } = await waits();
    await mesh.stop(life);
    const changed = await next(failing);
    expect(changed.fatal).toEqual([]);
    mesh.signing.open();
    await mesh.pass();
    const [kept] = await mesh.bus.readLast('mesh.quarantine.>', 'quarantine');
    expect(kept?.header('mesh-code')).toBe('machine_failed');
    expect(kept?.header('mesh-reason')).toMatch(
      /of orchestrator, version 1, cannot take hop.replied in its state "waiting": .*nothing is known of a parcel/s,
    );
    expect(kept?.header('mesh-reason')).toMatch(WHAT_TO_DO);
  });
});
