/**
 * What a file is, told from its name alone: prose or code, in which language, and which family of chunking rules.
 *
 * Owns the tables of extensions. Does not open files (`scan.ts`) nor cut them (`chunk.ts`).
 */
import { basename, extname } from 'node:path';

export type Kind = 'markdown' | 'text' | 'code';

/** Languages whose top level looks alike to a reader of lines share a family. */
export type Family =
  | 'script'
  | 'python'
  | 'go'
  | 'rust'
  | 'java'
  | 'c'
  | 'shell'
  | 'sql'
  | 'markup'
  | 'css'
  | 'yaml'
  | 'json'
  | 'sections'
  | 'plain';

export interface FileType {
  kind: Kind;
  /** Lower-case; empty for prose. */
  language: string;
  family: Family;
}

/** Notebooks, pages and documents are read as Markdown (`decode.ts`). */
const MARKDOWN = new Set([
  'md',
  'markdown',
  'mdx',
  'mdc',
  'ipynb',
  'html',
  'htm',
  'xhtml',
  'pdf',
  'docx',
  'pptx',
  'xlsx',
  'epub',
]);

const CODE: Readonly<Record<string, readonly [language: string, family: Family]>> = {
  ts: ['typescript', 'script'],
  tsx: ['typescript', 'script'],
  mts: ['typescript', 'script'],
  cts: ['typescript', 'script'],
  js: ['javascript', 'script'],
  jsx: ['javascript', 'script'],
  mjs: ['javascript', 'script'],
  cjs: ['javascript', 'script'],
  py: ['python', 'python'],
  pyi: ['python', 'python'],
  rb: ['ruby', 'python'],
  go: ['go', 'go'],
  rs: ['rust', 'rust'],
  java: ['java', 'java'],
  kt: ['kotlin', 'java'],
  cs: ['csharp', 'java'],
  scala: ['scala', 'java'],
  swift: ['swift', 'java'],
  php: ['php', 'java'],
  c: ['c', 'c'],
  h: ['c', 'c'],
  cc: ['cpp', 'c'],
  cpp: ['cpp', 'c'],
  cxx: ['cpp', 'c'],
  hpp: ['cpp', 'c'],
  sh: ['shell', 'shell'],
  bash: ['shell', 'shell'],
  zsh: ['shell', 'shell'],
  sql: ['sql', 'sql'],
  svelte: ['svelte', 'markup'],
  vue: ['vue', 'markup'],
  xml: ['xml', 'markup'],
  css: ['css', 'css'],
  scss: ['scss', 'css'],
  less: ['less', 'css'],
  yaml: ['yaml', 'yaml'],
  yml: ['yaml', 'yaml'],
  json: ['json', 'json'],
  jsonc: ['json', 'json'],
  json5: ['json', 'json'],
  toml: ['toml', 'sections'],
  ini: ['ini', 'sections'],
  conf: ['conf', 'plain'],
  proto: ['protobuf', 'go'],
  graphql: ['graphql', 'go'],
  tf: ['terraform', 'plain'],
  lua: ['lua', 'plain'],
};

const CODE_NAMES: Readonly<Record<string, readonly [language: string, family: Family]>> = {
  dockerfile: ['dockerfile', 'plain'],
  makefile: ['makefile', 'yaml'],
};

/** Anything not known as Markdown or code is read as plain text. */
export function fileTypeOf(path: string): FileType {
  const name = basename(path).toLowerCase();
  const extension = extname(name).slice(1);
  if (MARKDOWN.has(extension)) return { kind: 'markdown', language: '', family: 'plain' };
  const code = Object.hasOwn(CODE, extension) ? CODE[extension] : Object.hasOwn(CODE_NAMES, name) && CODE_NAMES[name];
  if (code) return { kind: 'code', language: code[0], family: code[1] };
  return { kind: 'text', language: '', family: 'plain' };
}
