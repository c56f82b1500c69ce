/**
 * Documents that are no text: PDF and Word. Owns: turning them into Markdown, pages of a PDF under headings of their number.
 * Does not own: reading the formats (unpdf, mammoth); both run on bytes alone and fetch nothing.
 */
import { extname } from 'node:path';
import { pageText } from './decode.ts';

/** More pages than this are a library: the first are read, and the last line says how many were not. */
const PAGES_MAX = 500;

const READERS: Readonly<Record<string, (bytes: Buffer) => Promise<string>>> = { '.pdf': pdfText, '.docx': wordText };

export function isDocument(path: string): boolean {
  return Object.hasOwn(READERS, extname(path).toLowerCase());
}

/** Markdown; null when the bytes are not such a document, are protected, or hold no text, as scans do. */
export async function documentText(path: string, bytes: Buffer): Promise<string | null> {
  const read = READERS[extname(path).toLowerCase()];
  if (read === undefined) return null;
  try {
    const text = await read(bytes);
    return text.trim() === '' ? null : text;
  } catch (error) {
    // A damaged file is one that cannot be read; what the library says of it helps nobody who looks for it.
    if (error instanceof Error) return null;
    throw error;
  }
}

async function pdfText(bytes: Buffer): Promise<string> {
  const { extractText, getDocumentProxy } = await import('unpdf');
  const document = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 });
  const { text } = await extractText(document, { mergePages: false });
  const pages = text
    .slice(0, PAGES_MAX)
    .map((page, index) => (page.trim() === '' ? '' : `# Page ${index + 1}\n\n${page.trim()}`))
    .filter((page) => page !== '');
  const left = text.length - PAGES_MAX;
  if (left > 0) pages.push(`(${left} more pages were not read.)`);
  return `${pages.join('\n\n')}\n`;
}

async function wordText(bytes: Buffer): Promise<string> {
  const mammoth = await import('mammoth');
  const { value } = await mammoth.default.convertToHtml({ buffer: bytes });
  return pageText(value);
}
