/**
 * A line that a service printed. Owns: reading pino's JSON and nats-server's own form, and how a line looks on the
 * terminal. Does not own: filing it.
 */
import { oneLine, type Paint, type Style } from '../terminal.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface LogLine {
  readonly level: Level;
  readonly message: string;
  /** `HH:MM:SS` in local time; empty when the line has none. */
  readonly time: string;
  /** Further fields as `key=value`. */
  readonly fields: string;
}

const hidden: ReadonlySet<string> = new Set(['level', 'time', 'service', 'msg', 'pid', 'hostname', 'v']);
const levelNames: Readonly<Record<string, Level>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'error',
};

function clock(time: unknown): string {
  if (typeof time !== 'string' && typeof time !== 'number') return '';
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '' : date.toTimeString().slice(0, 8);
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value);
  const message = 'message' in value && typeof value.message === 'string' ? value.message : null;
  return message ?? JSON.stringify(value);
}

/** A line of a service; text that is no JSON (a stack trace, a warning of Node) is shown as it is. */
export function parseServiceLine(raw: string): LogLine {
  if (raw.startsWith('{')) {
    try {
      const json = JSON.parse(raw) as Record<string, unknown>;
      const extra = Object.entries(json).filter(([key]) => !hidden.has(key));
      return {
        level: levelNames[String(json.level)] ?? 'info',
        message: typeof json.msg === 'string' ? json.msg : '',
        time: clock(json.time),
        fields: extra.map(([key, value]) => `${key}=${fieldText(value)}`).join(' '),
      };
    } catch {
      return { level: 'info', message: raw, time: '', fields: '' };
    }
  }
  // Node prints an error nobody caught as plain text.
  const level = /^(?:Uncaught )?\w*Error(?: \[\w+\])?: /.test(raw) ? 'error' : 'info';
  return { level, message: raw, time: '', fields: '' };
}

const natsLevels: Readonly<Record<string, Level>> = { INF: 'debug', DBG: 'debug', TRC: 'debug', WRN: 'warn' };

/** `[pid] 2026/01/02 03:04:05.678901 [INF] text`; what nats-server says in passing counts as debug. */
export function parseNatsLine(raw: string): LogLine {
  const match = /^\[\d+\] \S+ (\d\d:\d\d:\d\d)\S* \[(\w{3})\] (.*)$/.exec(raw);
  if (match === null) return { level: 'info', message: raw, time: '', fields: '' };
  const [, time = '', level = '', message = ''] = match;
  return { level: natsLevels[level] ?? 'error', message, time, fields: '' };
}

const order: readonly Level[] = ['debug', 'info', 'warn', 'error'];

export function isShown(line: LogLine, least: Level): boolean {
  return order.indexOf(line.level) >= order.indexOf(least);
}

const marks: Readonly<Record<Level, readonly [text: string, style: Style]>> = {
  debug: ['debug', 'gray'],
  info: ['info ', 'green'],
  warn: ['warn ', 'yellow'],
  error: ['error', 'red'],
};

/** `agents  │ 12:03:04 info  ready version=0.1.0` */
export function lineText(name: string, colour: Style, line: LogLine, paint: Paint): string {
  const [level, style] = marks[line.level];
  const fields = line.fields === '' ? '' : ` ${paint('dim', oneLine(line.fields, 300))}`;
  const time = line.time === '' ? '        ' : line.time;
  return `${paint(colour, `${name.padEnd(7)}│`)} ${paint('dim', time)} ${paint(style, level)} ${oneLine(line.message, 1000)}${fields}`;
}
