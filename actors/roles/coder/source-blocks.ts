/**
 * The fenced blocks of a reply, and which of them are source text. Owns: what a block is called, and telling code from
 * output, commands, examples of its use, tests that nobody asked for, and versions that are shown to be worse. Does not own:
 * what the code of the reply is (code-reply.ts).
 */

import { type FencedBlock, fencedBlocks } from '../../../code-checks/fenced-blocks.ts';
import { plainLines } from './code-lines.ts';

/** Of a path, by schemas/events/data/common.v1.json. */
const PATH_CHARS_MAX = 300;

/** A block with what the reply says right before it. */
export interface Block extends FencedBlock {
  readonly lead: string;
  readonly path: string | null;
  /** Names of what its text declares. */
  readonly declares: readonly string[];
}

/** What blocks show that is no source text. */
export const OUTPUT = new Set([
  'output',
  'console',
  'text',
  'plaintext',
  'plain',
  'txt',
  'log',
  'stdout',
  'result',
  'markdown',
]);
const USAGE =
  /\b(?:usage|example|e\.g\.|for instance|how to (?:use|call|run|test)|you can (?:use|call|run|test)|(?:to |then )?(?:run|test|call|try|use|execute|install) (?:it|this|them|the)|output|prints?|result)\b[^\n]{0,80}$/i;
const BETTER =
  /\b(?:oops|mistake|scratch that|correction|right (?:one|version)|actually|improved|final|corrected|fixed|complete|full|updated|better|revised|optimi[sz]ed|actual)\b/i;
const WORSE =
  /\b(?:do not|don't|avoid|not like this|instead of|wrong|bad|incorrect|buggy|vulnerable|unsafe|naive|before|previous(?:ly)?|original|old(?:er)?|current)\b[^\n]{0,40}$/i;
const DECLARED =
  /^[ \t]*(?:export )?(?:default )?(?:pub(?:\([^)]*\))? |public |private |protected |internal |static |abstract |final |async |unsafe )*(?:function\*?|class|interface|type|enum|struct|trait|impl|def|fn|func|fun|module|namespace|record|object)\s+(?:\([^)]*\)\s*)?([\p{L}_$][\p{L}\p{N}_$]*)/gmu;
export function blocksIn(text: string): Block[] {
  const lines = text.split(/\r?\n/);
  return fencedBlocks(text)
    .filter((block) => block.text.trim() !== '')
    .map((block) => {
      let above = block.startLine - 3;
      while (above > 0 && (lines[above] ?? '').trim() === '') above -= 1;
      const lead = (lines[above] ?? '').trimEnd();
      const own = {
        lead: lead.startsWith('```') ? '' : lead,
        path: pathOf(block, lead),
        declares: declared(block.text),
      };
      return { ...block, ...own, text: plainLines(withFirstLine(block), block.language) };
    });
}

/** Code that begins on the line of its fence. */
function withFirstLine({ info, text }: FencedBlock): string {
  const first =
    /^[\w+#.-]+ +((?:def|class|import|from|function|const|let|var|package|export|public|func|fn|select|create|#include)\b.*[^\s"'])$/i.exec(
      info,
    )?.[1];
  return first === undefined ? text : `${first}\n${text}`;
}

/** An absolute one is taken from where the project is. */
const FILE = /(?:[A-Za-z]:)?[\\/]?[\w@.-]+(?:[\\/][\w@.-]+)*\.[A-Za-z][A-Za-z0-9]{0,9}|Dockerfile|Makefile/;

/** `ts title="src/a.ts"`, `ts:src/a.ts`, **src/a.ts** above, or a first comment that is only a path. */
function pathOf({ info, text }: FencedBlock, lead: string): string | null {
  const inInfo = new RegExp(`(?:^|[:=\\s"'])(${FILE.source})["']?\\s*$`).exec(info)?.[1];
  const heading = new RegExp(
    `^[#*=\\s\\d.)-]*(?:file(?:name)?:?\\s*)?[*\`"]*(${FILE.source})[*\`"]*\\s*(?:\\([^)]*\\))?:?[*\`=\\s-]*$`,
    'i',
  );
  const inComment = new RegExp(
    `^(?://|#|--|/\\*|<!--)\\s*(?:file(?:name)?:\\s*)?(${FILE.source})\\s*(?:\\*/|-->)?$`,
    'i',
  );
  const found =
    inInfo ??
    heading.exec(lead.trim())?.[1] ??
    announced(lead) ??
    inComment.exec(text.split('\n', 1)[0]?.trim() ?? '')?.[1];
  if (found === undefined) return null;
  const path = found.replaceAll('\\', '/').replace(/^(?:[A-Za-z]:)?\/+/, '');
  return path.split('/').includes('..') ? null : path.slice(0, PATH_CHARS_MAX);
}

/** "Then create `src/b.ts`:": the one path that the line before a block names. */
function announced(lead: string): string | undefined {
  const quoted = [...lead.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*/g)].map((match) => match[1] ?? match[2] ?? '');
  const paths = quoted.filter((one) => new RegExp(`^(?:${FILE.source})$`).test(one));
  return /[:：]\s*$/.test(lead) && paths.length === 1 ? paths[0] : undefined;
}

/** A page in three blocks without names: its style and its script belong to it, under the names that it gives them. */
export function withPartsNamed(blocks: readonly Block[], asked: string | null): readonly Block[] {
  const page = blocks.find(({ language, path }) => language === 'html' && path === null);
  if (asked !== 'html' || page === undefined) return blocks;
  const names = new Map([
    ['html', 'index.html'],
    ['css', /<link\b[^>]*\bhref="([\w./-]+\.css)"/i.exec(page.text)?.[1] ?? 'style.css'],
    ['javascript', /<script\b[^>]*\bsrc="([\w./-]+\.m?js)"/i.exec(page.text)?.[1] ?? 'script.js'],
  ]);
  return blocks.map((block) => {
    const path = names.get(block.language);
    const isFirst = blocks.find(({ language }) => language === block.language) === block;
    return block.path === null && path !== undefined && isFirst ? { ...block, path } : block;
  });
}

/** The blocks that are source text: no output, no commands beside a program, no example of its use. */
export function sourcesAmong(blocks: readonly Block[], asked: string | null, prompt: string): Block[] {
  const noOutput = unlessNone(blocks, ({ language }) => !OUTPUT.has(language));
  const alike = asked === null ? [] : noOutput.filter(({ language }) => sameLanguage(language, asked));
  // JavaScript beside TypeScript is another version of the same.
  const wanted = unlessNone(alike, ({ language, path }) => language === asked || path !== null);
  const program = wanted.length > 0 ? keepNamed(noOutput, wanted) : noOutput;
  const noCommands =
    asked === 'shell' ? scriptAmong(program) : unlessNone(program, ({ language }) => language !== 'shell');
  const noUsage = unlessNone(noCommands, (block) => !isUsage(block, noCommands));
  const noTests = /\btests?\b|\btested\b|\bspecs?\b/i.test(prompt)
    ? noUsage
    : unlessNone(noUsage, (block) => block.path !== null || !isTest(block));
  return withoutVersions(noTests);
}

/** Beside a script that says what runs it, lines without that are how it is called. */
function scriptAmong(blocks: readonly Block[]): readonly Block[] {
  return unlessNone(blocks, ({ text, path }) => path !== null || text.startsWith('#!'));
}

/** Tests of the code, in words above it or by what they are written with. */
function isTest({ lead, text }: Block): boolean {
  return (
    /\btests?\b[^\n]{0,40}[:.]?$/i.test(lead) &&
    /\b(?:assert\w*|expect|unittest|pytest|describe|it|test\w*|testing)\b/i.test(text)
  );
}

/** Files of another language than the asked one belong to it when they have names: a page beside its script. */
function keepNamed(all: readonly Block[], wanted: readonly Block[]): readonly Block[] {
  return wanted.some(({ path }) => path !== null)
    ? all.filter((one) => one.path !== null || wanted.includes(one))
    : wanted;
}

function unlessNone<T>(list: readonly T[], keep: (one: T) => boolean): readonly T[] {
  const kept = list.filter(keep);
  return kept.length > 0 ? kept : list;
}

function declared(text: string): string[] {
  return [...text.matchAll(DECLARED)].map((match) => match[1] ?? '');
}

function isUsage(block: Block, among: readonly Block[]): boolean {
  const others = among.filter((one) => one !== block);
  if (others.length === 0 || block.path !== null) return false;
  const first = block.text.trimStart().split('\n', 1)[0] ?? '';
  const says = USAGE.test(block.lead) || /^(?:\/\/|#|--|\/\*)\s*(?:usage|example|test)\b/i.test(first);
  const declaresNothing = block.declares.length === 0;
  const names = others.flatMap(({ declares }) => declares);
  return declaresNothing ? says || names.some((name) => block.text.includes(name)) : says && !BETTER.test(block.lead);
}

/** Of two versions of the same thing the one that is called better, or not worse, else the first. */
function withoutVersions(blocks: readonly Block[]): Block[] {
  const kept: Block[] = [];
  for (const block of blocks) {
    const names = new Set(block.declares);
    const at = kept.findIndex((one) => one.path === block.path && one.declares.some((name) => names.has(name)));
    const earlier = kept[at];
    if (earlier === undefined) kept.push(block);
    else if (isWorse(earlier) || (!isWorse(block) && (BETTER.test(block.lead) || !earlier.closed))) kept[at] = block;
  }
  return kept;
}

/** Shown to say what not to write, or what was there. */
function isWorse({ lead, text }: Block): boolean {
  const comment = /^(?:\/\/|#|--|\/\*|<!--)([^\n]*)/.exec(text.trimStart())?.[1] ?? '';
  return [lead, comment].some((said) => WORSE.test(said));
}

const ALIKE: readonly (readonly string[])[] = [
  ['typescript', 'tsx', 'javascript', 'jsx'],
  ['c', 'cpp'],
];

export function sameLanguage(one: string, other: string): boolean {
  return one === other || ALIKE.some((family) => family.includes(one) && family.includes(other));
}
