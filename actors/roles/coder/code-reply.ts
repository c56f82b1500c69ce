/**
 * The code in a model's reply. Owns: what is made of its blocks, files or one text, what a diff becomes, and the faults that
 * can be seen on the reply itself. Does not own: which blocks are source text (source-blocks.ts), or whether the code is right
 * (code-checks/).
 *
 * 1. What the request names decides: its language before the fence's, and the fence's before a guess.
 * 2. A reply without code is no code: it is named as what it is, and never taken as source text.
 * 3. What was cut, or is in another language than was asked for, carries a fault that the reviewer counts as an error.
 */

import { withoutFencedBlocks } from '../../../code-checks/fenced-blocks.ts';
import { guessLanguage, languageInPrompt, languageName, languagesInPrompt } from '../../../code-checks/languages.ts';
import { citationsIn } from '../../../prompting/citations.ts';
import { EngineError } from '../../../prompting/engine-error.ts';
import type { CodeArtifact, CodeFile, Finding, HopInput, Passage } from '../../../schemas/events/generated.ts';
import { kindsAskedFor } from './asked-things.ts';
import { isCommentAlone, outdented } from './code-lines.ts';
import { unwrapped, withoutOuterFence } from './code-unwrapped.ts';
import { missingCode } from './missing-code.ts';
import { addedIn, isBareHunk, patched, replaced } from './patched.ts';
import { type Block, blocksIn, OUTPUT, sameLanguage, sourcesAmong, withPartsNamed } from './source-blocks.ts';

/** Limits of schemas/events/data/common.v1.json. */
const MAX = { citations: 20, explanationChars: 20_000, textChars: 200_000, files: 30 };

interface Chosen {
  readonly language: string;
  readonly text: string;
  readonly around: string;
  readonly files?: CodeFile[];
  readonly faults: Finding[];
}

const REFUSAL =
  /^\W*(?:i(?:'m| am) (?:very |really |so )?sorry|sorry,|i (?:can(?:no|')?t|am (?:un|not )able|won't|will not|must decline|am not able)|as an ai|unfortunately,? i (?:can|am)|es tut mir leid|leider kann ich|désolée?|je ne peux pas|lo siento|no puedo|mi dispiace|non posso|desculpe|não posso|извините|к сожалению|я не могу|抱歉|对不起|對不起|很遗憾|我(?:无法|不能)|申し訳|すみません|죄송)/i;

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
  const missing = missingCode(chosen, input.prompt);
  if (missing !== null) faults.push(fault('no-code', missing));
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
  const blocks = withPartsNamed(blocksIn(text), asked);
  if (asked === 'markdown') return asDocument(text, blocks);
  if (blocks.length === 0) return unfenced(text, asked, { input, cut });
  const around = withoutFencedBlocks(text).trim();
  const diffs = blocks.filter((block) => isDiff(block, input));
  if (diffs.length > 0 && blocks.every((block) => diffs.includes(block) || OUTPUT.has(block.language))) {
    return fromDiffs(diffs, input, around);
  }
  const code = sourcesAmong(
    blocks.filter((block) => !diffs.includes(block)),
    asked,
    input.prompt,
  );
  const faults = code.some(({ closed }) => !closed) ? [cutFault()] : [];
  const named = code.filter(({ path }) => path !== null);
  if (new Set(named.map(({ path }) => path)).size > 1) return { ...asFiles(named, asked), around, faults };
  const [main] = code;
  if (main === undefined || (REFUSAL.test(main.text) && guessLanguage(main.text) === null)) throw noCode(text, cut);
  const language = languageOf(code, asked);
  const parts = code.filter((block) => sameLanguage(languageOf([block], asked), language));
  return { language, text: joined(parts), around, faults };
}

/** What is written in Markdown has fences of its own: it is what a fence around it holds, or all of the reply. */
function asDocument(reply: string, blocks: readonly Block[]): Chosen {
  if (REFUSAL.test(reply)) throw noCode(reply, false);
  const inner = withoutOuterFence(reply);
  const block = inner === reply ? blocks.find(({ language }) => language === 'markdown') : undefined;
  const faults = block?.closed === false ? [cutFault()] : [];
  return { language: 'markdown', text: block?.text ?? inner, around: '', faults };
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
  const text = files.map(named).join('\n\n');
  return { language: language ?? files[0]?.language ?? '', text, files };
}

/** Under its path, unless it begins with that itself. */
function named({ path, language, text }: CodeFile): string {
  const says = (text.split('\n', 1)[0] ?? '').includes(path);
  return says ? text.trimEnd() : `${comment(language, path)}\n${text.trimEnd()}`;
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
  // A fence of text or of a terminal may hold what was asked for as well.
  if (language === '' || (asked !== null && OUTPUT.has(language)))
    return (asked !== null && (guess === null || sameLanguage(guess, asked)) ? asked : guess) ?? asked ?? 'typescript';
  if (asked !== null && sameLanguage(language, asked)) return preferred(language, asked);
  // The fence is wrong and the text is what was asked for.
  return asked !== null && guess !== null && sameLanguage(guess, asked) ? asked : language;
}

/** JavaScript where TypeScript was asked for is checked as TypeScript; TSX stays TSX. */
function preferred(language: string, asked: string): string {
  return asked === 'typescript' && language === 'javascript' ? asked : language;
}

const GUESSED: ReadonlySet<string> = new Set(['python', 'typescript', 'tsx', 'javascript', 'jsx']);

/** Only a request that names one language is clear enough to call another one wrong. */
function wrongLanguage({ language, text, files }: Chosen, { prompt }: HopInput): Finding[] {
  const [asked, ...more] = languagesInPrompt(prompt);
  // What is wrong with a diff that does not fit is said already.
  if (asked === undefined || more.length > 0 || language === 'diff') return [];
  // The guess tells only these from each other.
  const guess = GUESSED.has(asked) ? guessLanguage(text) : null;
  const shows = [language, ...(guess === null ? [] : [guess])];
  const stranger = shows.find(
    (one) =>
      one !== '' &&
      !sameLanguage(one, asked) &&
      (isProgram(one) || (files === undefined && !belongs(one, text, asked, prompt))),
  );
  const types = asked === 'javascript' && guess === 'typescript' ? 'typescript' : undefined;
  const found = stranger ?? types;
  if (found === undefined) return [];
  return [fault('wrong-language', `It was asked for in ${asked}, and this is ${found}.`)];
}

/** What a guess may say against a request; data and markup may be part of any program. */
function isProgram(language: string): boolean {
  return !['json', 'yaml', 'html', 'css', 'markdown', 'dockerfile', 'toml', 'xml'].includes(language);
}

/** A list of settings, or a page, may belong to a program; alone it is none, unless it is what was asked for. */
function belongs(language: string, text: string, asked: string, prompt: string): boolean {
  if (language === 'html' && sameLanguage(asked, 'javascript')) return /<script\b/i.test(text);
  if (language === 'html' && asked === 'css') return /<style\b/i.test(text);
  if (language === 'markdown') return true;
  if (language === 'css') return /\bstyl|\btheme/i.test(prompt);
  const kinds = kindsAskedFor(prompt);
  return kinds.has('data') && !kinds.has('body');
}

function isDiff({ language, text }: Pick<Block, 'language' | 'text'>, { code }: Pick<HopInput, 'code'> = {}): boolean {
  return (
    ['diff', 'patch'].includes(language) ||
    /^(?:--- \S.*\n\+\+\+ \S|@@ -\d+|<{5,9} ?SEARCH\s*$|\*\*\* (?:Begin Patch|Update File:))/m.test(text) ||
    (code !== undefined && isBareHunk(text))
  );
}

/** Several are changes one after the other. */
function fromDiffs(blocks: readonly Block[], { code, prompt }: HopInput, around: string): Chosen {
  const faults = blocks.every(({ closed }) => closed) ? [] : [cutFault()];
  const text = blocks.map((block) => block.text).join('\n');
  const after = blocks.reduce<string | null>(
    (before, block) => (before === null ? null : (replaced(before, block.text) ?? patched(before, block.text))),
    code?.text ?? null,
  );
  const made = code === undefined ? addedIn(text) : null;
  if (made !== null) {
    const language = languageInPrompt(prompt) ?? guessLanguage(made) ?? '';
    return { language, text: made, around, faults };
  }
  if (code !== undefined && after !== null) return { language: code.language, text: after, around, faults };
  const why = code === undefined ? 'there is no code yet that it could change' : 'it does not fit the code before it';
  const message = `The reply is a diff, and ${why}: the whole source text is needed.`;
  return { language: 'diff', text, around, faults: [...faults, fault('unapplied-diff', message)] };
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
  if (isDiff({ language: '', text })) return fromDiffs([asBlock(text)], input, '');
  const lines = text.split(/\r?\n/);
  const isCode = (line: string): boolean =>
    CODE_LINE.test(line) && !/^[A-Z][^(){};=]*[a-z]{2,}[.:!?]$/.test(line.trim()) && !isProse(line.trim());
  const from = lines.findIndex(isCode);
  const to = lines.findLastIndex(isCode);
  const body = from === -1 ? [] : lines.slice(from, to + 1);
  const written = body.filter((line) => line.trim() !== '');
  const share = written.filter((line) => isCode(line) || line.trim().length < 3).length / Math.max(1, written.length);
  const source = outdented(body.join('\n'));
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
