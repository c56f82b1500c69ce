/**
 * Structured logs: one JSON object a line on standard output, which the supervisor files and prefixes. Owns: the form of
 * a line, the trace that a line about a task belongs to, and which lines are printed now. Does not own: where lines are
 * kept, or who else wants them.
 */

import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { parseTraceparent } from '../schemas/events/trace-context.ts';
import { plainJson } from './plain-json.ts';

export type Log = Logger;
export type Level = 'debug' | 'info' | 'warn' | 'error';

/** Who else is told of lines, the finest ones too. */
export interface LogTap {
  /** The least level that is printed; the setting's, or finer for a while. */
  level(): Level;
  line(record: Readonly<Record<string, unknown>>): void;
  /** Appended to in place of standard output, which belongs to somebody else. */
  readonly file?: string;
}

const ranks: Readonly<Record<string, number>> = { debug: 20, info: 30, warn: 40, error: 50 };
const METADATA = Symbol.for('pino.metadata');

/** @param level printed from here on, unless the tap says otherwise */
export function createLog(service: string, level: Level, tap?: LogTap): Log {
  const lines = destination(
    tap?.file === undefined ? { fd: 1, sync: true } : { dest: tap.file, sync: true, append: true },
  );
  // Whoever looks at the log looks at words from outside: names of files, of models, of callers.
  const out = { write: (text: string): boolean => lines.write(plainJson(text)) };
  return pino(
    {
      level: tap === undefined ? level : 'debug',
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: withTrace },
    },
    tap === undefined ? out : tapped(out, tap),
  );
}

function tapped(out: { write(text: string): unknown }, tap: LogTap): DestinationStream {
  const stream = {
    // Set by pino before each line, since the stream asks for it.
    lastLevel: 30,
    [METADATA]: true,
    write(text: string): void {
      if (stream.lastLevel >= (ranks[tap.level()] ?? 30)) out.write(text);
      tap.line(JSON.parse(text) as Record<string, unknown>);
    },
  };
  return stream;
}

/** Traces that are not the task's own: a caller's. */
const foreign = new Map<string, string>();
const FOREIGN_MAX = 5000;

/** The task's lines name this trace from now on. */
export function rememberTrace(task: string, traceparent: string): void {
  const traceId = parseTraceparent(traceparent)?.traceId;
  if (traceId === undefined || traceId === task.replaceAll('-', '')) return;
  if (foreign.size >= FOREIGN_MAX) foreign.delete(foreign.keys().next().value ?? '');
  foreign.set(task, traceId);
}

/** A line that names a task names its trace as well, as OpenTelemetry's logs do. */
function withTrace(fields: Record<string, unknown>): Record<string, unknown> {
  const { task } = fields;
  if (typeof task !== 'string' || task === '' || 'trace_id' in fields) return fields;
  return { ...fields, trace_id: foreign.get(task) ?? task.replaceAll('-', '') };
}
