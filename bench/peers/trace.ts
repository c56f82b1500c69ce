/**
 * The append-only trace of step bodies. Owns: its line, and counting what began and what ended twice. Does not own:
 * writing it (job.ts).
 *
 * A line is `B|E <run> <step>`. A process that is killed may leave a last line without its end: it counts for nothing.
 */

export interface TraceCount {
  /** Different steps whose body began, and ended, at least once. */
  readonly begun: number;
  readonly ended: number;
  /** Different steps whose body began, and ended, more than once. */
  readonly begunTwice: number;
  readonly endedTwice: number;
}

const LINE = /^([BE]) (\S+) (\d+)$/;

export function traceLine(what: 'begun' | 'ended', run: string, step: number): string {
  return `${what === 'begun' ? 'B' : 'E'} ${run} ${step}\n`;
}

/** @param runs only these are counted; the trace may hold others, of a warm-up say */
export function countTrace(text: string, runs: ReadonlySet<string>): TraceCount {
  const times = { B: new Map<string, number>(), E: new Map<string, number>() };
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  for (const line of whole.split('\n')) {
    const [, kind, run = '', step = ''] = LINE.exec(line) ?? [];
    if ((kind !== 'B' && kind !== 'E') || !runs.has(run)) continue;
    const key = `${run} ${step}`;
    times[kind].set(key, (times[kind].get(key) ?? 0) + 1);
  }
  const twice = (counts: ReadonlyMap<string, number>): number => [...counts.values()].filter((n) => n > 1).length;
  return {
    begun: times.B.size,
    ended: times.E.size,
    begunTwice: twice(times.B),
    endedTwice: twice(times.E),
  };
}
