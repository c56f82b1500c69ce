/** Waiting for limits of time: one callback per armed timer, on the clock of its partition and no other (J6). */
import { describe, expect, test } from 'vitest';
import { createTimers, type TimerOwner } from '../../../actors/runtime/effects/timers.ts';
import type { TimerRow } from '../../../actors/runtime/tasks/actor.ts';
import { createFakeClock } from './support/fake-clock.ts';

function open(upMs = 0) {
  const clock = createFakeClock(50_000);
  const due: string[] = [];
  const timers = createTimers(clock, ({ task, role, partition }, { timer, armedVersion }) => {
    due.push(`${task}/${role} ${timer}#${armedVersion} at ${timers.upMs(partition)}`);
  });
  timers.open(3, upMs);
  const sync = (owner: TimerOwner, ...rows: TimerRow[]): void =>
    timers.sync(owner, new Map(rows.map((one) => [one.timer, one])));
  return { clock, due, timers, sync };
}

const owner = (task: string, partition = 3): TimerOwner => ({ partition, task, role: 'courier' });
const row = (timer: string, dueUpMs: number, armedVersion = 1): TimerRow => ({
  ...{ timer, armedVersion, dueUpMs },
  event: { type: timer },
});

describe('the clock of a partition', () => {
  test('J6: goes on from where it was, and does not follow the wall clock', async () => {
    const { clock, timers } = open(7000);
    expect(timers.upMs(3)).toBe(7000);
    clock.set(0);
    await clock.advance(250);
    expect(timers.upMs(3)).toBe(7250);
  });

  test('J6: every partition has its own', async () => {
    const { clock, timers } = open(7000);
    await clock.advance(100);
    timers.open(4, 20);
    await clock.advance(5);
    expect([timers.upMs(3), timers.upMs(4)]).toEqual([7105, 25]);
    timers.close(4);
    expect(() => timers.upMs(4)).toThrow('partition 4 is not open');
  });
});

describe('timers', () => {
  test('S1: fire when they are due, once', async () => {
    const { clock, due, sync } = open();
    sync(owner('a'), row('late', 500), row('soon', 100));
    await clock.advance(10_000);
    expect(due).toEqual(['a/courier soon#1 at 100', 'a/courier late#1 at 500']);
  });

  test('J6: whatever somebody sets the wall clock to', async () => {
    const { clock, due, sync } = open();
    sync(owner('a'), row('soon', 100));
    clock.set(clock.now() + 86_400_000);
    await clock.advance(99);
    expect(due).toEqual([]);
    clock.set(0);
    await clock.advance(1);
    expect(due).toEqual(['a/courier soon#1 at 100']);
  });

  test('J6: after a restart what is left of them is waited for, and no time in which nobody had the partition', async () => {
    const { clock, due, sync } = open(60_000);
    sync(owner('a'), row('soon', 60_400));
    expect(clock.waits).toEqual([400]);
    await clock.advance(400);
    expect(due).toEqual(['a/courier soon#1 at 60400']);
  });

  test('S4: one that was due while nobody waited fires at once', async () => {
    const { clock, due, sync } = open(5000);
    sync(owner('a'), row('past', 1000));
    await clock.advance(0);
    expect(due).toEqual(['a/courier past#1 at 5000']);
  });

  test('syncing again neither moves nor doubles them', async () => {
    const { clock, due, timers, sync } = open();
    sync(owner('a'), row('soon', 100));
    await clock.advance(60);
    sync(owner('a'), row('soon', 100));
    expect([clock.waits, timers.size]).toEqual([[40], 1]);
    await clock.advance(1000);
    sync(owner('a'), row('soon', 100));
    await clock.advance(1000);
    expect(due).toEqual(['a/courier soon#1 at 100']);
  });

  test('one that was armed anew is due at its new time only', async () => {
    const { clock, due, sync } = open();
    sync(owner('a'), row('soon', 100));
    sync(owner('a'), row('soon', 900, 2));
    expect(clock.waits).toEqual([900]);
    await clock.advance(1000);
    expect(due).toEqual(['a/courier soon#2 at 900']);
  });

  test('one that is gone is no longer waited for', async () => {
    const { clock, due, timers, sync } = open();
    sync(owner('a'), row('one', 100), row('two', 200));
    sync(owner('a'), row('two', 200));
    expect(clock.waits).toEqual([200]);
    expect(timers.waits(3)).toBe(true);
    sync(owner('a'));
    expect([clock.waits, timers.waits(3), timers.size]).toEqual([[], false, 0]);
    await clock.advance(1000);
    expect(due).toEqual([]);
  });

  test('actors and tasks do not disturb each other', async () => {
    const { clock, due, timers, sync } = open();
    sync(owner('a'), row('soon', 100));
    timers.sync({ ...owner('a'), role: 'coder' }, new Map([['soon', row('soon', 150)]]));
    sync(owner('b'), row('soon', 200));
    sync(owner('a'));
    await clock.advance(1000);
    expect(due).toEqual(['a/coder soon#1 at 150', 'b/courier soon#1 at 200']);
  });

  test('S7: a partition that is closed takes its waits along, and no others', async () => {
    const { clock, due, timers, sync } = open();
    timers.open(4, 0);
    sync(owner('a'), row('soon', 100));
    sync(owner('b', 4), row('soon', 100));
    timers.close(3);
    expect([timers.waits(3), timers.size]).toEqual([false, 1]);
    await clock.advance(1000);
    expect(due).toEqual(['b/courier soon#1 at 100']);
  });

  test('a stop leaves nothing waiting', () => {
    const { clock, timers, sync } = open();
    sync(owner('a'), row('one', 100), row('two', 60_000));
    timers.stop();
    expect(clock.waits).toEqual([]);
  });
});
