/**
 * What the terminal looks like. Owns: colour, columns, durations, cutting text to the window. Does not own: what is
 * said. Colour appears on a terminal only, and never when NO_COLOR is set.
 */
import { stripVTControlCharacters, styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Paints for the given stream: plain text unless it is a terminal that wants colour. */
export function painter(stream: NodeJS.WriteStream): Paint {
  return (style, text) => styleText(style, text, { stream });
}

export const plain: Paint = (_style, text) => text;

export const out: NodeJS.WriteStream = process.stdout;
export const err: NodeJS.WriteStream = process.stderr;

export function print(text = ''): void {
  out.write(`${text}\n`);
}

/** Progress and notes: standard error, so that a piped answer stays clean. */
export function note(text = ''): void {
  err.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** Columns of the window; a wide page when the stream is no terminal. */
export function columns(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? Math.max(40, stream.columns) : 200;
}

function width(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** One line of at most `max` characters; control characters and line breaks become spaces. */
export function oneLine(text: string, max: number): string {
  const flat = stripVTControlCharacters(text)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  const letters = [...flat];
  return letters.length <= max ? flat : `${letters.slice(0, Math.max(0, max - 1)).join('')}…`;
}

/** Text from outside, safe to print: escape sequences and control characters other than line breaks are gone. */
export function safeText(text: string): string {
  return stripVTControlCharacters(text).replace(/[^\P{Cc}\n\t]/gu, '');
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
    if (text !== '') stream.write(text);
  };
  return {
    set: (text) => {
      if (stream.isTTY && text !== shown) draw(text);
    },
    print: (text) => {
      const after = shown;
      draw('');
      stream.write(`${text}\n`);
      draw(after);
    },
    clear: () => draw(''),
  };
}
