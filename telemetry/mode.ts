/**
 * How much is told: the mode, and the window in which everything is. Owns: what the words mean, when a crash opens a
 * window, and how long it may stay open. Does not own: where the words are kept and who follows them
 * (`services/observability.ts`), or what is told.
 *
 * 1. `shipping`: spans only; no crash opens a window. `debug`: a crash opens one. A person may open one in either.
 * 2. A window ends by itself. A second crash while it is open changes nothing, and so many an hour are opened at most:
 *    a process that keeps crashing does not keep the window open.
 * 3. Its end is measured by the steady clock of each process, and never longer than the window is: a clock that is off
 *    may shorten it, not lengthen it.
 */
import { randomUUID } from 'node:crypto';

export type Mode = 'shipping' | 'debug';

export interface ObsWindow {
  readonly id: string;
  /** Why, for people. */
  readonly cause: string;
  /** Milliseconds since the epoch. */
  readonly openedAtMs: number;
  readonly forMs: number;
  readonly byHand: boolean;
  /** When crashes opened windows in the last hour, this one included. */
  readonly recentMs: readonly number[];
}

/** Keys in the bucket `mesh-config`. */
export const MODE_KEY = 'OBS_MODE';
export const WINDOW_KEY = 'OBS_WINDOW';
/** What the file of the mode said at the last look (`services/mode-file.ts`). */
export const MODE_FILE_KEY = 'OBS_MODE_FILE';

const WINDOW_MIN_MS = 1000;
const WINDOW_MAX_MS = 3_600_000;
/** Three windows of five minutes: a quarter of an hour in each hour. */
const CRASH_WINDOWS_PER_HOUR = 3;
const HOUR_MS = 3_600_000;

export function isMode(text: string): text is Mode {
  return text === 'shipping' || text === 'debug';
}

/** What is left of it, milliseconds; 0 when it is over. */
export function remainingMs({ openedAtMs, forMs }: ObsWindow, nowMs: number): number {
  return Math.min(forMs, Math.max(0, openedAtMs + forMs - nowMs));
}

export type Opening =
  | { readonly opens: true; readonly window: ObsWindow }
  | { readonly opens: false; readonly because: string };

/** What a crash does, given the mode and the last window. */
export function openForCrash(mode: Mode, last: ObsWindow | null, cause: string, nowMs: number, forMs: number): Opening {
  if (mode === 'shipping') return { opens: false, because: 'the mode is shipping' };
  if (last !== null && remainingMs(last, nowMs) > 0) return { opens: false, because: 'a window is open' };
  const recent = (last?.recentMs ?? []).filter((ms) => nowMs - ms < HOUR_MS);
  if (recent.length >= CRASH_WINDOWS_PER_HOUR)
    return { opens: false, because: `${CRASH_WINDOWS_PER_HOUR} windows were opened within the hour` };
  const window = { id: newId(), cause, openedAtMs: nowMs, forMs, byHand: false, recentMs: [...recent, nowMs] };
  return { opens: true, window };
}

export function openByHand(last: ObsWindow | null, forMs: number, nowMs: number): ObsWindow {
  const recentMs = (last?.recentMs ?? []).filter((ms) => nowMs - ms < HOUR_MS);
  return { id: newId(), cause: 'opened by hand', openedAtMs: nowMs, forMs, byHand: true, recentMs };
}

function newId(): string {
  return randomUUID().slice(0, 8);
}

/** Null for what is no window of ours. */
export function parseWindow(text: string): ObsWindow | null {
  try {
    const value = JSON.parse(text) as Partial<ObsWindow> | null;
    if (typeof value?.id !== 'string' || typeof value.cause !== 'string') return null;
    const { id, cause, openedAtMs = Number.NaN, forMs = Number.NaN, byHand = false, recentMs = [] } = value;
    if (!Number.isFinite(openedAtMs) || !(forMs >= 0 && forMs <= WINDOW_MAX_MS)) return null;
    return { id, cause, openedAtMs, forMs, byHand, recentMs: recentMs.filter((ms) => Number.isFinite(ms)) };
  } catch {
    return null;
  }
}

/** `90s`, `10m`, `1h`, or whole milliseconds; null for anything else, or what is not within the bounds of a window. */
export function parseDuration(text: string): number | null {
  const [, digits = '', unit = ''] = /^(\d{1,8})(ms|s|m|h)$/.exec(text.trim()) ?? [];
  const factors: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: HOUR_MS };
  const ms = Number(digits) * (factors[unit] ?? Number.NaN);
  return ms >= WINDOW_MIN_MS && ms <= WINDOW_MAX_MS ? ms : null;
}
