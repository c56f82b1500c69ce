/**
 * Waits for limits of time. Owns: one callback per armed timer, and what time it is in a partition. Does not own: the
 * rows.
 *
 * A partition has a clock of its own, which counts the time in which some host had it: it begins where the journal's last
 * record says that it was, and goes on by this host's steady clock. So a limit measures time in which the mesh was up,
 * on one clock: no wall clock is asked, whoever moves it, and none of two hosts is compared with another's (J6).
 */

import type { Clock } from '../ports.ts';
import type { TimerRow } from '../tasks/actor.ts';

/** Whose limit it is. */
export interface TimerOwner {
  readonly partition: number;
  readonly task: string;
  readonly role: string;
}

export interface Timers {
  /** The partition has been up for so long. */
  open(partition: number, upMs: number): void;
  /** How long the partition has been up, whole milliseconds. */
  upMs(partition: number): number;
  /** Makes the waits of an actor equal to its rows. */
  sync(owner: TimerOwner, rows: ReadonlyMap<string, TimerRow>): void;
  /** Forgets a partition with all its waits. */
  close(partition: number): void;
  /** True when something is waited for in the partition. */
  waits(partition: number): boolean;
  /** Limits that are waited for. */
  readonly size: number;
  stop(): void;
}

interface Wait {
  readonly row: TimerRow;
  readonly cancel: () => void;
}

interface Part {
  /** Reading of the steady clock when the partition's clock was at nought. */
  readonly beganMs: number;
  /** By actor, then by timer. */
  readonly waits: Map<string, Map<string, Wait>>;
}

export function createTimers(clock: Clock, onDue: (owner: TimerOwner, row: TimerRow) => void): Timers {
  const parts = new Map<number, Part>();
  const partOf = (partition: number): Part => {
    const part = parts.get(partition);
    if (!part) throw new Error(`partition ${partition} is not open`);
    return part;
  };
  const upMs = (partition: number): number => Math.floor(clock.elapsed() - partOf(partition).beganMs);
  const close = (partition: number): void => {
    for (const waits of parts.get(partition)?.waits.values() ?? []) for (const { cancel } of waits.values()) cancel();
    parts.delete(partition);
  };
  return {
    open: (partition, up) => void parts.set(partition, { beganMs: clock.elapsed() - up, waits: new Map() }),
    upMs,
    sync(owner, rows) {
      const { waits } = partOf(owner.partition);
      const key = `${owner.task}/${owner.role}`;
      const mine = waits.get(key);
      if (rows.size === 0 && !mine) return;
      const kept = mine ?? new Map<string, Wait>();
      for (const [id, { row, cancel }] of kept) {
        if (rows.get(id)?.armedVersion === row.armedVersion) continue;
        cancel();
        kept.delete(id);
      }
      for (const [id, row] of rows) {
        if (kept.has(id)) continue;
        kept.set(id, { row, cancel: clock.after(row.dueUpMs - upMs(owner.partition), () => onDue(owner, row)) });
      }
      if (kept.size === 0) waits.delete(key);
      else waits.set(key, kept);
    },
    close,
    waits: (partition) => (parts.get(partition)?.waits.size ?? 0) > 0,
    get size() {
      let sum = 0;
      for (const { waits } of parts.values()) for (const { size } of waits.values()) sum += size;
      return sum;
    },
    stop() {
      for (const partition of [...parts.keys()]) close(partition);
    },
  };
}
