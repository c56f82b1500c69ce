/**
 * Bytes as text, as people have them. Owns: the encodings, and the text of notebooks. Does not own: the text of web pages
 * (`page.ts`), what is left out for what it is (`scan.ts`), cutting.
 *
 * Notebooks and pages become Markdown, so that they are cut at their headings; their lines are those of the Markdown.
 */
import { extname } from 'node:path';

/** Of the characters of a text in an old encoding, what may be none: a file of bytes has a third. */
const CONTROLS_SHARE_MAX = 0.001;
/** Of the letters of a Western text, those beyond ASCII are a tenth; read as one, Cyrillic or Chinese has nearly all. */
const FOREIGN_SHARE_MAX = 0.35;
/** Of the bytes of UTF-16 that are 0: half of them in Western text, fewer with other letters in it. */
const UTF16_SHARE_MIN = 0.35;
/** Where a page names its encoding (HTML, 13.2.3.2). */
const HEAD_BYTES = 1024;

/** Of what a cell said; more is data. */
const OUTPUT_CHARS_MAX = 1000;
/** Where a word may be parted, which nobody sees and no search types. */
const SOFT_HYPHEN = '\u00ad';
/** A picture or a font inside of a text: nobody asks for it by its letters. */
const EMBEDDED = /(data:[\w/+.-]{0,60};base64,)[A-Za-z0-9+/=]{200,}/g;

/** The text of a file; null when its bytes are none, or in an encoding that nothing names. */
export async function textOf(path: string, bytes: Buffer): Promise<string | null> {
  const read = decoded(bytes);
  if (read === null) return null;
  const text = (read.includes('\n') ? read : read.replaceAll('\r', '\n'))
    .replace(EMBEDDED, '$1…')
    .replaceAll(SOFT_HYPHEN, '');
  switch (extname(path).toLowerCase()) {
    case '.ipynb':
      return notebookText(text) ?? text;
    case '.html':
    case '.htm':
    case '.xhtml':
      return (await import('./page.ts')).pageText(text);
    default:
      return text;
  }
}

function decoded(bytes: Buffer): string | null {
  // UTF-32 begins as UTF-16 does.
  if (bytes.subarray(0, 4).toString('hex') === 'fffe0000') return null;
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  if (bytes.includes(0)) return withoutMark(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  const named = byItsOwnName(bytes) ?? damaged(bytes);
  if (named !== null) return named;
  // Latin-1 as it is really written: with the quotes and dashes of Windows-1252.
  const text = new TextDecoder('windows-1252').decode(bytes);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is counted
  const controls = text.match(/[\u0000-\u0008\u000e-\u001f\u007f-\u009f]/g)?.length ?? 0;
  return controls <= text.length * CONTROLS_SHARE_MAX && !isForeign(text) ? text : null;
}

/** How much of a text is looked at for its encoding. */
const SAMPLE_BYTES = 4000;

/** UTF-16 as some programs write it: in Western text every second byte is 0. */
function withoutMark(bytes: Buffer): string | null {
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  const zeros = [0, 0];
  for (const [index, byte] of sample.entries()) if (byte === 0) zeros[index % 2] = (zeros[index % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  const most = Math.max(even, odd);
  if (bytes.length % 2 !== 0 || Math.min(even, odd) > 0 || most < sample.length * UTF16_SHARE_MIN) return null;
  const text = new TextDecoder(odd > 0 ? 'utf-16le' : 'utf-16be').decode(bytes);
  return text.includes('\u0000') ? null : text;
}

/** UTF-8 with a few bytes that are none: a file cut in the middle of a letter, two that were put together. */
function damaged(bytes: Buffer): string | null {
  const text = new TextDecoder('utf-8').decode(bytes);
  const wrong = text.match(/\ufffd/g)?.length ?? 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all beyond ASCII is meant
  const beyond = (text.match(/[^\u0000-\u007f]/g)?.length ?? 0) - wrong;
  return beyond > wrong ? text : null;
}

function isForeign(text: string): boolean {
  const letters = text.match(/[A-Za-z]/g)?.length ?? 0;
  const beyond =
    text.match(
      /[\u00a1-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u201a\u201e\u2020\u2021\u2030\u2039\u203a]/g,
    )?.length ?? 0;
  return beyond > (letters + beyond) * FOREIGN_SHARE_MAX;
}

/** A page, or XML, in the encoding that it names. */
function byItsOwnName(bytes: Buffer): string | null {
  const head = bytes.subarray(0, HEAD_BYTES).toString('latin1');
  const label =
    /<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)|^<\?xml[^>]+encoding\s*=\s*["']([\w-]+)/i.exec(head) ??
    // In the first two lines of a source (PEP 263, and editors).
    /^(?:[^\n]*\n)?[ \t]*(?:#|\/\/|;|--|%)[^\n]*?coding[:=][ \t]*([\w.-]+)/.exec(head);
  const name = label?.[1] ?? label?.[2];
  if (name === undefined) return null;
  try {
    return new TextDecoder(name, { fatal: true }).decode(bytes);
  } catch (error) {
    // No encoding that is known, or not in the one that it names.
    if (error instanceof RangeError || error instanceof TypeError) return null;
    throw error;
  }
}

/** Cells under headings of their number: code fenced, Markdown as it is, of outputs only short text. */
function notebookText(text: string): string | null {
  const notebook = parsed(text);
  if (!isRecord(notebook)) return null;
  const all = cellsOf(notebook);
  if (all === null) return null;
  const language = languageOf(notebook.metadata);
  const cells = all.filter(isRecord).map((cell, index) => {
    const source = joined(cell.source ?? cell.input);
    if (source.trim() === '') return '';
    const body = cell.cell_type === 'code' ? fenced(language, source) : source;
    return [`## Cell ${index + 1}`, body, ...outputsOf(cell.outputs)].join('\n\n');
  });
  return `${cells.filter((cell) => cell !== '').join('\n\n')}\n`;
}

/** What a cell said when it ran, where that is text; of a long one the beginning. */
function outputsOf(outputs: unknown): string[] {
  if (!Array.isArray(outputs)) return [];
  const said = outputs.filter(isRecord).map(({ text, data, ename, evalue }) => {
    if (typeof ename === 'string') return `${ename}: ${joined(evalue)}`;
    return joined(text ?? (isRecord(data) ? data['text/plain'] : ''));
  });
  const all = said.filter((one) => one.trim() !== '').join('\n');
  if (all === '') return [];
  return [fenced('', all.length > OUTPUT_CHARS_MAX ? `${all.slice(0, OUTPUT_CHARS_MAX)}…` : all)];
}

/** Before the fourth format they are on worksheets. */
function cellsOf({ cells, worksheets }: Record<string, unknown>): unknown[] | null {
  if (Array.isArray(cells)) return cells;
  if (!Array.isArray(worksheets)) return null;
  return worksheets.flatMap((sheet) => (isRecord(sheet) && Array.isArray(sheet.cells) ? sheet.cells : []));
}

function languageOf(metadata: unknown): string {
  const info = isRecord(metadata) ? (metadata.language_info ?? metadata.kernelspec) : undefined;
  const name = isRecord(info) ? (info.language ?? info.name) : undefined;
  return typeof name === 'string' ? name : 'python';
}

function joined(source: unknown): string {
  return Array.isArray(source) ? source.filter((line) => typeof line === 'string').join('') : String(source ?? '');
}

function fenced(language: string, text: string): string {
  const fence = text.includes('```') ? '````' : '```';
  return `${fence}${language}\n${text.trimEnd()}\n${fence}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
