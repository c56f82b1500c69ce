/**
 * The code in a model's reply. Owns: which blocks are the code, which are files, examples or output, what a diff becomes,
 * and the faults that can be seen on the reply itself. Does not own: whether the code is right (code-checks/).
 *
 * 1. What the request names decides: its language before the fence's, and the fence's before a guess.
 * 2. A reply without code is no code: it is named as what it is, and never taken as source text.
 * 3. What was cut, or is in another language than was asked for, carries a fault that the reviewer counts as an error.
 */

import { type FencedBlock, fencedBlocks, withoutFencedBlocks } from '../../../code-checks/fenced-blocks.ts';
import { guessLanguage, languageInPrompt, languageName, languagesInPrompt } from '../../../code-checks/languages.ts';
import { citationsIn } from '../../../prompting/citations.ts';
import { EngineError } from '../../../prompting/engine-error.ts';
import type { CodeArtifact, CodeFile, Finding, HopInput, Passage } from '../../../schemas/events/generated.ts';
import { isCommentAlone, unwrapped, withoutPrompts } from './code-unwrapped.ts';
import { patched } from './patched.ts';

/** Limits of schemas/events/data/common.v1.json. */
const MAX = { citations: 20, explanationChars: 20_000, textChars: 200_000, files: 30, pathChars: 300 };

/** A block with what the reply says right before it. */
interface Block extends FencedBlock {
  readonly lead: string;
  readonly path: string | null;
  /** Names of what its text declares. */
  readonly declares: readonly string[];
}

interface Chosen {
  readonly language: string;
  readonly text: string;
  readonly around: string;
  readonly files?: CodeFile[];
  readonly faults: Finding[];
}

/** What blocks show that is no source text. */
const OUTPUT = new Set([
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
const BETTER = /\b(?:improved|final|corrected|fixed|complete|full|updated|better|revised|optimi[sz]ed|actual)\b/i;
const DECLARED =
  /^[ \t]*(?:export )?(?:default )?(?:pub(?:\([^)]*\))? |public |private |protected |internal |static |abstract |final |async |unsafe )*(?:function\*?|class|interface|type|enum|struct|trait|impl|def|fn|func|fun|module|namespace|record|object)\s+(?:\([^)]*\)\s*)?([\p{L}_$][\p{L}\p{N}_$]*)/gmu;
const REFUSAL =
  /^\W*(?:i(?:'m| am) (?:very |really |so )?sorry|sorry,|i (?:can(?:no|')?t|am (?:un|not )able|won't|will not|must decline|am not able)|as an ai|unfortunately,? i (?:can|am))/i;

/** @throws EngineError `engine_refused`, `engine_no_answer` when there is no code in the reply */
export function parseCode(
  text: string,
  input: HopInput,
  passages: readonly Passage[],
  { cut = false }: { readonly cut?: boolean } = {},
): CodeArtifact {
  const chosen = choose(text, input, cut);
  const faults = [...chosen.faults, ...wrongLanguage(chosen, input)];
  if (isCommentAlone(chosen.text, chosen.language)) faults.push(fault('no-code', 'There are comments and no code.'));
  if (cut && !faults.some(({ rule }) => rule === 'cut')) faults.push(cutFault());
  const { around, language, files } = chosen;
  const note = faults.some(({ rule }) => rule === 'cut') ? ' The reply ended inside the code.' : '';
  const explanation = `${around === '' ? 'The model gave no explanation.' : around}${note}`;
  return {
    ...{ language, text: `${chosen.text.trimEnd()}\n`.slice(0, MAX.textChars) },
    attempt: (input.code?.attempt ?? 0) + 1,
    explanation: explanation.slice(0, MAX.explanationChars),
    citations: citationsIn(around, passages).slice(0, MAX.citations),
    ...(files === undefined ? {} : { files }),
    ...(faults.length === 0 ? {} : { faults }),
  };
}

function fault(rule: string, message: string): Finding {
  return { severity: 'error', line: 0, rule, message };
}

function cutFault(): Finding {
  return fault('cut', 'The reply ended inside the code, so what follows is missing.');
}

function choose(reply: string, input: HopInput, cut: boolean): Chosen {
  const asked = languageInPrompt(input.prompt) ?? input.code?.language ?? null;
  const text = unwrapped(reply, asked);
  const blocks = blocksIn(text);
  if (blocks.length === 0) return unfenced(text, asked, { input, cut });
  const around = withoutFencedBlocks(text).trim();
  const diff = blocks.find(({ language, text: body }) => isDiff(language, body));
  if (diff !== undefined && blocks.every((block) => block === diff || OUTPUT.has(block.language))) {
    return fromDiff(diff, input, around);
  }
  const code = sourcesAmong(
    blocks.filter((block) => block !== diff),
    asked,
  );
  const faults = code.some(({ closed }) => !closed) ? [cutFault()] : [];
  const named = code.filter(({ path }) => path !== null);
  if (new Set(named.map(({ path }) => path)).size > 1) return { ...asFiles(named, asked), around, faults };
  const [main] = code;
  if (main === undefined) throw noCode(text, cut);
  const language = languageOf(code, asked);
  const parts = code.filter((block) => sameLanguage(languageOf([block], asked), language));
  return { language, text: joined(parts), around, faults };
}

function blocksIn(text: string): Block[] {
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
      return { ...block, ...own, text: withoutPrompts(block.text) };
    });
}

const FILE = /[\w@.-]+(?:\/[\w@.-]+)*\.[A-Za-z][A-Za-z0-9]{0,9}|Dockerfile|Makefile/;

/** `ts title="src/a.ts"`, `ts:src/a.ts`, **src/a.ts** above, or a first comment that is only a path. */
function pathOf({ info, text }: FencedBlock, lead: string): string | null {
  const inInfo = new RegExp(`(?:^|[:=\\s"'])(${FILE.source})["']?\\s*$`).exec(info)?.[1];
  const heading = new RegExp(
    `^[#*\\s\\d.)-]*(?:file(?:name)?:?\\s*)?[*\`"]*(${FILE.source})[*\`"]*\\s*(?:\\([^)]*\\))?:?[*\`]*$`,
    'i',
  );
  const inComment = new RegExp(
    `^(?://|#|--|/\\*|<!--)\\s*(?:file(?:name)?:\\s*)?(${FILE.source})\\s*(?:\\*/|-->)?$`,
    'i',
  );
  const found = inInfo ?? heading.exec(lead.trim())?.[1] ?? inComment.exec(text.split('\n', 1)[0]?.trim() ?? '')?.[1];
  return found === undefined || found.split('/').includes('..') ? null : found.slice(0, MAX.pathChars);
}

/** The blocks that are source text: no output, no commands beside a program, no example of its use. */
function sourcesAmong(blocks: readonly Block[], asked: string | null): Block[] {
  const noOutput = unlessNone(blocks, ({ language }) => !OUTPUT.has(language));
  const alike = asked === null ? [] : noOutput.filter(({ language }) => sameLanguage(language, asked));
  // JavaScript beside TypeScript is another version of the same.
  const wanted = unlessNone(alike, ({ language, path }) => language === asked || path !== null);
  const program = wanted.length > 0 ? keepNamed(noOutput, wanted) : noOutput;
  const noCommands = asked === 'shell' ? program : unlessNone(program, ({ language }) => language !== 'shell');
  const noUsage = unlessNone(noCommands, (block) => !isUsage(block, noCommands));
  return withoutVersions(noUsage);
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

/** Of two versions of the same thing the one that is called better, else the first. */
function withoutVersions(blocks: readonly Block[]): Block[] {
  const kept: Block[] = [];
  for (const block of blocks) {
    const names = new Set(block.declares);
    const at = kept.findIndex((one) => one.path === block.path && one.declares.some((name) => names.has(name)));
    const earlier = kept[at];
    if (earlier === undefined) kept.push(block);
    else if (BETTER.test(block.lead) || !earlier.closed) kept[at] = block;
  }
  return kept;
}

function joined(blocks: readonly Block[]): string {
  return blocks.map(({ text }) => text.trimEnd()).join('\n\n');
}

function asFiles(blocks: readonly Block[], asked: string | null): Pick<Chosen, 'language' | 'text' | 'files'> {
  const last = new Map(blocks.map((block) => [block.path ?? '', block]));
  const files = [...last].slice(0, MAX.files).map(([path, block]): CodeFile => {
    const ending = languageName(path.split('.').pop() ?? '');
    return { path, language: block.language === '' ? ending : block.language, text: `${block.text.trimEnd()}\n` };
  });
  const language = files.find((file) => asked !== null && sameLanguage(file.language, asked))?.language;
  const text = files.map((file) => `${comment(file.language, file.path)}\n${file.text.trimEnd()}`).join('\n\n');
  return { language: language ?? files[0]?.language ?? '', text, files };
}

function comment(language: string, path: string): string {
  if (['html', 'xml', 'markdown', 'svg'].includes(language)) return `<!-- ${path} -->`;
  if (['css', 'json'].includes(language)) return `/* ${path} */`;
  return ['python', 'shell', 'ruby', 'yaml', 'toml', 'dockerfile', 'perl', 'elixir'].includes(language)
    ? `# ${path}`
    : `${language === 'sql' || language === 'lua' ? '--' : '//'} ${path}`;
}

/** Of a fence that says another language than the text shows, the text; without a fence's word, what was asked for. */
function languageOf([block]: readonly Block[], asked: string | null): string {
  if (block === undefined) return asked ?? '';
  const guess = guessLanguage(block.text);
  const { language } = block;
  if (language === '')
    return (asked !== null && (guess === null || sameLanguage(guess, asked)) ? asked : guess) ?? asked ?? 'typescript';
  if (asked !== null && sameLanguage(language, asked)) return preferred(language, asked);
  // The fence is wrong and the text is what was asked for.
  return asked !== null && guess !== null && sameLanguage(guess, asked) ? asked : language;
}

/** JavaScript where TypeScript was asked for is checked as TypeScript; TSX stays TSX. */
function preferred(language: string, asked: string): string {
  return asked === 'typescript' && language === 'javascript' ? asked : language;
}

const ALIKE: readonly (readonly string[])[] = [
  ['typescript', 'tsx', 'javascript', 'jsx'],
  ['c', 'cpp'],
];

function sameLanguage(one: string, other: string): boolean {
  return one === other || ALIKE.some((family) => family.includes(one) && family.includes(other));
}

const GUESSED: ReadonlySet<string> = new Set(['python', 'typescript', 'tsx', 'javascript', 'jsx']);

/** Only a request that names one language is clear enough to call another one wrong. */
function wrongLanguage({ language, text }: Chosen, { prompt }: HopInput): Finding[] {
  const [asked, ...more] = languagesInPrompt(prompt);
  if (asked === undefined || more.length > 0) return [];
  // The guess tells only these from each other.
  const guess = GUESSED.has(asked) ? guessLanguage(text) : null;
  const shows = [language, ...(guess === null ? [] : [guess])];
  const stranger = shows.find((one) => one !== '' && !sameLanguage(one, asked) && isProgram(one));
  const types = asked === 'javascript' && guess === 'typescript' ? 'typescript' : undefined;
  const found = stranger ?? types;
  if (found === undefined) return [];
  return [fault('wrong-language', `It was asked for in ${asked}, and this is ${found}.`)];
}

/** What a guess may say against a request; data and markup may be part of any program. */
function isProgram(language: string): boolean {
  return !['json', 'yaml', 'html', 'css', 'markdown', 'dockerfile', 'toml', 'xml'].includes(language);
}

function isDiff(language: string, text: string): boolean {
  return ['diff', 'patch'].includes(language) || /^(?:--- \S.*\n\+\+\+ \S|@@ -\d+)/m.test(text);
}

function fromDiff(block: Block, { code }: HopInput, around: string): Chosen {
  const faults = block.closed ? [] : [cutFault()];
  const after = code === undefined ? null : patched(code.text, block.text);
  if (code !== undefined && after !== null) return { language: code.language, text: after, around, faults };
  const why = code === undefined ? 'there is no code yet that it could change' : 'it does not fit the code before it';
  const message = `The reply is a diff, and ${why}: the whole source text is needed.`;
  return { language: 'diff', text: block.text, around, faults: [...faults, fault('unapplied-diff', message)] };
}

const CODE_LINE =
  /[;{}]\s*$|^\s*(?:import|from \S+ import|export|const|let|var|function|class|interface|type \w+ ?=|def|return|if ?\(|for ?\(|while|async|elif|else:|try|except|@\w|#include|#!|package|use |fn|func|pub|public|private|struct|select\b|create (?:table|view|index)|insert into|update \w|with \w+ as|<\/?[a-z!])|=>|^\s*[\w.[\]]+(?:: \w+)? ?[+-]?=\s*\S|^\s{2,}\S/i;
/** Of the lines that are taken for code. */
const CODE_SHARE_MIN = 0.6;

/** A reply without a fence: the part of it that is code, if there is one. */
function unfenced(
  text: string,
  asked: string | null,
  { input, cut }: { readonly input: HopInput; readonly cut: boolean },
): Chosen {
  if (isDiff('', text)) return fromDiff(asBlock(text), input, '');
  const lines = text.split(/\r?\n/);
  const isCode = (line: string): boolean =>
    CODE_LINE.test(line) && !/^[A-Z][^(){};=]*[a-z]{2,}[.:!?]$/.test(line.trim()) && !isProse(line.trim());
  const from = lines.findIndex(isCode);
  const to = lines.findLastIndex(isCode);
  const body = from === -1 ? [] : lines.slice(from, to + 1);
  const written = body.filter((line) => line.trim() !== '');
  const share = written.filter((line) => isCode(line) || line.trim().length < 3).length / Math.max(1, written.length);
  const source = body.join('\n');
  const guess = guessLanguage(source);
  if (written.length === 0 || share < CODE_SHARE_MIN || (guess === null && asked === null && written.length < 3)) {
    throw noCode(text, cut);
  }
  const language =
    (asked !== null && (guess === null || sameLanguage(guess, asked)) ? asked : guess) ?? asked ?? 'typescript';
  const around = [...lines.slice(0, from), ...lines.slice(to + 1)].join('\n').trim();
  return { language, text: source, around, faults: [] };
}

/** A sentence that names code in backticks. */
function isProse(line: string): boolean {
  return /^[A-Z][a-z]+ .*`[^`]+`.*$/.test(line) && !/[;{}]$/.test(line);
}

function asBlock(text: string): Block {
  return {
    language: 'diff',
    info: '',
    text,
    startLine: 1,
    endLine: 1,
    closed: true,
    lead: '',
    path: null,
    declares: [],
  };
}

function noCode(text: string, cut: boolean): EngineError {
  const said = text.trim().replace(/\s+/g, ' ').slice(0, 400);
  const limit = cut ? ' It was cut at the token limit.' : '';
  return REFUSAL.test(text)
    ? new EngineError('engine_refused', `it wrote no code but this: “${said}”`, { retryable: false })
    : new EngineError('engine_no_answer', `The model wrote no code but this: “${said}”.${limit}`, { retryable: false });
}
