/**
 * Structured logs: one JSON object a line on standard output, which the supervisor files and prefixes. Owns: the form
 * of a line. Does not own: where lines are kept. Traces and metrics will live beside this file.
 */
import { destination, type Logger, pino } from 'pino';

export type Log = Logger;

/** @param level debug, info, warn or error */
export function createLog(service: string, level: string): Log {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: 1, sync: true }),
  );
}
