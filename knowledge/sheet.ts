/**
 * One sheet of a workbook as Markdown. Owns: what a cell shows, and blocks of rows under a heading of their range, each with
 * the first row as its head. Does not own: the workbook (`office.ts`).
 */
import { elementsOf, localName, readXml } from './xml.ts';

/** About a passage of a sheet of six columns. */
const BLOCK_ROWS = 20;
/** More is data: what is left out is said. */
const ROWS_MAX = 5_000;
/** A longer text is cut, which three dots say. */
const CELL_CHARS_MAX = 5000;
/** Empty cells that are kept for the order of columns; further apart is another table. */
const COLUMNS_MAX = 100;
/** As many as a workbook calculates with: what is beyond is noise. */
const DIGITS = 15;
/** Formats of dates and times that every workbook has (ECMA-376 Part 1, 18.8.30). */
const DATE_FORMATS = new Set([14, 15, 16, 17, 18, 19, 20, 21, 22, 45, 46, 47]);
const PERCENT_FORMATS = new Set([9, 10]);
const DAY_MS = 86_400_000;
/** Day 0 of the calendar of Excel, which takes 1900 for a leap year. */
const EPOCH_MS = Date.UTC(1899, 11, 30);
/** Of workbooks that were begun on a Macintosh. */
const EPOCH_1904_MS = Date.UTC(1904, 0, 1);

export interface SheetParts {
  readonly shared: readonly string[];
  /** `xl/styles.xml`. */
  readonly styles: string;
  /** Days are counted from 1904. */
  readonly from1904: boolean;
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
    const shownRows = [...(at > 0 ? [head] : []), ...block];
    const first = Math.min(...shownRows.flatMap(({ cells }) => cells.map(({ column }) => numberOf(column))));
    const lines = shownRows.map(({ cells }) => `| ${inColumns(cells, first).join(' | ')} |`);
    blocks.push(`## ${rangeOf(block)}\n\n${lines.join('\n')}`);
  }
  if (rows.length > ROWS_MAX) blocks.push(`(${rows.length - ROWS_MAX} more rows were not read.)`);
  return blocks.join('\n\n');
}

/** Each cell below the head of its column: what is empty between them keeps its place. */
function inColumns(cells: Row['cells'], first: number): string[] {
  const row: string[] = [];
  for (const { column, text } of cells) {
    const at = numberOf(column) - first;
    while (row.length < at && row.length < COLUMNS_MAX) row.push('');
    row.push(text.replaceAll('|', '\\|'));
  }
  return row;
}

/** `A` is 1, `AA` is 27. */
function numberOf(column: string): number {
  return [...column].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0);
}

function nameOf(number: number): string {
  return number <= 0 ? '' : nameOf(Math.floor((number - 1) / 26)) + String.fromCharCode(65 + ((number - 1) % 26));
}

function rangeOf(rows: readonly Row[]): string {
  const columns = rows.flatMap(({ cells }) => cells.map(({ column }) => column));
  const sorted = columns.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return `${sorted[0]}${rows[0]?.number}:${sorted.at(-1)}${rows.at(-1)?.number}`;
}

function rowsOf(xml: string, { shared, styles, from1904 }: SheetParts): Row[] {
  const shows = formatsOf(styles);
  const rows: Row[] = [];
  let cells: { column: string; text: string }[] = [];
  let number = 0;
  let cell: Readonly<Record<string, string>> = {};
  let value = '';
  let isValue = false;
  let place = 0;
  readXml(xml, {
    open(prefixed, attributes) {
      const name = localName(prefixed);
      if (name === 'row') {
        number = Number(attributes.r ?? number + 1);
        cells = [];
        place = 0;
      }
      if (name === 'c') {
        cell = attributes;
        value = '';
        const told = /^[A-Z]+/.exec(attributes.r ?? '')?.[0];
        place = told === undefined ? place + 1 : numberOf(told);
      }
      isValue = name === 'v' || name === 't';
    },
    text(text) {
      if (isValue) value += text;
    },
    close(prefixed) {
      const name = localName(prefixed);
      isValue = false;
      if (name === 'c') {
        const text = shownValue(value, cell, { shared, shows, from1904 }).replace(/\s+/g, ' ').trim();
        const cut = text.length > CELL_CHARS_MAX ? `${text.slice(0, CELL_CHARS_MAX)}…` : text;
        if (text !== '') cells.push({ column: nameOf(place), text: cut });
      }
      if (name === 'row' && cells.length > 0) rows.push({ number, cells });
    },
  });
  return rows;
}

function shownValue(
  value: string,
  { t: type = 'n', s: style = '' }: Readonly<Record<string, string>>,
  { shared, shows, from1904 }: { shared: readonly string[]; shows: readonly Shown[]; from1904: boolean },
): string {
  if (type === 's') return shared[Number(value)] ?? '';
  if (type === 'b') return value === '1' ? 'TRUE' : 'FALSE';
  const number = Number(value);
  if (type !== 'n' || value.trim() === '' || Number.isNaN(number)) return value;
  const how = shows[Number(style)] ?? 'number';
  if (how === 'percent') return `${Number((number * 100).toPrecision(DIGITS))}%`;
  if (how === 'number' || !(number > 0 && number < 2_958_466)) return shortened(value);
  const iso = new Date((from1904 ? EPOCH_1904_MS : EPOCH_MS) + Math.round(number * DAY_MS)).toISOString();
  return number % 1 === 0 ? iso.slice(0, 10) : iso.slice(0, 16).replace('T', ' ');
}

/** `0.30000000000000004` is shown as 0.3. */
function shortened(value: string): string {
  return value.replace(/\D/g, '').length > DIGITS ? String(Number(Number(value).toPrecision(DIGITS))) : value;
}

type Shown = 'date' | 'percent' | 'number';

/** For each format of cells what it makes of a number. */
function formatsOf(styles: string): Shown[] {
  const own = new Map(
    elementsOf(styles, 'numFmt').map(({ numFmtId = '', formatCode = '' }) => [Number(numFmtId), shownBy(formatCode)]),
  );
  const cellFormats = /<(?:\w+:)?cellXfs\b[\s\S]*?<\/(?:\w+:)?cellXfs>/.exec(styles)?.[0] ?? '';
  return elementsOf(cellFormats, 'xf').map(({ numFmtId = '' }) => {
    const id = Number(numFmtId);
    if (PERCENT_FORMATS.has(id)) return 'percent';
    return own.get(id) ?? (DATE_FORMATS.has(id) ? 'date' : 'number');
  });
}

function shownBy(formatCode: string): Shown {
  const code = formatCode.replace(/"[^"]*"|\[[^\]]*\]|\\./g, '');
  if (code.includes('%')) return 'percent';
  return /[dmyhs]/i.test(code) ? 'date' : 'number';
}
