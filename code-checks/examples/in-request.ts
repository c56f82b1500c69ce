/**
 * The examples and tests in a request, as a person writes them: `add(1, 2) → 3`, `slugify("A b") should return "a-b"`,
 * `expect(add(1, 2)).toBe(3)`, a fenced test, a fenced script with its results in comments. Owns: finding them. Does not
 * own: whether they can be run (compile.ts).
 *
 * Only what is a call with a literal beside it is an example: of everything else it would have to be guessed what is meant.
 */
import { fencedBlocks, withoutFencedBlocks } from '../fenced-blocks.ts';

export type Found =
  /** A call, and the literal that it is to give; null: it is to throw. */
  | { readonly kind: 'call'; readonly call: string; readonly expected: string | null; readonly stressed: boolean }
  /** Statements that assert, or register tests. */
  | { readonly kind: 'test'; readonly text: string };

/** Longer than this a request is not looked through. */
const REQUEST_CHARS_MAX = 50_000;
const CALL = /(?<![\w$.])(?:new\s+)?[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*\s*\(/g;
const RELATION =
  /[`'"]?[ \t]*(?:→|⇒|⟶|=>|->|==>|={1,3}(?!=)|\|(?!\|)|\/\/[ \t]*(?:=>|->|→|returns?:?|=+)?|#[ \t]*(?:=>|->|→)?|(?:(?:should|must|will|would|has to|needs to|to|which|it|and)[ \t]+)*(?:returns?|gives?|yields?|equals?|produces?|becomes?|is|be|are|evaluates?[ \t]+to|results?[ \t]+in)(?:[ \t]+(?:exactly|equal[ \t]+to|the[ \t]+(?:string|number|array|object|value|list)))*:?)[ \t]*[`]?(?=\S)/y;
const THROWS = /[`'"]?[ \t]*(?:→|=>|->)?[ \t]*(?:(?:should|must|will|has to|to)[ \t]+)*(?:throws?|rejects?|raises?)\b/y;
const ASSERTION = /^[ \t]*(?:await[ \t]+)?(?:expect|assert(?:\.\w+)*)[ \t]*\(.*\)[ \t]*;?[ \t]*$/;
const TESTS = /\b(?:expect|assert(?:\.\w+)?|test|it|describe)\s*\(/;
const RESULT_IN_COMMENT = /\)[ \t]*;?[ \t]*\/\/[ \t]*\S/;
const CODE_FENCES: ReadonlySet<string> = new Set(['', 'typescript', 'javascript', 'tsx', 'jsx']);

/** Whether it is worth looking: a request without a call has no example. */
export function mayHaveExamples(prompt: string): boolean {
  return prompt.length <= REQUEST_CHARS_MAX && /[\w$]\s*\([^\n]*\)/.test(prompt);
}

export function examplesIn(prompt: string): Found[] {
  if (!mayHaveExamples(prompt)) return [];
  const found: Found[] = [];
  const blocks = fencedBlocks(prompt).filter(({ language }) => CODE_FENCES.has(language));
  for (const { text } of blocks) {
    if (TESTS.test(text) || RESULT_IN_COMMENT.test(text)) found.push({ kind: 'test', text });
    else found.push(...text.split('\n').flatMap(callsIn));
  }
  for (const line of withoutFencedBlocks(prompt).split('\n')) {
    const bare = line.replace(/^[ \t]*(?:[-*+]|\d+[.)])[ \t]+/, '').replace(/^`(.*)`$/, '$1');
    if (ASSERTION.test(bare)) found.push({ kind: 'test', text: bare });
    else found.push(...callsIn(line));
  }
  return found;
}

function callsIn(line: string): Found[] {
  const found: Found[] = [];
  let from = 0;
  for (const { index, 0: opening } of line.matchAll(CALL)) {
    if (index < from) continue;
    const end = endOfCall(line, index + opening.length - 1);
    if (end === null) continue;
    const call = unwrapped(line.slice(index, end));
    const stressed = isStressed(line, index);
    THROWS.lastIndex = end;
    RELATION.lastIndex = end;
    if (THROWS.test(line)) {
      found.push({ kind: 'call', call, expected: null, stressed });
      from = THROWS.lastIndex;
    } else if (RELATION.test(line)) {
      const literal = literalAt(line, RELATION.lastIndex);
      if (literal === null) continue;
      found.push({ kind: 'call', call, expected: literal.text, stressed });
      from = literal.end;
    }
  }
  return found;
}

/** Named as what is to be written: in backticks, or on a line of its own. */
function isStressed(line: string, index: number): boolean {
  const before = line.slice(0, index);
  return (
    before.endsWith('`') || /^[ \t]*(?:[-*+]|\d+[.)])?[ \t]*(?:(?:e\.?g\.?|examples?|input)[:,]?[ \t]*)?$/i.test(before)
  );
}

/** `console.log(add(1, 2))` and `print(add(1, 2))` are about what stands inside. */
function unwrapped(call: string): string {
  const inner = /^(?:console\.log|print(?:ln)?|puts|echo)\s*\(([\s\S]*)\)$/.exec(call)?.[1];
  return inner === undefined || !inner.includes('(') ? call : inner.trim();
}

/** The place after the call and what is chained to it; null when it does not end on this line. */
function endOfCall(line: string, opening: number): number | null {
  let end = closing(line, opening);
  while (end !== null) {
    const chained = /^(?:\.[A-Za-z_$][\w$]*|\?\.[A-Za-z_$][\w$]*)?\(/.exec(line.slice(end));
    if (chained === null) {
      const property = /^(?:\.[A-Za-z_$][\w$]*)+(?![\w$(])(?=\s|`|$)/.exec(line.slice(end));
      return end + (property?.[0].length ?? 0);
    }
    end = closing(line, end + chained[0].length - 1);
  }
  return null;
}

const PAIRS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** The place after the bracket that closes the one at `opening`, strings passed over. */
function closing(text: string, opening: number): number | null {
  const open: string[] = [];
  for (let at = opening; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '"' || character === "'" || character === '`') {
      const end = endOfString(text, at);
      if (end === null) return null;
      at = end - 1;
    } else if (PAIRS[character] !== undefined) open.push(PAIRS[character]);
    else if (character === ')' || character === ']' || character === '}') {
      if (open.pop() !== character) return null;
      if (open.length === 0) return at + 1;
    }
  }
  return null;
}

function endOfString(text: string, from: number): number | null {
  const quote = text[from];
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === quote) return at + 1;
  }
  return null;
}

const WORDS = /(?:true|false|null|undefined|NaN|-?Infinity)(?![\w$])/y;
const NUMBER = /-?(?:0x[\da-f]+|\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?n?)(?![\w$])/iy;
const MADE = /new (?:Map|Set|Date|Uint8Array)\s*(?=\()/y;
/** What may stand behind a literal; anything else makes it part of a longer expression. */
const BEHIND =
  /^(?:\s*$|[`,;:!?)|]|\.(?:\s|$)|\s+(?![+*/%&^<>=?.-]|\|\||of\b|or (?:more|less|fewer)|when\b|if\b|unless\b|elements?\b|items?\b|characters?\b|times?\b))/;

export function literalAt(line: string, from: number): { text: string; end: number } | null {
  const end = literalEnd(line, from);
  if (end === null || !BEHIND.test(line.slice(end))) return null;
  return { text: line.slice(from, end), end };
}

function literalEnd(line: string, from: number): number | null {
  const first = line[from] ?? '';
  if (first === '"' || first === "'") return endOfString(line, from);
  if (first === '[' || first === '{') return closing(line, from);
  for (const pattern of [WORDS, NUMBER, MADE]) {
    pattern.lastIndex = from;
    const found = pattern.exec(line);
    if (found !== null) return pattern === MADE ? closing(line, from + found[0].length) : from + found[0].length;
  }
  return null;
}
