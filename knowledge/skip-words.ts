/** Reasons for leaving a file out, in words. Owns: what each means to the person whose file it is. */
import type { SkipReason } from './port.ts';

export const skipWords: Readonly<Record<SkipReason, string>> = {
  binary: 'binary, or text in an encoding that nothing names',
  'broken-symlink': 'link to nowhere',
  damaged: 'document that is damaged, or none of its kind',
  data: 'data, not text',
  'folder-of-a-tool': 'folder of dependencies or build products',
  hidden: 'hidden',
  ignored: 'left out by .gitignore or .ignore',
  'lock-file': 'lock file',
  minified: 'minified or generated',
  missing: 'missing',
  'no-text': 'document without text (a scan has none)',
  'not-a-file': 'no regular file',
  'not-read': 'document of a format that is not read (save it as PDF, DOCX, XLSX, PPTX, EPUB or text)',
  protected: 'document with a password',
  secret: 'may hold a secret',
  'symlink-inside-root': 'link to a file that is indexed by its own name',
  'symlink-outside-root': 'link out of the folder',
  temporary: 'temporary or backup file of a program',
  'too-hard': 'document that took longer than a minute to read, or more memory than there is',
  'too-large': 'larger than 2 MiB, or 32 MiB for PDF, Office and EPUB',
  'too-large-inside': 'document that is packed small and far too large inside',
  unreadable: 'no permission to read',
};
