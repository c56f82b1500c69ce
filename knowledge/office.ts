/**
 * Slides, sheets and books as Markdown. Owns: where the text of each is, and headings that name its place: the slide, the
 * sheet with its range of cells, the chapter. Does not own: unpacking (`archive.ts`), XML (`xml.ts`), or limits of time
 * (`document-lane.ts`).
 */
import { posix } from 'node:path';
import { type Archive, unpack } from './archive.ts';
import { pageText } from './page.ts';
import { sheetMarkdown } from './sheet.ts';
import { elementsOf, localName, readXml } from './xml.ts';

const MARKUP = /\.(?:xml|rels|opf|x?html?)$/i;

/** Of a part of an Office document: the parts it refers to, by id. */
function relationsOf(archive: Archive, part: string): Map<string, string> {
  const { dir, base } = posix.parse(part);
  const relations = elementsOf(archive.text(`${dir}/_rels/${base}.rels`), 'Relationship');
  return new Map(
    relations.map(({ Id = '', Target = '' }) => [
      Id,
      Target.startsWith('/') ? Target.slice(1) : posix.join(dir, Target),
    ]),
  );
}

export function slidesText(bytes: Uint8Array): string {
  const archive = unpack(bytes, (name) => MARKUP.test(name));
  const show = archive.text('ppt/presentation.xml');
  if (show === null) throw new Error('no presentation');
  const relations = relationsOf(archive, 'ppt/presentation.xml');
  const slides = elementsOf(show, 'p:sldId').map((slide) => relations.get(slide['r:id'] ?? '') ?? '');
  return slides
    .map((part, index) => {
      const xml = archive.text(part) ?? '';
      const { title, paragraphs } = shapesOf(xml);
      const hidden = elementsOf(xml, 'p:sld')[0]?.show === '0' ? ' (hidden)' : '';
      const notes = [...relationsOf(archive, part).values()].find((path) => path.includes('/notesSlides/'));
      const said = notes === undefined ? [] : shapesOf(archive.text(notes) ?? '').paragraphs;
      const all = [...paragraphs, ...(said.length > 0 ? ['Notes:', ...said] : [])];
      return all.length === 0 && title === ''
        ? ''
        : `# Slide ${index + 1}${hidden}${title && `: ${title}`}\n\n${all.join('\n\n')}`;
    })
    .filter(Boolean)
    .join('\n\n');
}

/** Title and paragraphs of a slide; its number and date are none. */
function shapesOf(xml: string): { title: string; paragraphs: string[] } {
  let kind = '';
  let line = '';
  let isText = false;
  const title: string[] = [];
  const paragraphs: string[] = [];
  readXml(xml, {
    open(name, { type = '' }) {
      if (name === 'p:sp') kind = '';
      if (name === 'p:ph') kind = type;
      if (name === 'a:p') line = '';
      if (name === 'a:br' || name === 'a:tab') line += ' ';
      isText = name === 'a:t';
    },
    text(text) {
      if (isText) line += text;
    },
    close(name) {
      isText = false;
      if (name !== 'a:p' || line.trim() === '' || /^(?:sldNum|dt|ftr|sldImg)$/.test(kind)) return;
      (/^(?:title|ctrTitle)$/.test(kind) ? title : paragraphs).push(line.trim());
      line = '';
    },
  });
  return { title: title.join(' '), paragraphs };
}

export function workbookText(bytes: Uint8Array): string {
  const archive = unpack(bytes, (name) => MARKUP.test(name));
  const book = archive.text('xl/workbook.xml');
  if (book === null) throw new Error('no workbook');
  const relations = relationsOf(archive, 'xl/workbook.xml');
  const shared = sharedStrings(archive.text('xl/sharedStrings.xml') ?? '');
  const styles = archive.text('xl/styles.xml') ?? '';
  const from1904 = /^(?:1|true)$/.test(elementsOf(book, 'workbookPr')[0]?.date1904 ?? '');
  return elementsOf(book, 'sheet')
    .map((sheet) => {
      const hidden = /hidden$/i.test(sheet.state ?? '') ? ' (hidden)' : '';
      const xml = archive.text(relations.get(sheet['r:id'] ?? '') ?? '') ?? '';
      return sheetMarkdown(`${sheet.name ?? ''}${hidden}`, xml, { shared, styles, from1904 });
    })
    .filter(Boolean)
    .join('\n\n');
}

function sharedStrings(xml: string): string[] {
  const strings: string[] = [];
  let isText = false;
  let isPhonetic = false;
  readXml(xml, {
    open(prefixed) {
      const name = localName(prefixed);
      if (name === 'si') strings.push('');
      if (name === 'rPh') isPhonetic = true;
      isText = name === 't' && !isPhonetic;
    },
    text(text) {
      if (isText) strings.push((strings.pop() ?? '') + text);
    },
    close(name) {
      isText = false;
      if (localName(name) === 'rPh') isPhonetic = false;
    },
  });
  return strings;
}

/** Whoever reads it has no key for it. */
class DocumentProtected extends Error {
  override readonly name = 'PasswordException';
}

export function bookText(bytes: Uint8Array): string {
  const archive = unpack(bytes, (name) => MARKUP.test(name));
  const [root] = elementsOf(archive.text('META-INF/container.xml'), 'rootfile');
  const path = root?.['full-path'] ?? '';
  const content = archive.text(path);
  if (content === null) throw new Error('no book');
  const items = new Map(elementsOf(content, 'item').map(({ id = '', href = '' }) => [id, href]));
  const parts = elementsOf(content, 'itemref').map(({ idref = '' }) =>
    posix.join(posix.dirname(path), pathIn(items.get(idref) ?? '')),
  );
  // Fonts may be scrambled in a book that anybody can read.
  const locked = new Set(
    elementsOf(archive.text('META-INF/encryption.xml'), 'CipherReference').map(({ URI = '' }) => pathIn(URI)),
  );
  if (parts.some((part) => locked.has(part))) throw new DocumentProtected('chapters are encrypted');
  return parts
    .map((part, index) => {
      const chapter = pageText(archive.text(part) ?? '', { xhtml: true }).trim();
      if (chapter === '' || /^#+$/.test(chapter)) return '';
      return /^#{1,6} \S/m.test(chapter) ? chapter : `# Chapter ${index + 1}\n\n${chapter}`;
    })
    .filter(Boolean)
    .join('\n\n');
}

/** Of an address inside of the book, which may have a place in the chapter behind it. */
function pathIn(href: string): string {
  const path = href.replace(/#.*$/, '');
  try {
    return decodeURIComponent(path);
  } catch (error) {
    // A percent sign of its own.
    if (error instanceof URIError) return path;
    throw error;
  }
}
