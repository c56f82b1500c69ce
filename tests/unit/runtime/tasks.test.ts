/** The tasks of a partition: the fold of its journal, with what sleeps and what has ended (J1, J7, S5). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effectFinished } from '../../../actors/runtime/effects/settlement.ts';
import type { EventInput } from '../../../actors/runtime/journal/record.ts';
import type { Ledger } from '../../../actors/runtime/ledger/port.ts';
import { defaultLimits } from '../../../actors/runtime/limits.ts';
import { preflight } from '../../../actors/runtime/tasks/preflight.ts';
import { readTask } from '../../../actors/runtime/tasks/snapshot.ts';
import {
  createTasks,
  type LiveTask,
  loggedOf,
  nothingStored,
  type Tasks,
} from '../../../actors/runtime/tasks/tasks.ts';
import { partitionOf } from '../../../schemas/events/subjects.ts';
import { batch } from '../../support/ledger-batch.ts';
import { courier } from './support/courier.ts';
import { courierOutcomes, courierSpeech } from './support/courier-life.ts';
import { byName, dispatcher, submission, together } from './support/dispatcher.ts';
import { eagerDisk } from './support/eager-disk.ts';
import { eventOf, idOf, START_MS, TASK } from './support/events.ts';
import { choices, historyOf } from './support/histories.ts';
import { dataOf } from './support/log-run.ts';
import { fromLog, inputOf } from './support/records.ts';

const PARTITION = partitionOf(TASK);

function open(ledger: Pick<Ledger, 'task' | 'tasks' | 'ended'> = nothingStored): Tasks {
  return createTasks({ partition: PARTITION, roles: together, limits: defaultLimits, ledger });
}

/** Applies an input as one of record `n`. */
function apply(tasks: Tasks, input: EventInput, n = 1): LiveTask {
  const result = tasks.weigh(input);
  if (result.kind !== 'applied') throw new Error(`not applied: ${JSON.stringify(result)}`);
  return tasks.apply(input, result, n);
}

function carried(tasks: Tasks, effect: 'fetch' | 'sign'): EventInput {
  const actor = tasks.actor(TASK, 'courier');
  const row = actor?.effects.get(effect);
  if (!actor || !row) throw new Error(`no ${effect}`);
  return inputOf(effectFinished(actor, row, { status: 'done', output: 'x' }, START_MS), 'courier');
}

function toTheEnd(tasks: Tasks, n = 1): LiveTask {
  apply(tasks, fromLog(submission(), 'orchestrator'), n);
  apply(tasks, carried(tasks, 'fetch'), n + 1);
  return apply(tasks, carried(tasks, 'sign'), n + 2);
}

const textOf = (tasks: Tasks, task = TASK) =>
  [...(tasks.find(task)?.actors.values() ?? [])].map((actor) => dataOf(actor)).join('\n');

/** A ledger with a checkpoint of what the tasks are. */
async function stored(tasks: Tasks, ledger = eagerDisk().open(), n = 1): Promise<Ledger> {
  await ledger.commit(batch({ checkpoints: [{ ...tasks.checkpoint(n), unsent: '[]' }] }));
  return ledger;
}

describe('weighing', () => {
  test('J1: changes nothing', () => {
    const tasks = open();
    const input = fromLog(submission(), 'orchestrator');
    expect(tasks.weigh(input).kind).toBe('applied');
    expect([tasks.find(TASK), tasks.size]).toEqual([null, 0]);
    apply(tasks, input);
    const before = textOf(tasks);
    tasks.weigh(carried(tasks, 'fetch'));
    expect(textOf(tasks)).toBe(before);
  });

  test('S5: what comes from the log is looked up by its content, what a host says of its own is not', () => {
    const event = submission();
    expect(loggedOf(inputOf(event, 'orchestrator')).digest).toBeNull();
    expect(loggedOf(fromLog(event, 'orchestrator')).digest).toMatch(/^[0-9a-f]{32}$/);
    const tasks = open();
    apply(tasks, fromLog(event, 'orchestrator'));
    expect(loggedOf({ ...carried(tasks, 'fetch'), place: { lane: 'courier', seq: 1 } }).digest).toBeNull();
  });
});

describe('a task that has ended', () => {
  test('S5: is forgotten but for what it heard; a repetition is one, and a contradiction is refused', () => {
    const tasks = open();
    toTheEnd(tasks);
    expect([tasks.find(TASK), tasks.hasEnded(TASK), tasks.size]).toEqual([null, true, 0]);
    const again = fromLog(submission(), 'orchestrator', 99);
    expect(tasks.weigh(again)).toEqual({ kind: 'ignored', reason: 'duplicate' });
    const forged = { ...submission(), data: { prompt: 'something else' } } as EventInput['event'];
    expect(tasks.weigh(fromLog(forged, 'orchestrator'))).toMatchObject({
      kind: 'rejected',
      code: 'conflicting_duplicate',
    });
  });

  test('S5: what else comes for it comes late, whoever it is from', () => {
    const tasks = open();
    apply(tasks, fromLog(submission(), 'orchestrator'));
    const late = carried(tasks, 'fetch');
    apply(tasks, late);
    apply(tasks, carried(tasks, 'sign'));
    const news = eventOf('hop.cancelled', { step: 'carry', attempt: 1, reason: 'x' });
    expect(tasks.weigh(fromLog(news, 'courier'))).toEqual({ kind: 'ignored', reason: 'late' });
    expect(tasks.weigh(late)).toEqual({ kind: 'ignored', reason: 'late' });
  });

  test.each(['before its checkpoint', 'while its checkpoint is on its way', 'after it', 'after a restart'])(
    'S5: is remembered %s',
    async (when) => {
      const disk = eagerDisk();
      const ledger = disk.open();
      let tasks = open(ledger);
      toTheEnd(tasks, 4);
      if (when !== 'before its checkpoint') {
        const checkpoint = tasks.checkpoint(6);
        const ended = { task: TASK, firstN: 4, lastN: 6, atMs: START_MS };
        expect(checkpoint).toMatchObject({ n: 6, tasks: [], ended: [ended] });
        if (when !== 'while its checkpoint is on its way') {
          await ledger.commit(batch({ checkpoints: [{ ...checkpoint, unsent: '[]' }] }));
          tasks.checkpoint(7);
        }
        if (when === 'after a restart') tasks = open(disk.open());
      }
      expect([tasks.hasEnded(TASK), tasks.find(TASK)]).toEqual([true, null]);
      expect(tasks.weigh(fromLog(submission(), 'orchestrator'))).toMatchObject({ reason: 'duplicate' });
    },
  );

  test('J7: its snapshot of before wakes nobody', async () => {
    const ledger = eagerDisk().open();
    const tasks = open(ledger);
    apply(tasks, fromLog(submission(), 'orchestrator'));
    await stored(tasks, ledger);
    apply(tasks, carried(tasks, 'fetch'));
    apply(tasks, carried(tasks, 'sign'));
    expect([...tasks.atWork()]).toEqual([]);
    tasks.checkpoint(3);
    expect([[...tasks.atWork()], tasks.find(TASK)]).toEqual([[], null]);
  });
});

describe('a checkpoint', () => {
  test('J7: has what has changed since the last one, once', () => {
    const tasks = open();
    apply(tasks, fromLog(submission(), 'orchestrator'));
    expect(tasks.changed).toBe(1);
    expect(tasks.checkpoint(1).tasks.map(({ task }) => task)).toEqual([TASK]);
    expect([tasks.changed, tasks.checkpoint(2)]).toEqual([0, { partition: PARTITION, n: 2, tasks: [], ended: [] }]);
    apply(tasks, carried(tasks, 'fetch'), 3);
    expect(tasks.checkpoint(3).tasks).toHaveLength(1);
  });

  test('J1: a task that sleeps goes on as the one that stayed awake, to the byte', async () => {
    await fc.assert(
      fc.asyncProperty(choices(30), fc.nat(30), async (made, at) => {
        const log = historyOf(courier, made, courierSpeech, courierOutcomes);
        const inputs = log.map(({ event, atMs, upMs }) => {
          const place = /effect\.|timer\./.test(event.type) ? null : { lane: 'courier', seq: 1 };
          return inputOf(event, 'courier', { atMs, upMs, place });
        });
        const fold = (tasks: Tasks, some: readonly EventInput[]): void => {
          for (const input of some) {
            const result = tasks.weigh(input);
            if (result.kind === 'applied') tasks.apply(input, result, 1);
          }
        };
        const awake = open();
        fold(awake, inputs);
        const first = open();
        fold(first, inputs.slice(0, at));
        const second = open(await stored(first));
        fold(second, inputs.slice(at));
        expect(textOf(second)).toBe(textOf(awake));
        expect(second.hasEnded(TASK)).toBe(awake.hasEnded(TASK));
      }),
      { numRuns: 25 },
    );
  });
});

describe('a task that sleeps', () => {
  test('J7: shows what runs and what it waits for, and no machine is woken for that', async () => {
    const tasks = open();
    apply(tasks, fromLog(submission(), 'orchestrator'));
    const ledger = await stored(tasks);
    // A release without these machines can look, and only that.
    const poor = createTasks({ partition: PARTITION, roles: byName(), limits: defaultLimits, ledger });
    const [sleeping] = [...poor.atWork()];
    if (!sleeping || !('rows' in sleeping)) throw new Error('nothing sleeps');
    expect(sleeping.rows.map(({ role, effects, timers }) => [role, effects.length, timers.length])).toEqual([
      ['orchestrator', 0, 0],
      ['courier', 1, 2],
    ]);
    expect(poor.size).toBe(0);
    expect(() => poor.find(TASK)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  test('wakes when it is asked for, with all that was known of it', async () => {
    const tasks = open();
    const before = apply(tasks, { ...fromLog(submission(), 'orchestrator'), again: true }, 5);
    const woken = open(await stored(tasks)).find(TASK);
    expect(woken).toMatchObject({ id: TASK, firstN: 5, lastN: 5, updatedAtMs: START_MS, doubtful: true });
    expect(woken?.actors.get('courier')?.machine).toBe(before.actors.get('courier')?.machine);
  });

  test('J5: wakes with the doubt that another past brings, also when it is not stored with it', async () => {
    const tasks = open();
    apply(tasks, fromLog(submission(), 'orchestrator'));
    const options = { partition: PARTITION, roles: together, limits: defaultLimits, ledger: await stored(tasks) };
    expect(createTasks({ ...options, doubts: new Set([TASK]) }).find(TASK)?.doubtful).toBe(true);
    expect(createTasks(options).find(TASK)?.doubtful).toBe(false);
  });

  test('is forgotten in memory only when it is stored and has nothing to do; those that slept longest first', async () => {
    const ledger = eagerDisk().open();
    const tasks = createTasks({ partition: 0, roles: byName(dispatcher), limits: defaultLimits, ledger });
    const names = [1, 2, 3].map((at) => `7c9e6679-7425-40de-944b-e07fc1f9000${at}`);
    for (const name of names) apply(tasks, fromLog(submission('x', name), 'orchestrator'));
    tasks.forget(0);
    expect(tasks.size).toBe(3);
    await stored(tasks, ledger);
    const [first = ''] = names;
    const message = { messageId: 'm', role: 'ROLE_AGENT' as const, parts: [{ text: 'x' }] };
    const news = eventOf('agent.message', message, { correlationId: first, id: idOf('news') });
    apply(tasks, fromLog(news, 'orchestrator'), 2);
    tasks.forget(2);
    expect(tasks.size).toBe(2);
    tasks.forget(0);
    // The first has changed since.
    expect(tasks.size).toBe(1);
    expect(tasks.actor(first, 'orchestrator')?.transitionIndex).toBe(2);
    expect(names.every((name) => tasks.find(name) !== null)).toBe(true);
  });

  test('one that works stays in memory', async () => {
    const ledger = eagerDisk().open();
    const tasks = open(ledger);
    apply(tasks, fromLog(submission(), 'orchestrator'));
    await stored(tasks, ledger);
    tasks.forget(0);
    expect(tasks.size).toBe(1);
  });
});

describe('before a start', () => {
  test('S11: tasks that no machine can load are named, and what can be loaded is no problem', async () => {
    const tasks = open();
    apply(tasks, fromLog(submission(), 'orchestrator'));
    const ledger = await stored(tasks);
    const sleeping = [...ledger.tasks(PARTITION)].map(readTask);
    expect(() => preflight(together, sleeping)).not.toThrow();
    const newer = byName(dispatcher, { ...courier, versions: courier.versions.map((one) => ({ ...one, since: 2 })) });
    expect(() => preflight(newer, sleeping)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringContaining(`${TASK} (orchestrator, machine 1; courier`),
      }),
    );
  });

  test('S11: a state that a newer release wrote is refused', async () => {
    const tasks = open();
    apply(tasks, fromLog(submission(), 'orchestrator'));
    const [snapshot] = tasks.checkpoint(1).tasks;
    if (!snapshot) throw new Error('no snapshot');
    const body = JSON.stringify({ ...(JSON.parse(snapshot.body) as object), version: 2 });
    expect(() => readTask({ ...snapshot, body })).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});
