/**
 * Finds the code to review inside a prompt: a fenced block, or a prompt that is code as a whole.
 * Owns this decision only; it does not judge the code.
 */
import { type FencedBlock, fencedBlocks } from './fenced-blocks.ts';
import { guessLanguage, languageInPrompt } from './languages.ts';

export interface ExtractedCode {
  readonly language: string;
  readonly text: string;
}

/** Below this share of code-like lines a text is prose that mentions code. */
const CODE_LINES_MIN = 0.5;
const CODE_LINE =
  /[;{}()[\],:]\s*$|^\s*(?:import|from|export|const|let|var|function|class|interface|type|def|return|if|for|while|async|await|elif|else|try|except|catch|@|#|\/\/|\*|<\w)|=>|^\s*[\w.[\]]+\s*[+-]?=\s*\S|^\s*"[^"]*"\s*:/;
/** Words that open a request in prose: such a line is not code, however it ends. */
const REQUEST_LINE =
  /^\s*(?:please\b|can you\b|could you\b|review\b|check\b|what\b|is this\b|look at\b|here(?:'s| is)\b)/i;

/** The longest fenced block, else the code of a prompt that is mostly code, else null. */
export function extractCode(prompt: string): ExtractedCode | null {
  const block = longest(fencedBlocks(prompt).filter((candidate) => candidate.text.trim() !== ''));
  if (block !== null) {
    const language = block.language !== '' ? block.language : (languageInPrompt(prompt) ?? guessLanguage(block.text));
    return { language: language ?? '', text: block.text };
  }
  return wholePromptAsCode(prompt);
}

function longest(blocks: readonly FencedBlock[]): FencedBlock | null {
  return blocks.reduce<FencedBlock | null>(
    (best, block) => (best === null || block.text.length > best.text.length ? block : best),
    null,
  );
}

function wholePromptAsCode(prompt: string): ExtractedCode | null {
  const lines = prompt.split(/\r?\n/);
  const first = lines.findIndex((line) => line.trim() !== '');
  if (first === -1) return null;
  const opening = lines[first] ?? '';
  const asked = REQUEST_LINE.test(opening);
  // "Review this: function f() {}" on one line: the code stands behind the colon.
  const behindColon = asked ? /:\s*(\S.*)$/.exec(opening)?.[1] : undefined;
  const body = asked ? [behindColon ?? '', ...lines.slice(first + 1)] : lines.slice(first);
  const text = body.join('\n').trim();
  if (text === '') return null;
  const written = text.split('\n').filter((line) => line.trim() !== '');
  const codeLines = written.filter((line) => CODE_LINE.test(line)).length;
  if (codeLines / written.length < CODE_LINES_MIN) return null;
  const language = guessLanguage(text);
  if (language === null) return null;
  return { language: (asked ? languageInPrompt(opening) : null) ?? language, text };
}
