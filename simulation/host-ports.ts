/**
 * The small ports of one life of a simulated host, and how what it does is told. Owns: clock and log behind the gate.
 * Does not own: the bus (`simulated-bus.ts`), the ledger (`disk.ts`), or the life (`hosts.ts`).
 */
import type { Clock, RuntimeLog } from '../actors/runtime/ports.ts';
import type { Gate } from './gate.ts';
import type { Report } from './report.ts';
import type { Scheduler } from './scheduler.ts';

/** Waits grow with virtual time; what the clock shows may jump. */
export function clockOf(gate: Gate, scheduler: Scheduler, offsetMs: () => number): Clock {
  return {
    now: () => Math.floor(scheduler.nowMs + offsetMs()),
    elapsed: () => scheduler.nowMs,
    soon: (callback) => void scheduler.after(0, () => gate.pass(callback)),
    after(ms, callback) {
      let cancelled = false;
      const cancel = scheduler.after(Math.max(1, ms), () => gate.pass(() => (cancelled ? undefined : callback())));
      return () => {
        cancelled = true;
        cancel();
      };
    },
  };
}

/** @param onSaid is told each message too */
export function logOf(gate: Gate, report: Report, host: string, onSaid: (message: string) => void): RuntimeLog {
  const say = (level: keyof RuntimeLog, fields: object, message: string): void => {
    if (gate.dead) return;
    onSaid(message);
    if (level === 'warn' || level === 'error') report.log(host, message);
    if (report.trace) report.note(host, `${level}: ${message} ${JSON.stringify(fields)}`);
  };
  return {
    debug: (fields, message) => say('debug', fields, message),
    info: (fields, message) => say('info', fields, message),
    warn: (fields, message) => say('warn', fields, message),
    error: (fields, message) => say('error', fields, message),
  };
}

export function typeNameIn(body: string | Uint8Array): string {
  return /"type":"dev\.agentmesh\.([a-z.]+)\.v1"/.exec(String(body))?.[1] ?? '';
}

/** An error with its causes, and where the first one came from. */
export function trail(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const lines = error.stack?.split('\n') ?? [];
  const where = lines.find((line) => line.includes('.ts:'))?.trim() ?? '';
  const cause = error.cause === undefined ? '' : ` because ${trail(error.cause)}`;
  return `${error.message} ${where}${cause}`;
}
