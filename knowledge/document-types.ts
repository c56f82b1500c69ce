/**
 * Which files are documents, and no text. Owns: the list, by extension. Does not own: reading them (`documents.ts`), which
 * loads what unpacks archives and reads XML: that is done in a worker, and nobody else loads it.
 */
import { extname } from 'node:path';

const DOCUMENT_EXTENSIONS = [
  '.pdf',
  // With macros, and templates: the same inside.
  ...(['.docx', '.docm', '.dotx'] as const),
  ...(['.pptx', '.pptm', '.ppsx', '.potx'] as const),
  ...(['.xlsx', '.xlsm', '.xltx'] as const),
  '.epub',
] as const;
export type DocumentExtension = (typeof DOCUMENT_EXTENSIONS)[number];

/** Null for a file that is none. */
export function documentExtension(path: string): DocumentExtension | null {
  const extension = extname(path).toLowerCase();
  return DOCUMENT_EXTENSIONS.find((one) => one === extension) ?? null;
}

export function isDocument(path: string): boolean {
  return documentExtension(path) !== null;
}
