/**
 * A clock that moves only when told to. Owns: time, and the order of what is due. Does not own: anything real; no test
 * with it waits.
 */
import type { Clock, RuntimeLog } from '../../../../actors/runtime/ports.ts';

export interface FakeClock extends Clock {
  /** Moves time on, calling back all that falls due, each at its own time, and lets promises settle in between. */
  advance(ms: number): Promise<void>;
  /** Somebody sets what it shows; waits and `elapsed` do not notice. */
  set(ms: number): void;
  /** Delays until each waiting callback, ascending. */
  readonly waits: readonly number[];
}

/** The bus in memory answers one request of a connection a turn; nothing here has more under way. */
const SETTLING_TURNS = 150;

/** Lets everything that is ready run: promises and the tasks of the bus in memory. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < SETTLING_TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export function createFakeClock(startMs = 1_000_000): FakeClock {
  let nowMs = startMs;
  let offsetMs = 0;
  let waiting: { dueMs: number; callback: () => void }[] = [];
  const next = () => waiting.toSorted((one, other) => one.dueMs - other.dueMs)[0];
  return {
    now: () => nowMs + offsetMs,
    elapsed: () => nowMs,
    soon: (callback) => void setImmediate(callback),
    set(ms) {
      offsetMs = ms - nowMs;
    },
    after(ms, callback) {
      const entry = { dueMs: nowMs + Math.max(0, ms), callback };
      waiting.push(entry);
      return () => {
        waiting = waiting.filter((other) => other !== entry);
      };
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      await settled();
      for (let entry = next(); entry && entry.dueMs <= endMs; entry = next()) {
        const due = entry;
        waiting = waiting.filter((other) => other !== due);
        nowMs = due.dueMs;
        due.callback();
        await settled();
      }
      nowMs = endMs;
    },
    get waits() {
      return waiting.map(({ dueMs }) => dueMs - nowMs).sort((one, other) => one - other);
    },
  };
}

export interface SilentLog extends RuntimeLog {
  readonly lines: { level: string; message: string; fields: object }[];
}

/** Keeps what is logged, and prints nothing. */
export function createSilentLog(): SilentLog {
  const lines: SilentLog['lines'] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
