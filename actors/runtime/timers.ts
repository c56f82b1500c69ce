/**
 * Waits for deadlines. Owns: one clock callback per armed timer. Does not own: the rows; a deadline is the row's, so it
 * is the same after a restart (S1: firing only publishes an event).
 */

import type { Slot } from './instances.ts';
import type { Clock } from './ports.ts';
import type { TimerRow } from './step.ts';

export interface Timers {
  /** Makes the waits equal to the slot's rows: arms new ones, forgets those that are gone. */
  sync(slot: Slot): void;
  forget(slot: Slot): void;
  /** Deadlines that are waited for. */
  readonly size: number;
  stop(): void;
}

export function createTimers(clock: Clock, onDue: (slot: Slot, row: TimerRow) => void): Timers {
  const armed = new Map<number, Map<string, { row: TimerRow; cancel: () => void }>>();

  const forget = (slot: Slot): void => {
    for (const { cancel } of armed.get(slot.id)?.values() ?? []) cancel();
    armed.delete(slot.id);
  };
  return {
    forget,
    sync(slot) {
      const rows = slot.instance.timers;
      const waits = armed.get(slot.id);
      if (rows.size === 0) {
        if (waits) forget(slot);
        return;
      }
      const mine = waits ?? new Map<string, { row: TimerRow; cancel: () => void }>();
      armed.set(slot.id, mine);
      for (const [id, { row, cancel }] of mine) {
        if (rows.get(id)?.armedVersion === row.armedVersion) continue;
        cancel();
        mine.delete(id);
      }
      for (const [id, row] of rows) {
        if (mine.has(id)) continue;
        mine.set(id, { row, cancel: clock.after(row.dueAtMs - clock.now(), () => onDue(slot, row)) });
      }
    },
    get size() {
      return [...armed.values()].reduce((sum, waits) => sum + waits.size, 0);
    },
    stop() {
      for (const waits of armed.values()) for (const { cancel } of waits.values()) cancel();
      armed.clear();
    },
  };
}
