/** Waiting for deadlines on a fake clock: one callback per armed timer, the row's deadline and no other (S1). */
import { describe, expect, test } from 'vitest';
import type { Slot } from '../../../actors/runtime/instances.ts';
import type { TimerRow } from '../../../actors/runtime/step.ts';
import { createTimers } from '../../../actors/runtime/timers.ts';
import { createFakeClock } from './support/fake-clock.ts';

function open() {
  const clock = createFakeClock(50_000);
  const due: string[] = [];
  const timers = createTimers(
    clock,
    (slot, row) => void due.push(`${slot.id} ${row.timer}#${row.armedVersion} at ${clock.now()}`),
  );
  const slotOf = (id: number, ...rows: TimerRow[]): Slot =>
    ({ id, instance: { timers: new Map(rows.map((row) => [row.timer, row])) } }) as unknown as Slot;
  return { clock, due, timers, slotOf };
}

const row = (timer: string, dueAtMs: number, armedVersion = 1): TimerRow => ({
  timer,
  armedVersion,
  dueAtMs,
  event: { type: timer },
});

describe('timers', () => {
  test('S1: fire at their deadline, once', async () => {
    const { clock, due, timers, slotOf } = open();
    timers.sync(slotOf(1, row('late', 50_500), row('soon', 50_100)));
    await clock.advance(10_000);
    expect(due).toEqual(['1 soon#1 at 50100', '1 late#1 at 50500']);
  });

  test('S4: a deadline that passed while nobody waited fires at once', async () => {
    const { clock, due, timers, slotOf } = open();
    timers.sync(slotOf(1, row('past', 1000)));
    await clock.advance(0);
    expect(due).toEqual(['1 past#1 at 50000']);
  });

  test('syncing again neither moves nor doubles them', async () => {
    const { clock, due, timers, slotOf } = open();
    const slot = slotOf(1, row('soon', 50_100));
    timers.sync(slot);
    await clock.advance(60);
    timers.sync(slot);
    expect(clock.waits).toEqual([40]);
    await clock.advance(1000);
    timers.sync(slot);
    await clock.advance(1000);
    expect(due).toEqual(['1 soon#1 at 50100']);
  });

  test('one that was armed anew has its new deadline only', async () => {
    const { clock, due, timers, slotOf } = open();
    timers.sync(slotOf(1, row('soon', 50_100)));
    timers.sync(slotOf(1, row('soon', 50_900, 2)));
    expect(clock.waits).toEqual([900]);
    await clock.advance(1000);
    expect(due).toEqual(['1 soon#2 at 50900']);
  });

  test('one that is gone is no longer waited for', async () => {
    const { clock, due, timers, slotOf } = open();
    timers.sync(slotOf(1, row('a', 50_100), row('b', 50_200)));
    timers.sync(slotOf(1, row('b', 50_200)));
    expect(clock.waits).toEqual([200]);
    timers.sync(slotOf(1));
    expect(clock.waits).toEqual([]);
    await clock.advance(1000);
    expect(due).toEqual([]);
  });

  test('actors do not disturb each other', async () => {
    const { clock, due, timers, slotOf } = open();
    timers.sync(slotOf(1, row('soon', 50_100)));
    timers.sync(slotOf(2, row('soon', 50_200)));
    timers.forget(slotOf(1));
    await clock.advance(1000);
    expect(due).toEqual(['2 soon#1 at 50200']);
  });

  test('a stop leaves nothing waiting', () => {
    const { clock, timers, slotOf } = open();
    timers.sync(slotOf(1, row('a', 50_100), row('b', 60_000)));
    timers.stop();
    expect(clock.waits).toEqual([]);
  });
});
