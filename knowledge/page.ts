/**
 * Web pages as Markdown: what a reader sees of one. Owns: headings, lists, tables, code, and what is not seen. Does not own:
 * encodings (`decode.ts`), or reading HTML (htmlparser2, which takes whatever is there in one pass).
 */
import { Parser } from 'htmlparser2';

/** Elements of which nobody sees the text. */
const UNSEEN = new Set(['script', 'style', 'noscript', 'template', 'svg', 'select', 'datalist', 'iframe', 'object']);
const BLOCKS = new Set(
  'p div section article main aside ul ol table blockquote dl dt dd figure figcaption header footer nav form fieldset details summary address body'.split(
    ' ',
  ),
);
/** A shorter one names an icon. */
const ALT_CHARS_MIN = 4;

/** @param xhtml as XML has it an element may end where it begins; a page says so itself, or its file does */
export function pageText(html: string, { xhtml = false } = {}): string {
  const page = new Page();
  const saysSo = /^\s*<\?xml|<html[^>]{0,500}xmlns=|<!DOCTYPE[^>]{0,200}XHTML/i.test(html.slice(0, 2000));
  const parser = new Parser(page, { recognizeSelfClosing: xhtml || saysSo, recognizeCDATA: true });
  parser.end(html);
  return page.text();
}

/** Text that is held back until its element ends: it goes on one line. */
interface Held {
  readonly what: 'title' | 'heading' | 'cell';
  readonly level: number;
  text: string;
}

class Page {
  readonly #out: string[] = [];
  /** Newlines at the end of what is there; two at the beginning, so that nothing begins with one. */
  #newlines = 2;
  #endsInSpace = true;
  /** Of an element that is not seen: how many deep, itself included. */
  #unseen = 0;
  #held: Held | null = null;
  /** What stands in a `pre`, and its language. */
  #pre: { text: string; language: string } | null = null;
  /** Right behind the mark of an item, where a paragraph begins no new one. */
  #atMark = false;
  /** Of the row that is being read. */
  #cells: string[] = [];

  onopentag(name: string, attributes: Readonly<Record<string, string>>): void {
    if (this.#unseen > 0 || UNSEEN.has(name) || isHidden(attributes)) {
      if (!VOID.has(name)) this.#unseen += 1;
      return;
    }
    if (this.#pre !== null) {
      if (name === 'br') this.#pre.text += '\n';
      const language = /(?:^|\s)lang(?:uage)?-([\w+#-]+)/.exec(attributes.class ?? '')?.[1];
      if (language !== undefined && this.#pre.text.trim() === '') this.#pre.language = language;
      return;
    }
    if (name === 'title' && this.#out.length === 0) this.#hold('title');
    else if (name === 'tr') this.#endRow();
    else if (name === 'td' || name === 'th') this.#cell();
    else if (name === 'img') this.#alternative(attributes.alt ?? '');
    else if (this.#held !== null) this.#held.text += BLOCKS.has(name) || BREAKS.has(name) ? ' ' : '';
    else if (name === 'pre') this.#pre = { text: '', language: '' };
    else if (HEADING.test(name)) this.#hold('heading', Number(name[1]));
    else if (name === 'li') {
      this.#paragraph(1);
      this.#put('- ');
      this.#atMark = true;
    } else if (BREAKS.has(name)) this.#put('\n');
    else if (BLOCKS.has(name) && !this.#atMark) this.#paragraph(2);
  }

  ontext(text: string): void {
    if (this.#unseen > 0) return;
    if (this.#pre !== null) this.#pre.text += text;
    else if (this.#held !== null) this.#held.text += text;
    else this.#put(text.replace(/(?<![ \t\r\f])[ \t\r\f]*\n\s*/g, '\n').replace(/[ \t\r\f]+/g, ' '));
  }

  onclosetag(name: string): void {
    if (this.#unseen > 0) {
      if (!VOID.has(name)) this.#unseen -= 1;
      return;
    }
    if (name === 'pre') this.#endPre();
    else if (this.#pre !== null) return;
    else if (name === 'title' || HEADING.test(name)) this.#endHeading();
    else if (name === 'td' || name === 'th') this.#endCell();
    else if (name === 'tr' || name === 'table') this.#endRow();
    else if (BLOCKS.has(name) && this.#held === null) this.#paragraph(2);
  }

  text(): string {
    this.#endPre();
    this.#endHeading();
    this.#endRow();
    return this.#out
      .join('')
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n')
      .replace(/\n{3,}/g, '\n\n')
      .replaceAll('\u00ad', '');
  }

  #put(text: string): void {
    const said = this.#endsInSpace ? text.replace(this.#newlines > 0 ? /^\s+/ : /^ +/, '') : text;
    if (said === '') return;
    if (said.trim() !== '') this.#atMark = false;
    this.#raw(said);
  }

  #raw(text: string): void {
    this.#out.push(text);
    this.#newlines = text.endsWith('\n\n') ? 2 : text.endsWith('\n') ? 1 : 0;
    this.#endsInSpace = /\s$/.test(text);
  }

  /** What comes now begins a line, or a paragraph. */
  #paragraph(newlines: 1 | 2): void {
    if (this.#newlines >= newlines) return;
    this.#raw('\n'.repeat(newlines - this.#newlines));
    this.#newlines = newlines;
    this.#atMark = false;
  }

  #hold(what: Held['what'], level = 1): void {
    this.#held = { what, level, text: '' };
  }

  #endHeading(): void {
    if (this.#held === null || this.#held.what === 'cell') return;
    const { level, text } = this.#held;
    this.#held = null;
    const heading = oneLine(text);
    if (heading === '') return;
    this.#paragraph(2);
    this.#raw(`${'#'.repeat(level)} ${heading}\n\n`);
    this.#atMark = false;
  }

  #endPre(): void {
    if (this.#pre === null) return;
    const { text, language } = this.#pre;
    this.#pre = null;
    if (text.trim() === '') return;
    this.#paragraph(2);
    this.#raw(`\`\`\`${language}\n${text.replace(/^\r?\n/, '').trimEnd()}\n\`\`\`\n\n`);
  }

  #alternative(alt: string): void {
    if (oneLine(alt).length >= ALT_CHARS_MIN) this.ontext(` ${oneLine(alt)} `);
  }

  #cell(): void {
    this.#endCell();
    if (this.#held === null) this.#hold('cell');
  }

  #endCell(): void {
    if (this.#held?.what !== 'cell') return;
    this.#cells.push(oneLine(this.#held.text).replaceAll('|', '\\|'));
    this.#held = null;
  }

  #endRow(): void {
    this.#endCell();
    const cells = this.#cells;
    this.#cells = [];
    if (cells.every((cell) => cell === '')) return;
    this.#paragraph(1);
    this.#raw(`| ${cells.join(' | ')} |\n`);
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

const HEADING = /^h[1-6]$/;
const BREAKS = new Set(['br', 'hr']);
/** They have no end, so nothing is inside of them. */
const VOID = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));

function isHidden({ hidden, style = '' }: Readonly<Record<string, string>>): boolean {
  return (
    (hidden !== undefined && hidden !== 'until-found') || /display\s*:\s*none|visibility\s*:\s*hidden/i.test(style)
  );
}
