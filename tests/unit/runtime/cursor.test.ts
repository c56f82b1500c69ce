/**
 * How far a role has read (S3, S7): no event is passed over and none is applied twice, whichever partitions come and go
 * and wherever the host crashes.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRoleCursor, type RoleCursor } from '../../../actors/runtime/cursor.ts';
import { PARTITIONS } from '../../../schemas/events/subjects.ts';

const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);
type Rows = readonly { channel: string; seq: number }[];

/**
 * A host around a cursor, as the reader uses it: one reader from `readFrom`, opened again whenever a partition comes;
 * rows are committed in order, and a crash keeps some beginning of what was not yet durable.
 */
class Host {
  readonly #log: readonly number[];
  #durable = new Map<string, number>();
  /** Commits not yet durable: rows, with what was applied in the same batch. */
  #pending: { rows: Rows; applied?: { partition: number; seq: number } }[] = [];
  readonly #stored: Set<string>[] = ALL.map(() => new Set());
  #cursor: RoleCursor;
  #owned = new Set<number>();
  /** Sequence that the reader delivers next. */
  #next = 1;
  readonly twice: string[] = [];
  readonly applied: number[][] = ALL.map(() => []);

  /** @param log partition of each event; its sequence is its index + 1 */
  constructor(log: readonly number[]) {
    this.#log = log;
    this.#cursor = createRoleCursor('coder', this.#durable);
  }

  gain(partitions: readonly number[]): void {
    const fresh = partitions.filter((partition) => !this.#owned.has(partition));
    if (fresh.length === 0) return;
    for (const partition of fresh) this.#owned.add(partition);
    this.#pending.push({ rows: this.#cursor.gain(fresh) });
    this.#open();
  }

  lose(partitions: readonly number[]): void {
    const gone = partitions.filter((partition) => this.#owned.has(partition));
    for (const partition of gone) this.#owned.delete(partition);
    this.#pending.push({ rows: this.#cursor.lose(gone) });
  }

  /** Delivers up to that many events that are stored so far. */
  read(count: number, stored: number): void {
    for (let left = count; left > 0 && this.#next <= Math.min(stored, this.#log.length); left -= 1) this.#deliver();
  }

  commit(batches: number): void {
    for (const { rows, applied } of this.#pending.splice(0, batches)) {
      for (const { channel, seq } of rows) this.#durable.set(channel, seq);
      if (applied) this.#stored[applied.partition]?.add(String(applied.seq));
    }
  }

  /** Dies and starts again owning these partitions. */
  crash(owned: readonly number[]): void {
    this.#pending = [];
    for (const partition of ALL) this.applied[partition] = [...(this.#stored[partition] ?? [])].map(Number);
    this.#cursor = createRoleCursor('coder', new Map(this.#durable));
    this.#owned = new Set(owned);
    this.#pending.push({ rows: this.#cursor.gain(owned) });
    const others = ALL.filter((partition) => !this.#owned.has(partition));
    if (others.length > 0) this.#pending.push({ rows: this.#cursor.lose(others) });
    this.#open();
  }

  get #unread(): boolean {
    return this.#next <= this.#log.length;
  }

  /** Owns everything and reads to the end. */
  finish(): void {
    this.gain(ALL);
    while (this.#unread) this.#deliver();
  }

  #open(): void {
    this.#next = this.#cursor.readFrom;
  }

  #deliver(): void {
    const seq = this.#next;
    this.#next += 1;
    const partition = this.#log[seq - 1] ?? 0;
    const wanted = this.#cursor.wants(partition, seq);
    if (wanted) {
      if (this.applied[partition]?.includes(seq)) this.twice.push(`${seq} in ${partition}`);
      this.applied[partition]?.push(seq);
    }
    const rows = this.#cursor.passed(seq);
    this.#pending.push(wanted ? { rows, applied: { partition, seq } } : { rows });
  }
}

type Act =
  | { readonly do: 'read' | 'commit'; readonly count: number }
  | { readonly do: 'gain' | 'lose' | 'crash'; readonly partitions: number[] };

const some = fc.uniqueArray(fc.nat(PARTITIONS - 1), { maxLength: PARTITIONS });
const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), count: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), count: fc.integer({ min: 1, max: 12 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('gain' as const, 'lose' as const), partitions: some }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), partitions: some }) },
  ),
  { maxLength: 60 },
);

function live(log: readonly number[], history: readonly Act[]): Host {
  const host = new Host(log);
  let stored = 3;
  for (const act of history) {
    stored += 2;
    switch (act.do) {
      case 'read':
        host.read(act.count, stored);
        break;
      case 'commit':
        host.commit(act.count);
        break;
      case 'gain':
        host.gain(act.partitions);
        break;
      case 'lose':
        host.lose(act.partitions);
        break;
      case 'crash':
        host.crash(act.partitions);
        break;
      default:
        throw new Error(`unknown act ${JSON.stringify(act satisfies never)}`);
    }
  }
  return host;
}

const logs = fc.array(fc.nat(PARTITIONS - 1), { minLength: 1, maxLength: 90 });

describe('whatever happens', () => {
  test('S3: in the end every event of every partition was applied, in order and once', () => {
    fc.assert(
      fc.property(logs, acts, (log, history) => {
        const host = live(log, history);
        host.finish();
        expect(host.twice).toEqual([]);
        const wanted = ALL.map((partition) => log.flatMap((one, index) => (one === partition ? [index + 1] : [])));
        expect(host.applied).toEqual(wanted);
      }),
      { numRuns: 400 },
    );
  });
});

describe('one after another', () => {
  const gained = (partitions: readonly number[], stored: ReadonlyMap<string, number> = new Map()): RoleCursor => {
    const cursor = createRoleCursor('coder', stored);
    cursor.gain(partitions);
    return cursor;
  };

  test('a new cursor begins with the first event', () => {
    expect(gained(ALL).readFrom).toBe(1);
    expect(createRoleCursor('coder', new Map()).readFrom).toBe(1);
  });

  test('level partitions share one row', () => {
    const cursor = gained(ALL);
    expect(cursor.passed(7)).toEqual([{ channel: 'coder', seq: 7 }]);
    expect(cursor.readFrom).toBe(8);
    expect(cursor.wants(3, 7)).toBe(false);
    expect(cursor.wants(3, 8)).toBe(true);
  });

  test('S7: what is not owned is not wanted', () => {
    const cursor = gained([0, 1]);
    expect(cursor.wants(2, 100)).toBe(false);
  });

  test('S7: a partition that is gained later catches up from where it was, the others wait', () => {
    const cursor = gained([0]);
    cursor.passed(10);
    cursor.gain([1]);
    expect(cursor.readFrom).toBe(1);
    expect([cursor.wants(1, 4), cursor.wants(0, 4)]).toEqual([true, false]);
    expect(cursor.passed(4)).toEqual([{ channel: 'coder.1', seq: 4 }]);
    expect(cursor.passed(11)).toEqual([
      { channel: 'coder.level', seq: 3 },
      { channel: 'coder', seq: 11 },
    ]);
  });

  test('S7: a lost one keeps its own place while the others go on', () => {
    const cursor = gained([0, 1]);
    cursor.passed(5);
    expect(cursor.lose([1])).toEqual([
      { channel: 'coder.1', seq: 5 },
      { channel: 'coder.level', seq: 1 },
    ]);
    cursor.passed(20);
    cursor.gain([1]);
    expect(cursor.readFrom).toBe(6);
  });

  test('S4: it goes on from its rows', () => {
    const stored = new Map([
      ['coder', 20],
      ['coder.level', 1],
      ['coder.1', 5],
    ]);
    expect(gained([0], stored).readFrom).toBe(21);
    expect(gained([0, 1], stored).readFrom).toBe(6);
    expect(gained([0, 1, 2], stored).readFrom).toBe(1);
  });

  test('S10: after a reset everything is read again', () => {
    const cursor = gained([0, 1]);
    cursor.passed(9);
    const rows = new Map(cursor.reset().map(({ channel, seq }) => [channel, seq]));
    expect(rows.get('coder')).toBe(0);
    expect(cursor.readFrom).toBe(1);
    expect(cursor.wants(1, 1)).toBe(true);
    expect(gained([0, 1], rows).readFrom).toBe(1);
  });
});
