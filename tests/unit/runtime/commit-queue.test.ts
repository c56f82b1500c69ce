/** Group commit on a fake clock: what is in which batch, when it goes, and what waits for it (S3, S4). */
import { describe, expect, test } from 'vitest';
import { createCommitQueue, GROUP_COMMIT_WINDOW_MS } from '../../../actors/runtime/commit-queue.ts';
import type { LedgerBatch, OutboxRow, StoredInstance } from '../../../actors/runtime/ledger/port.ts';
import { createFakeClock, settled } from './support/fake-clock.ts';

interface Commit {
  readonly batch: LedgerBatch;
  succeed(): void;
  fail(error: Error): void;
}

function open() {
  const clock = createFakeClock();
  const commits: Commit[] = [];
  const happened: string[] = [];
  const queue = createCommitQueue({
    clock,
    commit: (batch) => new Promise((resolve, reject) => commits.push({ batch, succeed: resolve, fail: reject })),
    onDurable: (batch) => void happened.push(`durable ${batch}`),
    onFailure: (error) => void happened.push(`failed ${String(error)}`),
    at: (point) => void happened.push(point),
  });
  const nth = (number: number): Commit => {
    const commit = commits[number - 1];
    if (!commit) throw new Error(`only ${commits.length} commits`);
    return commit;
  };
  return { clock, queue, commits, happened, nth };
}

const outboxRow = (n: number): OutboxRow => ({
  ...{ n, instance: 1, eventId: `e${n}`, subject: 'mesh.events.x', msgId: `m${n}`, body: '{}' },
});
const cursors = (batch: LedgerBatch) => batch.cursors.map(({ channel, seq }) => `${channel} ${seq}`);

describe('the window', () => {
  test('what is added shares a commit until the window ends', async () => {
    const { clock, queue, commits, nth } = open();
    queue.cursor('coder', 1);
    await clock.advance(GROUP_COMMIT_WINDOW_MS - 1);
    queue.cursor('coder', 2);
    expect(commits).toHaveLength(0);
    await clock.advance(1);
    expect(cursors(nth(1).batch)).toEqual(['coder 2']);
  });

  test('nothing added is nothing committed', async () => {
    const { clock, commits } = open();
    await clock.advance(1000);
    expect(commits).toHaveLength(0);
    expect(clock.waits).toEqual([]);
  });

  test('S3: what is added while one commits waits for the next, which has a window of its own', async () => {
    const { clock, queue, commits, nth } = open();
    queue.cursor('coder', 1);
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    queue.cursor('coder', 2);
    await clock.advance(100);
    expect(commits).toHaveLength(1);
    nth(1).succeed();
    await settled();
    expect(commits).toHaveLength(1);
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    expect(cursors(nth(2).batch)).toEqual(['coder 2']);
  });
});

describe('hurry', () => {
  test('commits in the same turn, after all rows of the event are added', async () => {
    const { queue, commits, nth } = open();
    queue.cursor('coder', 1);
    queue.hurry();
    queue.inbox(1, 'e1', 'd1');
    expect(commits).toHaveLength(0);
    await settled();
    expect(nth(1).batch.inbox).toEqual([{ instance: 1, eventId: 'e1', digest: 'd1' }]);
  });

  test('S3: rows of one event stay together, however often it hurries', async () => {
    const { queue, commits, nth } = open();
    for (const n of [1, 2, 3]) {
      queue.outbox(outboxRow(n));
      queue.hurry();
    }
    queue.cursor('coder', 9);
    await settled();
    expect(commits).toHaveLength(1);
    expect(nth(1).batch.outbox.map(({ n }) => n)).toEqual([1, 2, 3]);
    expect(cursors(nth(1).batch)).toEqual(['coder 9']);
  });

  test('S3: nor are they parted by a commit that ends meanwhile', async () => {
    const { queue, nth, commits } = open();
    queue.cursor('coder', 1);
    queue.hurry();
    await settled();
    queue.outbox(outboxRow(1));
    queue.hurry();
    queue.outbox(outboxRow(2));
    nth(1).succeed();
    await settled();
    expect(commits).toHaveLength(2);
    expect(nth(2).batch.outbox.map(({ n }) => n)).toEqual([1, 2]);
  });

  test('while one commits, the next goes at once when that is durable', async () => {
    const { queue, commits, nth } = open();
    queue.cursor('coder', 1);
    queue.hurry();
    await settled();
    queue.cursor('coder', 2);
    queue.hurry();
    await settled();
    expect(commits).toHaveLength(1);
    nth(1).succeed();
    await settled();
    expect(cursors(nth(2).batch)).toEqual(['coder 2']);
  });

  test('without anything to commit it does nothing, now or later', async () => {
    const { clock, queue, commits } = open();
    queue.hurry();
    queue.cursor('coder', 1);
    await settled();
    expect(commits).toHaveLength(0);
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    expect(commits).toHaveLength(1);
  });

  test('leaves no timer behind', async () => {
    const { clock, queue, nth } = open();
    queue.cursor('coder', 1);
    queue.hurry();
    await settled();
    nth(1).succeed();
    await settled();
    expect(clock.waits).toEqual([]);
  });
});

describe('the batch', () => {
  test('S3: everything of an event is in one batch', async () => {
    const { clock, queue, nth } = open();
    const stored = { id: 7 } as StoredInstance;
    const timer = { timer: 't', armedVersion: 1, dueAtMs: 5, event: { type: 'x' } };
    queue.instance(7, () => stored);
    queue.inbox(7, 'e', 'd');
    queue.outbox(outboxRow(1));
    queue.effect(7, 'fetch', null);
    queue.timer(7, 't', timer);
    queue.cursor('coder', 9);
    queue.meta('stream', 'one');
    queue.acked(99, 5);
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    expect(nth(1).batch).toEqual({
      instances: [stored],
      inbox: [{ instance: 7, eventId: 'e', digest: 'd' }],
      outbox: [{ ...outboxRow(1), seq: null }],
      acked: [{ n: 99, seq: 5 }],
      effects: [{ instance: 7, effect: 'fetch', row: null }],
      timers: [{ instance: 7, timer: 't', row: timer }],
      cursors: [{ channel: 'coder', seq: 9 }],
      meta: [{ key: 'stream', value: 'one' }],
    });
  });

  test('an instance is stored as it is when the batch is sealed, once', async () => {
    const { clock, queue, nth } = open();
    let transitionIndex = 1;
    for (let time = 0; time < 3; time += 1) queue.instance(7, () => ({ id: 7, transitionIndex }) as StoredInstance);
    transitionIndex = 4;
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    expect(nth(1).batch.instances).toEqual([{ id: 7, transitionIndex: 4 }]);
  });

  test('of two writes of one row the last is stored, of two instances both', async () => {
    const { clock, queue, nth } = open();
    queue.timer(1, 't', { timer: 't', armedVersion: 1, dueAtMs: 5, event: { type: 'x' } });
    queue.timer(1, 't', null);
    queue.timer(2, 't', null);
    queue.cursor('coder', 1);
    queue.cursor('coder.level', 255);
    queue.cursor('coder', 2);
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    expect(nth(1).batch.timers.map(({ instance, row }) => [instance, row])).toEqual([
      [1, null],
      [2, null],
    ]);
    expect(cursors(nth(1).batch)).toEqual(['coder 2', 'coder.level 255']);
  });

  test('an output acknowledged before it is sealed is stored as sent; after that it is told separately', async () => {
    const { clock, queue, nth } = open();
    queue.outbox(outboxRow(1));
    queue.outbox(outboxRow(2));
    queue.acked(1, 40);
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    queue.acked(2, 41);
    expect(nth(1).batch.outbox.map(({ n, seq }) => [n, seq])).toEqual([
      [1, 40],
      [2, null],
    ]);
    nth(1).succeed();
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    expect(nth(2).batch.acked).toEqual([{ n: 2, seq: 41 }]);
  });
});

describe('durability', () => {
  test('S4: batches are numbered from 1 and told in order, once durable', async () => {
    const { clock, queue, happened, nth } = open();
    expect([queue.current, queue.durable]).toEqual([1, 0]);
    queue.cursor('coder', 1);
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    expect([queue.current, queue.durable]).toEqual([2, 0]);
    expect(happened).toEqual(['before-commit']);
    nth(1).succeed();
    await settled();
    expect([queue.current, queue.durable]).toEqual([2, 1]);
    queue.cursor('coder', 2);
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    nth(2).succeed();
    await settled();
    expect(happened.filter((one) => one.startsWith('durable'))).toEqual(['durable 1', 'durable 2']);
    expect(happened.slice(0, 3)).toEqual(['before-commit', 'after-commit', 'durable 1']);
  });

  test('flushed waits for everything added so far, and hurries', async () => {
    const { queue, nth, happened } = open();
    queue.cursor('coder', 1);
    void queue.flushed().then(() => happened.push('flushed'));
    await settled();
    expect(happened).not.toContain('flushed');
    nth(1).succeed();
    await settled();
    expect(happened.slice(-2)).toEqual(['durable 1', 'flushed']);
  });

  test('flushed while one commits waits for that one, and for what was added since', async () => {
    const { queue, nth, happened } = open();
    queue.cursor('coder', 1);
    queue.hurry();
    await settled();
    void queue.flushed().then(() => happened.push('first'));
    queue.cursor('coder', 2);
    void queue.flushed().then(() => happened.push('second'));
    nth(1).succeed();
    await settled();
    expect(happened).toContain('first');
    expect(happened).not.toContain('second');
    nth(2).succeed();
    await settled();
    expect(happened).toContain('second');
  });

  test('flushed with nothing added resolves at once', async () => {
    await expect(open().queue.flushed()).resolves.toBeUndefined();
  });
});

describe('a failure', () => {
  test('S3: after a failed commit nothing more is committed or called durable', async () => {
    const { clock, queue, commits, happened, nth } = open();
    queue.cursor('coder', 1);
    await clock.advance(GROUP_COMMIT_WINDOW_MS);
    queue.cursor('coder', 2);
    nth(1).fail(new Error('disk full'));
    await settled();
    expect(happened).toEqual(['before-commit', 'failed Error: disk full']);
    queue.cursor('coder', 3);
    queue.hurry();
    await clock.advance(1000);
    expect(commits).toHaveLength(1);
    expect(queue.durable).toBe(0);
  });
});
