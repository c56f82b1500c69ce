/**
 * How long things are kept. Owns: the list of what can be set, its defaults, and how a time is written. Does not own: where a
 * value lives: the log server has all of them, the age of a stream in the stream and the rest as a live setting, so that
 * every process means the same (`mesh retention`).
 */

/** Name of the live setting in KV `mesh-config`; absent, ended tasks stay for as long as the log does. */
export const KEEP_TASKS = 'MESH_KEEP_TASKS';

const MINUTE_MS = 60_000;
const units: Readonly<Record<string, number>> = { m: MINUTE_MS, h: 60 * MINUTE_MS, d: 24 * 60 * MINUTE_MS };
const AGE_MAX_MS = 3650 * 24 * 60 * MINUTE_MS;

/** `30m`, `12h`, `7d` in milliseconds; null for anything else, and for more than ten years. */
export function parseAge(text: string): number | null {
  const match = /^(\d{1,6})([mhd])$/.exec(text.trim());
  const ms = Number(match?.[1]) * (units[match?.[2] ?? ''] ?? Number.NaN);
  return ms > 0 && ms <= AGE_MAX_MS ? ms : null;
}

/** The shortest exact way to write it; minutes are the finest. */
export function ageText(ms: number): string {
  for (const unit of ['d', 'h'] as const) {
    const size = units[unit] ?? 1;
    if (ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${Math.round(ms / MINUTE_MS)}m`;
}
