/**
 * Documents that are no text: PDF, Word, slides, workbooks, books. Owns: turning them into Markdown with headings that name
 * the page, slide, range or chapter, and why one has no text. Does not own: reading the formats (unpdf, mammoth,
 * `office.ts`), or limits of time (`document-lane.ts`). Nothing is fetched.
 */
import { zipSync } from 'fflate';
import { ArchiveTooLarge, unpack } from './archive.ts';
import { type DocumentExtension, documentExtension } from './document-types.ts';
import { bookText, slidesText, workbookText } from './office.ts';
import { pageText } from './page.ts';
import type { SkipReason } from './port.ts';

/** More pages than this are a library: the first are read, and the last line says how many were not. */
const PAGES_MAX = 500;
/** A workbook of a million cells gives more text than anybody asks about. */
const TEXT_CHARS_MAX = 8_000_000;

/** The name of what is encrypted in it; an old format in the same container has none. */
const ENCRYPTED = Buffer.from('EncryptedPackage', 'utf16le');

export type DocumentRead =
  | { readonly text: string }
  | { readonly reason: Extract<SkipReason, 'damaged' | 'no-text' | 'protected' | 'too-large-inside'> };

const READERS: Readonly<Record<DocumentExtension, (bytes: Buffer) => string | Promise<string>>> = {
  '.pdf': pdfText,
  '.docx': wordText,
  '.docm': wordText,
  '.dotx': wordText,
  '.pptx': slidesText,
  '.pptm': slidesText,
  '.ppsx': slidesText,
  '.potx': slidesText,
  '.xlsx': workbookText,
  '.xlsm': workbookText,
  '.xltx': workbookText,
  '.epub': bookText,
};

/** Markdown, or why there is none; whatever the bytes are, it does not throw. */
export async function readDocument(path: string, bytes: Buffer): Promise<DocumentRead> {
  const extension = documentExtension(path);
  // Office keeps what has a password in a container of another kind (MS-OFFCRYPTO 2.3).
  if (bytes.subarray(0, 4).toString('hex') === 'd0cf11e0' && bytes.includes(ENCRYPTED)) return { reason: 'protected' };
  if (extension === null) return { reason: 'damaged' };
  try {
    const text = await READERS[extension](bytes);
    if (text.length > TEXT_CHARS_MAX) return { reason: 'too-large-inside' };
    return text.trim() === '' ? { reason: 'no-text' } : { text };
  } catch (error) {
    if (error instanceof ArchiveTooLarge) return { reason: 'too-large-inside' };
    return { reason: error instanceof Error && error.name === 'PasswordException' ? 'protected' : 'damaged' };
  }
}

async function pdfText(bytes: Buffer): Promise<string> {
  const { extractText, getDocumentProxy } = await import('unpdf');
  const document = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 });
  const { text } = await extractText(document, { mergePages: false });
  const pages = text
    .slice(0, PAGES_MAX)
    .map((page, index) => (page.trim() === '' ? '' : `# Page ${index + 1}\n\n${unhyphenated(page.trim())}`))
    .filter((page) => page !== '');
  const left = text.length - PAGES_MAX;
  if (left > 0) pages.push(`(${left} more pages were not read.)`);
  return pages.length === 0 ? '' : `${pages.join('\n\n')}\n`;
}

/** A word that was parted at the end of a line, whole again: it is asked for whole. */
function unhyphenated(text: string): string {
  return text.replace(/(\p{Ll})-\n(?=\p{Ll})/gu, '$1');
}

/** Unpacked within limits first, since mammoth has none; pictures are not read. */
async function wordText(bytes: Buffer): Promise<string> {
  const { files } = unpack(bytes, (name) => /\.(?:xml|rels)$/i.test(name));
  const { default: mammoth } = await import('mammoth');
  const convertImage = mammoth.images.imgElement(async () => ({ src: '' }));
  const { value } = await mammoth.convertToHtml(
    { buffer: Buffer.from(zipSync({ ...files }, { level: 0 })) },
    { convertImage },
  );
  return pageText(value);
}
