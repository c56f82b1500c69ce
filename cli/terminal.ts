/**
 * What the terminal looks like, and the one way to it. Owns: printing, colour, columns, durations, asking. Does not own:
 * what is said, or what cleaning is (`clean-text.ts`). Colour appears on a terminal only, and never when NO_COLOR is set.
 *
 * Everything that a command says passes through here and is cleaned here (`tests/unit/cli/one-way-out.test.ts`): what is
 * printed as a line is one line, and the only escape sequences in it are those that this process painted. A painted text
 * carries this process' own sign, which nobody else can know, until it is printed.
 */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import { plainJson } from '../telemetry/plain-json.ts';
import { cleanLine, oneLine, safeText, wholeText, withoutSequences } from './clean-text.ts';

export { oneLine, safeText, wholeText };

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** A sequence of style until it is printed: its beginning is not to be guessed, so no text from outside has it. */
const SIGN = `<${randomBytes(12).toString('hex')}:`;
const SIGNED = new RegExp(`${SIGN}([\\d;]*)>`);
const SIGNED_ALL = new RegExp(SIGNED, 'g');
const STYLE_BEGIN = `${String.fromCharCode(0x1b)}[`;
const PLACE = 'text';

/** Paints for the given stream: plain text unless it is a terminal that wants colour. */
export function painter(stream: NodeJS.WriteStream): Paint {
  return (style, text) => {
    const [before = '', after = ''] = styleText(style, PLACE, { stream }).split(PLACE).map(signed);
    // What a style inside has ended goes on after it.
    return before === '' ? text : `${before}${text.replaceAll(after, `${after}${before}`)}${after}`;
  };
}

/** `ESC [ 1 m` under this process' sign. */
function signed(sequences: string): string {
  return sequences
    .split(STYLE_BEGIN)
    .filter((code) => code !== '')
    .map((code) => `${SIGN}${code.slice(0, -1)}>`)
    .join('');
}

export const plain: Paint = (_style, text) => text;

export const out: NodeJS.WriteStream = process.stdout;
export const err: NodeJS.WriteStream = process.stderr;

/** One line as it goes out: text is cleaned, what was painted is coloured. */
function printed(text: string): string {
  return text
    .split(SIGNED)
    .map((piece, at) => (at % 2 === 1 ? `${STYLE_BEGIN}${piece}m` : cleanLine(piece)))
    .join('');
}

/** One line; a line break in it is shown as a sign. */
export function print(text = ''): void {
  out.write(`${printed(text)}\n`);
}

/** Lines of a text. */
export function printText(text: string): void {
  for (const line of text.split('\n')) print(line);
}

/** Progress and notes, a line each: standard error, so that a piped answer stays clean. */
export function note(text = ''): void {
  err.write(`${printed(text)}\n`);
}

/** JSON of more than one line, or of one. */
export function printJson(value: unknown): void {
  printJsonText(JSON.stringify(value, null, 2));
}

export function printJsonLine(value: unknown): void {
  printJsonText(JSON.stringify(value));
}

/** JSON that is written already. */
export function printJsonText(json: string): void {
  out.write(`${plainJson(json)}\n`);
}

/** Asks at the terminal and resolves with the line that was typed. */
export async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: err });
  try {
    return await terminal.question(printed(question));
  } finally {
    terminal.close();
  }
}

/** Columns of the window; a wide page when the stream is no terminal. */
export function columns(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? Math.max(40, stream.columns) : 200;
}

/** Visible characters of a line that may be painted. */
export function width(text: string): number {
  return [...withoutSequences(text.replace(SIGNED_ALL, ''))].length;
}

/** Aligned columns; the last one is not padded. Widths count visible characters. */
export function table(rows: readonly (readonly string[])[], gap = 2): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - width(cell) + gap)))
      .join('')
      .trimEnd(),
  );
}

/** 850 ms, 1.2 s, 3 min 05 s, 2 h 10 min, 3 d 4 h */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  const two = (n: number): string => String(n).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** 12 B, 3.4 KiB, 1.2 MiB, 12.0 GiB */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Lines with the given indent. */
export function indent(text: string, by: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : by + line))
    .join('\n');
}

/** A line that is overwritten while something is under way; on a stream that is no terminal it is never shown. */
export interface StatusLine {
  set(text: string): void;
  /** A line that stays, above the one that is overwritten. */
  print(text: string): void;
  clear(): void;
}

export function statusLine(stream: NodeJS.WriteStream): StatusLine {
  let shown = '';
  const erase = (): void => {
    if (shown !== '') stream.write('\r\x1b[2K');
  };
  const draw = (text: string): void => {
    erase();
    shown = text;
    if (text !== '') stream.write(printed(text));
  };
  return {
    set: (text) => {
      if (stream.isTTY && text !== shown) draw(text);
    },
    print: (text) => {
      const after = shown;
      draw('');
      stream.write(`${printed(text)}\n`);
      draw(after);
    },
    clear: () => draw(''),
  };
}
