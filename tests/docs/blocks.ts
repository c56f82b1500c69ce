/**
 * The commands of the documents: what stands in their blocks of shell, and between their backticks. Owns: which documents, the
 * commands of a block, joined where a line goes on, and what is wrong with a block. Does not own: running them
 * (`commands.ts`), or what is not run (`not-run.ts`).
 *
 * 1. Every document of the project is read; one that is added is read as well.
 * 2. A block in which commands stand is `sh`: one without a language, or with another word for a shell, is a fault, not passed
 *    over.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../config/settings.ts';

export interface DocCommand {
  /** Of the document, from the project's folder. */
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

export interface DocBlock {
  readonly page: string;
  readonly line: number;
  readonly commands: readonly DocCommand[];
}

/** Documents of made-up products, which tests search in. */
const MADE_UP = /^tests\/fixtures\/(?:crash-)?knowledge\//;
/** What a block may say that it is; without a word it is a picture, or what a program prints. */
const LANGUAGES = ['', 'sh', 'ini', 'json', 'md', 'python', 'ts', 'yaml'];
const PROGRAMS =
  'docker|podman|kubectl|nats|daprd|grpcurl|curl|npm|npx|node|git|go|pip|python3?|kill|openssl|apt-get|mesh';
/** A line that begins as a command does, with a prompt or without. */
const COMMAND_LINE = new RegExp(
  `^\\s*(?:\\$ )?(?:\\.{1,2}/[\\w./-]+|[\\w./-]+/(?:bin/\\w+|[\\w-]+\\.(?:sh|ts|py))|(?:${PROGRAMS}))(?: +\\S| *$)`,
);
/** A block with lines or arrows in it is a picture. */
const DRAWN = /[─│┌└►◄▲▼]/;

/** A command that may go on in the next line. */
interface Open {
  readonly line: number;
  readonly text: string;
}

interface Fenced {
  readonly line: number;
  readonly language: string;
  readonly lines: readonly string[];
}

/** A line that ends with a backslash or a pipe; a quotation, a loop or a document in place that is not closed. */
function goesOn({ text: written }: Open): boolean {
  // An apostrophe in a comment opens no quotation.
  const text = written.replaceAll(/(?<=^|\s)# [^\n]*$/gm, '').trimEnd();
  const isQuoted = (text.match(/'/g)?.length ?? 0) % 2 === 1;
  const isLoop = /;\s*do$/m.test(text) && !/^done$/m.test(text);
  const [, end] = /<<'(\w+)'/.exec(text) ?? [];
  const isHere = end !== undefined && !new RegExp(`^${end}$`, 'm').test(text);
  return /(?:\\|\|\s*)$/.test(text) || isQuoted || isLoop || isHere;
}

function fencedIn(markdown: string): Fenced[] {
  const found: Fenced[] = [];
  let open: { line: number; language: string; lines: string[] } | null = null;
  for (const [index, text] of markdown.split('\n').entries()) {
    const [, language] = /^\s*(?:```|~~~)(.*)$/.exec(text) ?? [];
    if (language === undefined) open?.lines.push(text);
    else if (open === null) open = { line: index + 1, language: language.trim(), lines: [] };
    else {
      found.push(open);
      open = null;
    }
  }
  return found;
}

/** In the order of the block; a comment alone is none. */
function commandsIn(page: string, { line, lines }: Fenced): DocCommand[] {
  const found: DocCommand[] = [];
  let open: Open | null = null;
  for (const [index, text] of lines.entries()) {
    if (open === null && /^\s*(?:#|$)/.test(text)) continue;
    const now: Open =
      open === null ? { line: line + index + 1, text } : { line: open.line, text: `${open.text}\n${text}` };
    open = goesOn(now) ? now : null;
    if (open === null) found.push({ page, ...now });
  }
  // Not closed: it is run, and fails.
  return open === null ? found : [...found, { page, ...open }];
}

export function blocksOf(page: string, markdown: string): DocBlock[] {
  return fencedIn(markdown)
    .filter(({ language }) => language === 'sh')
    .map((fenced) => ({ page, line: fenced.line, commands: commandsIn(page, fenced) }));
}

/** One sentence for each block that would be passed over although commands stand in it. */
export function faultsOf(page: string, markdown: string): string[] {
  return fencedIn(markdown).flatMap(({ line, language, lines }) => {
    if (!LANGUAGES.includes(language))
      return [
        `${page}:${line}: a block of "${language}"; commands are in a block of "sh", others of ${LANGUAGES.join(' ')}`,
      ];
    const isText = language === '' && !DRAWN.test(lines.join('\n'));
    const command = isText ? lines.find((text) => COMMAND_LINE.test(text)) : undefined;
    return command === undefined
      ? []
      : [`${page}:${line}: "${command.trim()}" reads as a command; say "sh" at the block, so that it is run`];
  });
}

/** Whole commands of the mesh between backticks, in prose and tables. */
export function inlineCommandsOf(page: string, markdown: string): DocCommand[] {
  const fenced = new Set(
    fencedIn(markdown).flatMap(({ line, lines }) => Array.from({ length: lines.length + 2 }, (_, at) => line + at)),
  );
  return markdown.split('\n').flatMap((text, index) =>
    fenced.has(index + 1)
      ? []
      : [...text.matchAll(/`((?:(?:(?:\.\/|npx )?mesh|npm run) |node [\w-]+\/)[^`]+)`/g)].map(([, command = '']) => ({
          page,
          line: index + 1,
          text: command,
        })),
  );
}

const listed = ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'];
const pages: readonly string[] = execFileSync('git', listed, { cwd: projectRoot, encoding: 'utf8' })
  .split('\n')
  .filter((page) => page !== '' && !MADE_UP.test(page))
  .sort();

function ofAll<T>(read: (page: string, markdown: string) => readonly T[]): T[] {
  return pages.flatMap((page) => read(page, readFileSync(join(projectRoot, page), 'utf8')));
}

export const allBlocks = (): DocBlock[] => ofAll(blocksOf);
export const allFaults = (): string[] => ofAll(faultsOf);
export const allInlineCommands = (): DocCommand[] => ofAll(inlineCommandsOf);
