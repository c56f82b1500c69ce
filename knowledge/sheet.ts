/**
 * One sheet of a workbook as Markdown. Owns: what a cell shows, and blocks of rows under a heading of their range, each with
 * the first row as its head. Does not own: the workbook (`office.ts`).
 */
import { elementsOf, readXml } from './xml.ts';

/** About a passage of a sheet of six columns. */
const BLOCK_ROWS = 20;
/** More is data: what is left out is said. */
const ROWS_MAX = 5_000;
const CELL_CHARS_MAX = 500;
/** Formats of dates and times that every workbook has (ECMA-376 Part 1, 18.8.30). */
const DATE_FORMATS = new Set([14, 15, 16, 17, 18, 19, 20, 21, 22, 45, 46, 47]);
const DAY_MS = 86_400_000;
/** Day 0 of the calendar of Excel, which takes 1900 for a leap year. */
const EPOCH_MS = Date.UTC(1899, 11, 30);

export interface SheetParts {
  readonly shared: readonly string[];
  /** `xl/styles.xml`. */
  readonly styles: string;
}

interface Row {
  readonly number: number;
  readonly cells: readonly { readonly column: string; readonly text: string }[];
}

/** Empty when no cell holds anything. */
export function sheetMarkdown(name: string, xml: string, parts: SheetParts): string {
  const rows = rowsOf(xml, parts);
  const shown = rows.slice(0, ROWS_MAX);
  const [head] = shown;
  if (head === undefined) return '';
  const blocks: string[] = [`# Sheet ${name}`];
  for (let at = 0; at < shown.length; at += BLOCK_ROWS) {
    const block = shown.slice(at, at + BLOCK_ROWS);
    const lines = [...(at > 0 ? [head] : []), ...block].map(
      ({ cells }) => `| ${cells.map(({ text }) => text).join(' | ')} |`,
    );
    blocks.push(`## ${rangeOf(block)}\n\n${lines.join('\n')}`);
  }
  if (rows.length > ROWS_MAX) blocks.push(`(${rows.length - ROWS_MAX} more rows were not read.)`);
  return blocks.join('\n\n');
}

function rangeOf(rows: readonly Row[]): string {
  const columns = rows.flatMap(({ cells }) => cells.map(({ column }) => column));
  const sorted = columns.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return `${sorted[0]}${rows[0]?.number}:${sorted.at(-1)}${rows.at(-1)?.number}`;
}

function rowsOf(xml: string, { shared, styles }: SheetParts): Row[] {
  const isDate = dateStyles(styles);
  const rows: Row[] = [];
  let cells: { column: string; text: string }[] = [];
  let number = 0;
  let cell: Readonly<Record<string, string>> = {};
  let value = '';
  let isValue = false;
  readXml(xml, {
    open(name, attributes) {
      if (name === 'row') {
        number = Number(attributes.r ?? number + 1);
        cells = [];
      }
      if (name === 'c') {
        cell = attributes;
        value = '';
      }
      isValue = name === 'v' || name === 't';
    },
    text(text) {
      if (isValue) value += text;
    },
    close(name) {
      isValue = false;
      if (name === 'c') {
        const text = shownValue(value, cell, { shared, isDate }).replace(/\s+/g, ' ').trim().slice(0, CELL_CHARS_MAX);
        const column = /^[A-Z]+/.exec(cell.r ?? '')?.[0] ?? 'A';
        if (text !== '') cells.push({ column, text });
      }
      if (name === 'row' && cells.length > 0) rows.push({ number, cells });
    },
  });
  return rows;
}

function shownValue(
  value: string,
  { t: type = 'n', s: style = '' }: Readonly<Record<string, string>>,
  { shared, isDate }: { shared: readonly string[]; isDate: readonly boolean[] },
): string {
  if (type === 's') return shared[Number(value)] ?? '';
  if (type === 'b') return value === '1' ? 'TRUE' : 'FALSE';
  const days = Number(value);
  if (type !== 'n' || value === '' || isDate[Number(style)] !== true || !(days > 0 && days < 2_958_466)) return value;
  const iso = new Date(EPOCH_MS + Math.round(days * DAY_MS)).toISOString();
  return days % 1 === 0 ? iso.slice(0, 10) : iso.slice(0, 16).replace('T', ' ');
}

/** For each format of cells whether it shows a date. */
function dateStyles(styles: string): boolean[] {
  const own = new Map(
    elementsOf(styles, 'numFmt').map(({ numFmtId = '', formatCode = '' }) => [
      Number(numFmtId),
      /[dmyhs]/i.test(formatCode.replace(/"[^"]*"|\[[^\]]*\]|\\./g, '')),
    ]),
  );
  const cellFormats = /<cellXfs\b[\s\S]*?<\/cellXfs>/.exec(styles)?.[0] ?? '';
  return elementsOf(cellFormats, 'xf').map(({ numFmtId = '' }) => {
    const id = Number(numFmtId);
    return own.get(id) ?? DATE_FORMATS.has(id);
  });
}
