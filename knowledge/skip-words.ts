/** Reasons for leaving a file out, in words. Owns: what each means to the person whose file it is. */
import type { SkipReason } from './port.ts';

export const skipWords: Readonly<Record<SkipReason, string>> = {
  binary: 'binary',
  'broken-symlink': 'link to nowhere',
  data: 'data, not text',
  'folder-of-a-tool': 'folder of dependencies or build products',
  hidden: 'hidden',
  ignored: 'left out by .gitignore or .ignore',
  'lock-file': 'lock file',
  minified: 'minified or generated',
  missing: 'missing',
  'no-text': 'document without text that can be read (a scan, protected, or damaged)',
  'not-a-file': 'no regular file',
  secret: 'may hold a secret',
  'symlink-inside-root': 'link to a file that is indexed by its own name',
  'symlink-outside-root': 'link out of the folder',
  'too-large': 'larger than 2 MiB, or 32 MiB for PDF and Word',
  unreadable: 'no permission to read',
};
