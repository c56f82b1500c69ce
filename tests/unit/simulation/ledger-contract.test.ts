/**
 * One suite over both ledgers, so that the simulated disk is a faithful one: what the port promises holds for each, and
 * after the same commits they read the same (S3). Owns: the port's words as tests. Does not own: what a crash leaves
 * behind (`tests/integration/crash` kills processes), or what only files can do (`tests/unit/runtime/ledger-file.test.ts`).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Checkpoint, Ledger, LedgerBatch, StoredRecord } from '../../../actors/runtime/ledger/port.ts';
import { openSqliteLedger } from '../../../actors/runtime/ledger/sqlite-ledger.ts';
import { Disk } from '../../../simulation/disk.ts';
import { Scheduler } from '../../../simulation/scheduler.ts';
import { batch, endedTask, record, taskId, text } from '../../support/ledger-batch.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-ledger-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A place for one ledger, which can be opened again and again. */
interface Place {
  open(): Promise<Ledger>;
  /** Waits for what the ledger was asked. */
  settled<T>(asked: Promise<T>): Promise<T>;
}

let places = 0;

function onFile(): Place {
  places += 1;
  const path = join(folder, `${places}.sqlite`);
  return { open: () => openSqliteLedger(path), settled: (asked) => asked };
}

function simulated(): Place {
  const scheduler = new Scheduler((error) => {
    throw error;
  });
  const disk = new Disk(scheduler, { writeMs: () => 1, syncMs: () => 1, refuses: () => false });
  return {
    open: async () => disk.open(),
    async settled(asked) {
      let over = false;
      const end = () => {
        over = true;
      };
      asked.then(end, end);
      await scheduler.run(() => over, 1000);
      return asked;
    },
  };
}

const kinds = [
  { kind: 'in SQLite', make: onFile },
  { kind: 'simulated', make: simulated },
] as const;

const opened: Ledger[] = [];

async function open(place: Place): Promise<Ledger> {
  const ledger = await place.open();
  opened.push(ledger);
  return ledger;
}

const places8 = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const taskNumbers = [1, 2, 3, 4] as const;

function readable(one: (StoredRecord & { seq: number | null }) | null): unknown {
  return one && { ...one, body: text(one.body) };
}

/** Everything that a ledger can be asked. */
function reads(ledger: Ledger): unknown {
  return {
    partitions: places8.map((partition) => ({
      last: readable(ledger.lastRecord(partition)),
      all: [...ledger.records(partition, 1)].map(readable),
      some: [...ledger.records(partition, 3)].map(({ n }) => n),
      third: readable(ledger.record(partition, 3)),
      checkpointed: ledger.checkpointed(partition),
      checkpoint: inOrder(ledger.checkpoint(partition)),
      unsent: ledger.unsent(partition),
      tasks: [...ledger.tasks(partition)],
      each: taskNumbers.map((number) => ledger.task(partition, taskId(number))),
      ended: taskNumbers.map((number) => ledger.ended(partition, taskId(number))),
    })),
    begun: [...ledger.begun()].sort(([a], [b]) => (a < b ? -1 : 1)),
    meta: ['a', 'b', 'ledger-id'].map((key) =>
      key === 'ledger-id' ? ledger.meta(key) === ledger.id : ledger.meta(key),
    ),
  };
}

describe.each(kinds)('a ledger $kind', ({ make }) => {
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((ledger) => ledger.close()));
  });

  test('is new with an id, and intact with the same id after anything was committed', async () => {
    const place = make();
    const first = await place.open();
    expect(first.condition).toEqual({ kind: 'new' });
    expect(first.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    await first.close();
    const second = await place.open();
    expect(second.condition).toEqual({ kind: 'new' });
    await place.settled(second.commit(batch({ meta: [{ key: 'a', value: 'x' }] })));
    await second.close();
    const third = await open(place);
    expect(third.condition).toEqual({ kind: 'intact' });
    expect([second.id, third.id]).toEqual([first.id, first.id]);
  });

  test('J1: gives records back as they were, in order, with their place in the log once it is known', async () => {
    const place = make();
    const ledger = await open(place);
    const long = JSON.stringify(Array.from({ length: 400 }, (_, at) => ({ at, said: 'ä"\n' })));
    const stored = [record(2, 1, long), record(2, 2, ''), record(5, 1, '[]'), record(2, 3, 'x'.repeat(100_000))];
    await place.settled(ledger.commit(batch({ records: stored, logged: [{ partition: 2, n: 2, seq: 7 }] })));
    expect([...ledger.records(2, 1)].map(readable)).toEqual([
      { partition: 2, n: 1, seq: null, body: long },
      { partition: 2, n: 2, seq: 7, body: '' },
      { partition: 2, n: 3, seq: null, body: 'x'.repeat(100_000) },
    ]);
    expect([...ledger.records(2, 3)].map(({ n }) => n)).toEqual([3]);
    expect(readable(ledger.lastRecord(5))).toEqual({ partition: 5, n: 1, seq: null, body: '[]' });
    expect(ledger.lastRecord(0)).toBeNull();
    expect(ledger.record(2, 4)).toBeNull();
    const places = [
      { partition: 2, n: 3, seq: 9 },
      { partition: 2, n: 2, seq: 2 ** 40 },
      { partition: 2, n: 77, seq: 10 },
    ];
    await place.settled(ledger.commit(batch({ logged: places })));
    expect([...ledger.records(2, 1)].map(({ seq }) => seq)).toEqual([null, 2 ** 40, 9]);
    expect(text(ledger.record(2, 3)?.body)).toBe('x'.repeat(100_000));
  });

  test('keeps bytes as they were when commit was called, also when they lie in a larger buffer', async () => {
    const place = make();
    const ledger = await open(place);
    const chunk = Buffer.from('before[1]after');
    const whole = new Uint8Array(Buffer.from('[2]'));
    const records = [
      { partition: 0, n: 1, body: chunk.subarray(6, 9) },
      { partition: 0, n: 2, body: whole },
    ];
    await place.settled(ledger.commit(batch({ records })));
    chunk.fill('?');
    expect(text(ledger.record(0, 1)?.body)).toBe('[1]');
    expect(text(ledger.record(0, 2)?.body)).toBe('[2]');
    expect(whole.byteLength).toBe(3);
  });

  test('commits in the order of the calls', async () => {
    const place = make();
    const ledger = await open(place);
    const order: number[] = [];
    const asked = Array.from({ length: 150 }, (_, at) => {
      const meta = [{ key: 'a', value: String(at + 1) }];
      return ledger.commit(batch({ records: [record(at % 2, (at >> 1) + 1)], meta })).then(() => order.push(at));
    });
    await place.settled(Promise.all(asked));
    expect(order).toEqual(asked.map((_, at) => at));
    expect(ledger.meta('a')).toBe('150');
    expect([...ledger.records(1, 1)]).toHaveLength(75);
  });

  const refused: readonly [string, Partial<LedgerBatch>][] = [
    ['a number that is there', { records: [record(1, 2)] }],
    ['a gap', { records: [record(1, 4)] }],
    ['a gap within', { records: [record(1, 3), record(1, 5)] }],
    ['a gap within, though a checkpoint covers it', { records: [record(1, 3), record(1, 5)], checkpoints: [at(1, 5)] }],
    ['a first record that is not the first', { records: [record(2, 2)] }],
    ['a gap that a checkpoint covers in part', { records: [record(2, 9)], checkpoints: [at(2, 7)] }],
    ['a number before the first', { records: [record(2, 0)] }],
    ['a partition that is none', { records: [record(8, 1)] }],
    ['a checkpoint of a partition that is none', { checkpoints: [at(8, 1)] }],
    ['a place of a partition that is none', { logged: [{ partition: 8, n: 1, seq: 1 }] }],
    ['a place that is none', { logged: [{ partition: 1, n: 1, seq: 0 }] }],
    ['a checkpoint before the last', { checkpoints: [at(1, 1)] }],
    ['a task without a proper id', { checkpoints: [{ ...at(1, 2), tasks: [{ task: 'abc', body: '{}' }] }] }],
    ['another id', { meta: [{ key: 'ledger-id', value: 'mine' }] }],
  ];
  test.each(refused)('J1: refuses %s, the whole batch with it, and what comes after', async (_, wrong) => {
    const place = make();
    const ledger = await place.open();
    await place.settled(ledger.commit(batch({ records: [record(1, 1), record(1, 2)], checkpoints: [at(1, 2)] })));
    const before = reads(ledger);
    const good = { records: [record(3, 1)] };
    const asked = [
      batch(good),
      batch({ ...wrong, begun: [{ key: 'k', crashes: 1 }] }),
      batch({ records: [record(3, 2)] }),
    ];
    const outcomes = await place.settled(Promise.allSettled(asked.map((one) => ledger.commit(one))));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const outcome of outcomes.slice(1)) {
      expect(outcome).toMatchObject({ reason: { name: 'FatalError', exitCode: 2 } });
      expect(String((outcome as PromiseRejectedResult).reason)).toMatch(/refused a commit: /);
    }
    await expect(ledger.commit(batch({ records: [record(3, 2)] }))).rejects.toThrow(/refused a commit/);
    await ledger.close();
    const again = await open(place);
    expect([...again.records(3, 1)].map(({ n }) => n)).toEqual([1]);
    expect(reads(again)).toEqual({ ...(before as object), partitions: expect.anything() });
    expect([...again.records(1, 1)].map(({ n }) => n)).toEqual([1, 2]);
  });

  test('J3: begins a partition late when a checkpoint covers what is left out', async () => {
    const place = make();
    const ledger = await open(place);
    await place.settled(ledger.commit(batch({ records: [record(1, 20), record(1, 21)], checkpoints: [at(1, 20)] })));
    await place.settled(ledger.commit(batch({ records: [record(1, 22)] })));
    expect([...ledger.records(1, 1)].map(({ n }) => n)).toEqual([20, 21, 22]);
    // The checkpoint of another owner, which went on where this one had lost the partition.
    await place.settled(ledger.commit(batch({ checkpoints: [at(1, 50), at(4, 9)] })));
    await place.settled(ledger.commit(batch({ records: [record(1, 51), record(4, 10)] })));
    expect([...ledger.records(1, 21)].map(({ n }) => n)).toEqual([21, 22, 51]);
    expect(ledger.lastRecord(4)?.n).toBe(10);
  });

  test('J7: a checkpoint adds to those before it, and ended tasks are remembered', async () => {
    const place = make();
    const ledger = await open(place);
    const snapshot = (number: number, body: string) => ({ task: taskId(number), body });
    const long = JSON.stringify({ said: 'ö'.repeat(5000) });
    const records = [record(3, 1), record(3, 2), record(3, 3), record(3, 4)];
    const first = { ...at(3, 2), tasks: [snapshot(2, '{"s":1}'), snapshot(1, long), snapshot(3, '{}')] };
    await place.settled(ledger.commit(batch({ records, checkpoints: [first] })));
    expect(ledger.checkpointed(3)).toBe(2);
    expect([...ledger.tasks(3)]).toEqual([snapshot(1, long), snapshot(2, '{"s":1}'), snapshot(3, '{}')]);
    const second = { ...at(3, 3), tasks: [snapshot(2, '{"s":2}')], ended: [endedTask(1, 1, 3)] };
    const third = { ...at(3, 4), tasks: [snapshot(3, '{"s":9}'), snapshot(4, '{}')], ended: [endedTask(3, 2, 4)] };
    await place.settled(ledger.commit(batch({ checkpoints: [second, third] })));
    expect(ledger.checkpointed(3)).toBe(4);
    expect([...ledger.tasks(3)]).toEqual([snapshot(2, '{"s":2}'), snapshot(4, '{}')]);
    expect(ledger.task(3, taskId(2))).toEqual(snapshot(2, '{"s":2}'));
    expect(ledger.task(3, taskId(1))).toBeNull();
    expect(ledger.ended(3, taskId(1))).toEqual(endedTask(1, 1, 3));
    expect(ledger.ended(3, taskId(3))).toEqual(endedTask(3, 2, 4));
    expect(ledger.ended(3, taskId(2))).toBeNull();
    expect(ledger.ended(2, taskId(1))).toBeNull();
    expect([...ledger.tasks(2)]).toEqual([]);
  });

  test('J7: the whole of the last checkpoint can be had, with what was left unsent', async () => {
    const place = make();
    const ledger = await open(place);
    expect([ledger.checkpoint(3), ledger.unsent(3)]).toEqual([null, '[]']);
    const records = [record(3, 1), record(3, 2), record(3, 3)];
    const snapshot = (number: number, body: string) => ({ task: taskId(number), body });
    const unsent = JSON.stringify([{ n: 1, messages: [{ said: 'ü'.repeat(3000) }] }]);
    const first = { ...at(3, 1), tasks: [snapshot(1, '{}'), snapshot(2, '{}'), snapshot(3, '{}')], unsent };
    await place.settled(ledger.commit(batch({ records, checkpoints: [first] })));
    expect(ledger.unsent(3)).toBe(unsent);
    expect(inOrder(ledger.checkpoint(3))).toEqual(first);
    const second = { ...at(3, 3), tasks: [snapshot(2, '{"s":2}')], ended: [endedTask(1, 1, 3)] };
    await place.settled(ledger.commit(batch({ checkpoints: [second] })));
    expect(ledger.unsent(3)).toBe('[]');
    expect(inOrder(ledger.checkpoint(3))).toEqual({
      ...at(3, 3),
      tasks: [snapshot(2, '{"s":2}'), snapshot(3, '{}')],
      ended: [endedTask(1, 1, 3)],
    });
    expect(ledger.checkpoint(2)).toBeNull();
    await place.settled(ledger.setAside(3, 3));
    expect([ledger.checkpoint(3), ledger.unsent(3)]).toEqual([null, '[]']);
  });

  test('remembers effects found begun, until they are taken back, and what it is told', async () => {
    const place = make();
    const ledger = await open(place);
    const first = [
      { key: 'a', crashes: 1 },
      { key: 'b', crashes: 1 },
    ];
    await place.settled(ledger.commit(batch({ begun: first, meta: [{ key: 'a', value: 'ü' }] })));
    const second = [
      { key: 'a', crashes: 2 },
      { key: 'b', crashes: 0 },
      { key: 'c', crashes: 0 },
    ];
    await place.settled(ledger.commit(batch({ begun: second, meta: [{ key: 'a', value: '' }] })));
    expect([...ledger.begun()]).toEqual([['a', 2]]);
    expect([ledger.meta('a'), ledger.meta('z')]).toEqual(['', null]);
  });

  describe('setAside', () => {
    const tail = batch({
      records: [record(1, 1), record(1, 2), record(1, 3), record(1, 4), record(2, 1)],
      checkpoints: [
        { ...at(1, 2), tasks: [{ task: taskId(1), body: '{}' }], ended: [endedTask(2, 1, 2)] },
        { ...at(2, 1), ended: [endedTask(3, 1, 1)] },
      ],
    });

    test('J3: takes records out, and their numbers are used again', async () => {
      const place = make();
      const ledger = await open(place);
      await place.settled(ledger.commit(tail));
      expect(await place.settled(ledger.setAside(1, 3))).toBe(2);
      expect(ledger.lastRecord(1)?.n).toBe(2);
      expect(ledger.checkpointed(1)).toBe(2);
      expect([...ledger.tasks(1)]).toHaveLength(1);
      expect(ledger.ended(1, taskId(2))).not.toBeNull();
      await place.settled(ledger.commit(batch({ records: [record(1, 3, '"other"')] })));
      expect(text(ledger.record(1, 3)?.body)).toBe('"other"');
      expect(await place.settled(ledger.setAside(1, 3))).toBe(1);
      expect(await place.settled(ledger.setAside(1, 3))).toBe(0);
    });

    test.each([1, 2])('J3: from %d on, within the checkpoint, takes the state of the partition too', async (fromN) => {
      const place = make();
      const ledger = await open(place);
      await place.settled(ledger.commit(tail));
      expect(await place.settled(ledger.setAside(1, fromN))).toBe(5 - fromN);
      expect([...ledger.records(1, 1)].map(({ n }) => n)).toEqual(fromN === 1 ? [] : [1]);
      expect(ledger.checkpointed(1)).toBe(0);
      expect([...ledger.tasks(1)]).toEqual([]);
      expect(ledger.ended(1, taskId(2))).toBeNull();
      expect(ledger.ended(2, taskId(3))).toEqual(endedTask(3, 1, 1));
      await place.settled(ledger.commit(batch({ records: [record(1, fromN)], checkpoints: [at(1, fromN)] })));
      expect(ledger.checkpointed(1)).toBe(fromN);
    });

    test('comes after the commits that were asked before it, and before those after', async () => {
      const place = make();
      const ledger = await open(place);
      const asked = [
        ledger.commit(batch({ records: [record(1, 1), record(1, 2)] })),
        ledger.setAside(1, 2),
        ledger.commit(batch({ records: [record(1, 2, '"again"')] })),
      ];
      const [, gone] = await place.settled(Promise.all(asked));
      expect(gone).toBe(1);
      expect(text(ledger.lastRecord(1)?.body)).toBe('"again"');
    });
  });

  test('prune takes what a checkpoint covers and the log has no more, but never the newest', async () => {
    const place = make();
    const ledger = await open(place);
    const records = [1, 2, 3, 4, 5].flatMap((n) => [record(1, n), record(2, n), record(3, n)]);
    const logged = records.filter(({ n }) => n !== 2).map(({ partition, n }) => ({ partition, n, seq: 10 * n }));
    const checkpoints = [{ ...at(1, 3), ended: [endedTask(1, 1, 1)] }, at(2, 5)];
    await place.settled(ledger.commit(batch({ records, logged, checkpoints })));
    expect(await place.settled(ledger.prune(0))).toBe(0);
    expect(await place.settled(ledger.prune(30))).toBe(2);
    expect(await place.settled(ledger.prune(1000))).toBe(3);
    const left = (partition: number) => [...ledger.records(partition, 1)].map(({ n }) => n);
    expect([left(1), left(2), left(3)]).toEqual([
      [2, 4, 5],
      [2, 5],
      [1, 2, 3, 4, 5],
    ]);
    expect(ledger.record(1, 1)).toBeNull();
    expect(ledger.ended(1, taskId(1))).not.toBeNull();
    await place.settled(ledger.commit(batch({ records: [record(2, 6)] })));
    expect(ledger.lastRecord(2)?.n).toBe(6);
  });

  test('J1: prune does not rest on a checkpoint that was refused', async () => {
    const place = make();
    const ledger = await place.open();
    const records = [record(1, 1), record(1, 2), record(1, 3)];
    const logged = records.map(({ partition, n }) => ({ partition, n, seq: n }));
    await place.settled(ledger.commit(batch({ records, logged })));
    const wrong = batch({ checkpoints: [at(1, 3)], meta: [{ key: 'ledger-id', value: 'mine' }] });
    const outcomes = await place.settled(Promise.allSettled([ledger.commit(wrong), ledger.prune(1000)]));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await ledger.close();
    expect([...(await open(place)).records(1, 1)].map(({ n }) => n)).toEqual([1, 2, 3]);
  });

  test('refuses what is asked after it was closed, and finishes what was asked before', async () => {
    const place = make();
    const ledger = await place.open();
    const asked = [
      ledger.commit(batch({ records: [record(1, 1)] })),
      ledger.commit(batch({ records: [record(1, 2)] })),
    ];
    const closed = ledger.close();
    await expect(ledger.commit(batch({ records: [record(1, 3)] }))).rejects.toThrow(/closed/);
    await place.settled(Promise.all([...asked, closed, ledger.close()]));
    expect((await open(place)).lastRecord(1)?.n).toBe(2);
  });
});

/** Nobody promises in which order a checkpoint names its tasks. */
function inOrder(checkpoint: Checkpoint | null): Checkpoint | null {
  if (checkpoint === null) return null;
  const byTask = <T extends { readonly task: string }>(rows: readonly T[]): T[] =>
    rows.toSorted((one, other) => (one.task < other.task ? -1 : 1));
  return { ...checkpoint, tasks: byTask(checkpoint.tasks), ended: byTask(checkpoint.ended) };
}

function at(partition: number, n: number): Checkpoint {
  return { partition, n, tasks: [], ended: [], unsent: '[]' };
}

/** What a history of a ledger is made of. Numbers are filled in so that most moves are possible ones. */
const move = fc.record({
  what: fc.constantFrom(
    'record',
    'record',
    'record',
    'logged',
    'checkpoint',
    'begun',
    'meta',
    'aside',
    'prune',
    'jump',
  ),
  partition: fc.nat({ max: 2 }),
  number: fc.nat({ max: 12 }),
  task: fc.constantFrom(...taskNumbers),
  value: fc.string(),
});
type Move = typeof move extends fc.Arbitrary<infer T> ? T : never;

/** Does one thing to a ledger, with numbers that a host could hand out; what it reads says where it stands. */
function perform(ledger: Ledger, { what, partition, number, task, value }: Move): Promise<unknown> {
  const checkpointed = ledger.checkpointed(partition);
  const end = Math.max(ledger.lastRecord(partition)?.n ?? 0, checkpointed);
  const logged = [{ partition, n: number, seq: number + 1 }];
  const checkpoint = (n: number): Checkpoint => {
    const tasks = [{ task: taskId(task), body: JSON.stringify({ value }) }];
    const ended = number % 3 === 0 ? [endedTask((task % 4) + 1, 1, n)] : [];
    return { partition, n, tasks, ended, unsent: JSON.stringify([value]) };
  };
  switch (what) {
    case 'record':
      return ledger.commit(batch({ records: [record(partition, end + 1, value), record(partition, end + 2)] }));
    case 'logged':
      return ledger.commit(batch({ logged }));
    case 'checkpoint':
      return ledger.commit(batch({ checkpoints: [checkpoint(Math.max(1, checkpointed + (number % 4)))] }));
    case 'begun':
      return ledger.commit(batch({ begun: [{ key: `k${number % 3}`, crashes: number % 4 }] }));
    case 'meta':
      return ledger.commit(batch({ meta: [{ key: number % 2 ? 'a' : 'b', value }] }));
    case 'aside':
      return ledger.setAside(partition, number + 1);
    case 'prune':
      return ledger.prune(number);
    case 'jump':
      return ledger.commit(batch({ records: [record(partition, end + 5)], checkpoints: [checkpoint(end + 4)] }));
    default:
      throw new Error(`unknown move ${what satisfies never}`);
  }
}

describe('both ledgers', () => {
  test('S3: read the same after the same history, reopened in between', { timeout: 180_000 }, async () => {
    const property = fc.asyncProperty(
      fc.array(move, { minLength: 1, maxLength: 20 }),
      fc.nat({ max: 19 }),
      async (moves, reopenAt) => {
        const sides = await Promise.all(
          [onFile(), simulated()].map(async (place) => ({ place, ledger: await place.open() })),
        );
        for (const [index, one] of moves.entries()) {
          const answers: unknown[] = [];
          for (const side of sides) {
            answers.push(await side.place.settled(perform(side.ledger, one)));
            if (index !== reopenAt) continue;
            await side.ledger.close();
            side.ledger = await side.place.open();
          }
          expect(answers[1]).toEqual(answers[0]);
          const [real, model] = sides;
          expect(model && reads(model.ledger)).toEqual(real && reads(real.ledger));
          if (index === reopenAt) expect(model?.ledger.condition).toEqual(real?.ledger.condition);
        }
        await Promise.all(sides.map(({ ledger }) => ledger.close()));
      },
    );
    await fc.assert(property, { numRuns: 30, seed: 1 });
  });
});

describe('a simulated disk', () => {
  const make = () => {
    const scheduler = new Scheduler(() => undefined);
    return { scheduler, disk: new Disk(scheduler, { writeMs: () => 1, syncMs: () => 10, refuses: () => false }) };
  };
  const marked = (key: string) => batch({ meta: [{ key, value: 'there' }] });

  test('forgets at a power loss what was not synced, and keeps at a kill what was written', async () => {
    const { scheduler, disk } = make();
    void disk.open().commit(marked('lost'));
    await scheduler.run(() => false, 5);
    disk.crash('power');
    expect(disk.open().meta('lost')).toBeNull();
    const ledger = disk.open();
    void ledger.commit(marked('kept'));
    void ledger.commit(marked('queued'));
    await scheduler.run(() => false, 5);
    disk.crash('kill');
    expect(disk.open().meta('kept')).toBe('there');
    expect(disk.open().meta('queued')).toBeNull();
    await expect(ledger.commit(marked('dead'))).rejects.toThrow(/closed/);
  });

  test('S10: goes back to a copy, its id included, as often as it is asked', async () => {
    const { scheduler, disk } = make();
    const ledger = disk.open();
    const first = batch({ records: [record(1, 1)], checkpoints: [{ ...at(1, 1), ended: [endedTask(1, 1, 1)] }] });
    await Promise.all([ledger.commit(first), scheduler.run(() => false, 100)]);
    const copy = disk.copy();
    const before = reads(ledger);
    const roll = async () => {
      const again = disk.open();
      expect(reads(again)).toEqual(before);
      const later = batch({
        records: [record(1, 2)],
        logged: [{ partition: 1, n: 1, seq: 5 }],
        begun: [{ key: 'k', crashes: 1 }],
      });
      await Promise.all([again.commit(later), again.setAside(1, 2), scheduler.run(() => false, 100)]);
      expect(reads(again)).not.toEqual(before);
      disk.crash('kill');
      disk.lose('corrupt');
      expect(disk.open().id).not.toBe(ledger.id);
      disk.restore(copy);
      expect(disk.open()).toMatchObject({ id: ledger.id, condition: { kind: 'intact' } });
      expect(reads(disk.open())).toEqual(before);
    };
    await roll();
    await roll();
  });

  test('a lost file is another one, and says so', () => {
    const { disk } = make();
    const { id } = disk.open();
    disk.lose('corrupt');
    expect(disk.open().condition.kind).toBe('set_aside');
    disk.lose('deleted');
    expect(disk.open().condition.kind).toBe('new');
    expect(disk.open().id).not.toBe(id);
  });
});
