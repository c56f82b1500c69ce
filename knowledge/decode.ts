/**
 * Bytes as text, as people have them. Owns: the encodings, and the text of notebooks and web pages. Does not own: what is
 * left out for what it is (`scan.ts`), cutting.
 *
 * Notebooks and pages become Markdown, so that they are cut at their headings; their lines are those of the Markdown.
 */
import { extname } from 'node:path';

/** Of the characters of a text in an old encoding, what may be none: a file of bytes has a third. */
const CONTROLS_SHARE_MAX = 0.001;
/** Of the letters of a Western text, those beyond ASCII are a tenth; read as one, Cyrillic or Chinese has nearly all. */
const FOREIGN_SHARE_MAX = 0.35;
/** Where a page names its encoding (HTML, 13.2.3.2). */
const HEAD_BYTES = 1024;

/** The text of a file; null when its bytes are none, or in an encoding that nothing names. */
export function textOf(path: string, bytes: Buffer): string | null {
  const text = decoded(bytes);
  if (text === null) return null;
  switch (extname(path).toLowerCase()) {
    case '.ipynb':
      return notebookText(text) ?? text;
    case '.html':
    case '.htm':
    case '.xhtml':
      return pageText(text);
    default:
      return text;
  }
}

function decoded(bytes: Buffer): string | null {
  // UTF-32 begins as UTF-16 does.
  if (bytes.subarray(0, 4).toString('hex') === 'fffe0000') return null;
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  const named = byItsOwnName(bytes);
  if (named !== null) return named;
  // Latin-1 as it is really written: with the quotes and dashes of Windows-1252.
  const text = new TextDecoder('windows-1252').decode(bytes);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is counted
  const controls = text.match(/[\u0000-\u0008\u000e-\u001f\u007f-\u009f]/g)?.length ?? 0;
  return controls <= text.length * CONTROLS_SHARE_MAX && !isForeign(text) ? text : null;
}

function isForeign(text: string): boolean {
  const letters = text.match(/[A-Za-z]/g)?.length ?? 0;
  const beyond = text.match(/[\u00a1-\u00ff]/g)?.length ?? 0;
  return beyond > (letters + beyond) * FOREIGN_SHARE_MAX;
}

/** A page, or XML, in the encoding that it names. */
function byItsOwnName(bytes: Buffer): string | null {
  const head = bytes.subarray(0, HEAD_BYTES).toString('latin1');
  const label = /<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)|^<\?xml[^>]+encoding\s*=\s*["']([\w-]+)/i.exec(head);
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
    return `## Cell ${index + 1}\n\n${body}`;
  });
  return `${cells.filter((cell) => cell !== '').join('\n\n')}\n`;
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

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', mdash: '—', ndash: '–', hellip: '…', copy: '©' },
  ...{ laquo: '«', raquo: '»', auml: 'ä', ouml: 'ö', uuml: 'ü', Auml: 'Ä', Ouml: 'Ö', Uuml: 'Ü', szlig: 'ß' },
  ...{ eacute: 'é', egrave: 'è', agrave: 'à', ccedil: 'ç', rsquo: '’', lsquo: '‘', rdquo: '”', ldquo: '“', bull: '•' },
};

/** What a reader of the page sees, its headings as Markdown. */
export function pageText(html: string): string {
  const seen = html
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/<(script|style|noscript|template|svg|head)\b[\s\S]*?<\/\1\s*>/gi, (whole, name: string) =>
      name.toLowerCase() === 'head' ? `\n# ${/<title[^>]*>([\s\S]*?)<\/title>/i.exec(whole)?.[1] ?? ''}\n` : '',
    )
    .replace(/<pre\b[^>]*>([\s\S]*?)<\/pre>/gi, (_whole, body: string) => `\n\n\`\`\`\n${body.trim()}\n\`\`\`\n\n`)
    .replace(
      /<h([1-6])\b[^>]*>([\s\S]*?)<\/h\1>/gi,
      (_whole, level: string, title: string) =>
        `\n\n${'#'.repeat(Number(level))} ${title.replace(/\s+/g, ' ').trim()}\n\n`,
    )
    .replace(/<li\b[^>]*>/gi, '\n- ')
    .replace(/<(?:br|hr)\b[^>]*>/gi, '\n')
    .replace(
      /<\/?(?:p|div|section|article|main|ul|ol|table|tr|blockquote|dl|dt|dd|figure|header|footer|nav)\b[^>]*>/gi,
      '\n\n',
    )
    .replace(/<\/t[dh]>/gi, ' | ')
    .replace(/<[^>]*>/g, '');
  return seen
    .replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal?: string, hex?: string, name?: string) => {
      const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : 0;
      if (code > 0 && code <= 0x10ffff) return String.fromCodePoint(code);
      return ENTITIES[name ?? ''] ?? whole;
    })
    .replace(/[ \t]+\n/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trimStart();
}
