/**
 * One suite over both ledgers, so that the simulated disk is a faithful one: whatever is committed to them, they read the
 * same (S3). Owns: the comparison. Does not own: what a crash leaves behind; SQLite's own promise is tested by killing
 * processes.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Ledger, LedgerBatch, LoadedInstance, StoredInstance } from '../../../actors/runtime/ledger/port.ts';
import { openSqliteLedger } from '../../../actors/runtime/ledger/sqlite-ledger.ts';
import type { EffectRow } from '../../../actors/runtime/step.ts';
import { Disk } from '../../simulation/disk.ts';
import { Scheduler } from '../../simulation/scheduler.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-ledger-'));
afterAll(() => rmSync(folder, { recursive: true }));

const roles = ['orchestrator', 'tools'] as const;
const tasks = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'] as const;

/** What a history of commits is made of; numbers and rows are filled in so that each batch is a possible one. */
type Move =
  | { kind: 'instance'; role: number; task: number; done: boolean; at: number }
  | { kind: 'seen'; row: number; id: number; digest: number }
  | { kind: 'output'; row: number; acked: boolean }
  | { kind: 'acked'; which: number }
  | { kind: 'effect'; row: number; name: number; present: boolean; state: number }
  | { kind: 'timer'; row: number; name: number; present: boolean }
  | { kind: 'cursor'; channel: number; seq: number }
  | { kind: 'meta'; key: number; value: string };

const small = fc.nat({ max: 3 });
const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({
    kind: fc.constant('instance' as const),
    role: fc.nat({ max: 1 }),
    task: fc.nat({ max: 1 }),
    done: fc.boolean(),
    at: fc.nat({ max: 100 }),
  }),
  fc.record({ kind: fc.constant('seen' as const), row: small, id: small, digest: small }),
  fc.record({ kind: fc.constant('output' as const), row: small, acked: fc.boolean() }),
  fc.record({ kind: fc.constant('acked' as const), which: fc.nat({ max: 200 }) }),
  fc.record({
    kind: fc.constant('effect' as const),
    row: small,
    name: fc.nat({ max: 1 }),
    present: fc.boolean(),
    state: fc.nat({ max: 2 }),
  }),
  fc.record({ kind: fc.constant('timer' as const), row: small, name: fc.nat({ max: 1 }), present: fc.boolean() }),
  fc.record({ kind: fc.constant('cursor' as const), channel: small, seq: fc.nat({ max: 1000 }) }),
  fc.record({ kind: fc.constant('meta' as const), key: small, value: fc.string() }),
);

type Growing = { -readonly [K in keyof LedgerBatch]: LedgerBatch[K][number][] };

/** Numbers that a host hands out. */
interface Numbers {
  readonly ids: Map<string, number>;
  outputs: number;
  seq: number;
}

function instanceRow(numbers: Numbers, one: Extract<Move, { kind: 'instance' }>): StoredInstance {
  const role = roles[one.role] ?? 'tools';
  const correlationId = tasks[one.task] ?? tasks[0];
  const key = `${role}/${correlationId}`;
  const id = numbers.ids.get(key) ?? numbers.ids.size + 1;
  numbers.ids.set(key, id);
  const place = { id, role, correlationId, partition: 3, release: 1, machineSince: 1, transitionIndex: one.at };
  const more = { hop: one.at, loops: 0, traceparent: `t${one.at}`, done: one.done, updatedAtMs: one.at };
  return { ...place, ...more, snapshot: JSON.stringify({ at: one.at }) };
}

function effectRow(one: Extract<Move, { kind: 'effect' }>): EffectRow {
  const state = (['pending', 'running', 'settled'] as const)[one.state] ?? 'pending';
  const fields = {
    effect: `effect-${one.name}`,
    src: 'run',
    armedVersion: 2,
    input: { a: [1, null, 'x'] },
    attempt: 1,
  };
  return { ...fields, state, notBeforeMs: 5, started: one.state > 0 };
}

function outputRow(numbers: Numbers, { row, acked }: Extract<Move, { kind: 'output' }>): LedgerBatch['outbox'][number] {
  numbers.outputs += 1;
  numbers.seq += 1;
  const n = numbers.outputs;
  const said = { subject: 'mesh.tasks', msgId: `m${n}`, body: `{"n":${n}}` };
  return { n, instance: row, eventId: `e${n}`, ...said, seq: acked ? numbers.seq : null };
}

function add(numbers: Numbers, batch: Growing, one: Move): void {
  switch (one.kind) {
    case 'instance': {
      const row = instanceRow(numbers, one);
      batch.instances = [...batch.instances.filter(({ id }) => id !== row.id), row];
      return;
    }
    case 'seen': {
      const eventId = `00000000-0000-8000-8000-00000000000${one.id}`;
      batch.inbox.push({ instance: one.row, eventId, digest: String(one.digest).repeat(32) });
      return;
    }
    case 'output':
      batch.outbox.push(outputRow(numbers, one));
      return;
    case 'acked':
      numbers.seq += 1;
      if (one.which > 0 && one.which <= numbers.outputs) batch.acked.push({ n: one.which, seq: numbers.seq });
      return;
    case 'effect': {
      const row = effectRow(one);
      batch.effects.push({ instance: one.row, effect: row.effect, row: one.present ? row : null });
      return;
    }
    case 'timer': {
      const row = { timer: `timer-${one.name}`, armedVersion: 1, dueAtMs: 77, event: { type: 'due' } };
      batch.timers.push({ instance: one.row, timer: row.timer, row: one.present ? row : null });
      return;
    }
    case 'cursor':
      batch.cursors.push({ channel: `channel-${one.channel}`, seq: one.seq });
      return;
    case 'meta':
      batch.meta.push({ key: `key-${one.key}`, value: one.value });
      return;
    default:
      throw new Error(`unknown move ${JSON.stringify(one satisfies never)}`);
  }
}

/** Turns moves into batches, keeping count of rows as a host does. */
function createWriter(): (moves: readonly Move[]) => LedgerBatch {
  const numbers: Numbers = { ids: new Map(), outputs: 0, seq: 0 };
  return (moves) => {
    const rows = { inbox: [], outbox: [], acked: [], effects: [], timers: [], cursors: [], meta: [] };
    const batch: Growing = { instances: [], ...rows };
    for (const one of moves) add(numbers, batch, one);
    return batch;
  };
}

function sorted(loaded: LoadedInstance | null): unknown {
  if (!loaded) return null;
  const { stored, seen, effects, timers } = loaded;
  const byName = <T>(rows: readonly T[], name: (row: T) => string) =>
    [...rows].sort((a, b) => (name(a) < name(b) ? -1 : 1));
  return {
    stored,
    seen: [...seen].sort(([a], [b]) => (a < b ? -1 : 1)),
    effects: byName(effects, ({ effect }) => effect),
    timers: byName(timers, ({ timer }) => timer),
  };
}

/** Everything that a ledger can be asked. */
function reads(ledger: Ledger): unknown {
  return {
    loaded: roles.flatMap((role) => tasks.map((task) => sorted(ledger.load(role, task)))),
    ended: roles.flatMap((role) => tasks.map((task) => ledger.hasEnded(role, task))),
    open: ledger.open().map(sorted),
    cursors: [...ledger.cursors()].sort(([a], [b]) => (a < b ? -1 : 1)),
    meta: [0, 1, 2, 3].map((key) => ledger.meta(`key-${key}`)),
    unacked: ledger.unacked(),
    acked: [0, 3, 10, 100].map((seq) => ledger.ackedAfter(seq)),
    highest: ledger.highest(),
  };
}

function createSimulated(): { open: () => Ledger; settle: (done: Promise<unknown>) => Promise<void>; disk: Disk } {
  const scheduler = new Scheduler((error) => {
    throw error;
  });
  const disk = new Disk(scheduler, { writeMs: () => 1, syncMs: () => 1, refuses: () => false });
  return {
    disk,
    open: () => disk.open(),
    async settle(promise) {
      let over = false;
      void promise.finally(() => {
        over = true;
      });
      await scheduler.run(() => over, 1000);
      await promise;
    },
  };
}

describe('the ledger in SQLite and the simulated one', () => {
  test('S3: read the same after the same commits, reopened or pruned in between', { timeout: 60_000 }, async () => {
    let runs = 0;
    const histories = fc.array(fc.array(move, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 });
    const property = fc.asyncProperty(
      histories,
      fc.boolean(),
      fc.nat({ max: 120 }),
      async (batches, reopen, before) => {
        runs += 1;
        const path = join(folder, `${runs}.sqlite`);
        const write = createWriter();
        const simulated = createSimulated();
        let real = await openSqliteLedger(path);
        let model = simulated.open();
        for (const moves of batches) {
          const batch = write(moves);
          await real.commit(batch);
          await simulated.settle(model.commit(batch));
          expect(reads(model)).toEqual(reads(real));
        }
        expect(await model.prune(before, before)).toBe(await real.prune(before, before));
        expect(reads(model)).toEqual(reads(real));
        if (reopen) {
          await real.close();
          simulated.disk.crash('kill');
          real = await openSqliteLedger(path);
          model = simulated.open();
          expect(model.condition.kind).toBe(real.condition.kind);
          expect(reads(model)).toEqual(reads(real));
        }
        await real.close();
      },
    );
    await fc.assert(property, { numRuns: 40, seed: 1 });
  });

  test('S3: refuse a second row for one actor, and the whole batch with it', async () => {
    const write = createWriter();
    const first = write([{ kind: 'instance', role: 0, task: 0, done: false, at: 1 }]);
    const [instance] = first.instances;
    if (!instance) throw new Error('no instance was made');
    const second = { ...first, instances: [{ ...instance, id: 99 }], meta: [{ key: 'key-0', value: 'half' }] };
    const simulated = createSimulated();
    const real = await openSqliteLedger(join(folder, 'twice.sqlite'));
    const model = simulated.open();
    await real.commit(first);
    await simulated.settle(model.commit(first));
    await expect(real.commit(second)).rejects.toThrow(/refused a commit/);
    await expect(model.commit(second)).rejects.toThrow(/refused a commit/);
    expect(reads(model)).toEqual(reads(real));
    await real.close();
  });

  test('what was not synced is gone after a power loss, what was only written survives a kill', async () => {
    const scheduler = new Scheduler(() => undefined);
    const disk = new Disk(scheduler, { writeMs: () => 1, syncMs: () => 10, refuses: () => false });
    const batch = (key: string): LedgerBatch => ({ ...createWriter()([]), meta: [{ key, value: 'there' }] });
    void disk.open().commit(batch('lost'));
    await scheduler.run(() => false, 5);
    disk.crash('power');
    expect(disk.open().meta('lost')).toBeNull();
    void disk.open().commit(batch('kept'));
    await scheduler.run(() => false, 5);
    disk.crash('kill');
    expect(disk.open().meta('kept')).toBe('there');
  });
});
