/**
 * What models write around their answers: thoughts, tokens of their chat templates, control characters. Owns: telling
 * these from the answer in a finished text. Does not own: the same while text arrives (thinking-filter.ts).
 *
 * Inside of code (a closed fence, or backticks) a tag is what somebody wrote about, and stays.
 */

/** Pairs of tags around thoughts, of the open model families in use. */
const THOUGHTS: readonly (readonly [open: string, close: string])[] = [
  ['<think>', '</think>'],
  ['<thinking>', '</thinking>'],
  ['<thought>', '</thought>'],
  ['<thoughts>', '</thoughts>'],
  ['<reasoning>', '</reasoning>'],
  ['<reflection>', '</reflection>'],
  ['[begin of thought]', '[end of thought]'],
  ['<seed:think>', '</seed:think>'],
  ['[think]', '[/think]'],
  ['◁think▷', '◁/think▷'],
  ['<|begin_of_thought|>', '<|end_of_thought|>'],
  ['<|start_thinking|>', '<|end_thinking|>'],
  ['<unused94>', '<unused95>'],
  ['<|channel>thought', '<channel|>'],
  ['<|inner_prefix|>', '<|inner_suffix|>'],
  // As a proxy shows the thoughts of its models.
  ['<details type="reasoning"', '</details>'],
  ['<|channel|>analysis<|message|>', '<|end|>'],
  ['<|channel|>commentary<|message|>', '<|end|>'],
];
export const OPENINGS: readonly string[] = THOUGHTS.map(([open]) => open);
export const CLOSINGS: readonly string[] = THOUGHTS.map(([, close]) => close);
/** Of those, which also end what is no thought. */
const NOT_ALONE: ReadonlySet<string> = new Set(['<|end|>', '</details>']);

/** Tokens that only announce what follows. */
export const ANNOUNCING: readonly string[] = [
  '<|start|>assistant',
  '<|channel|>final<|message|>',
  '<|channel|>final <|constrain|>json<|message|>',
  '<|begin_of_box|>',
  '<|im_start|>assistant<|im_sep|>',
  '<|im_start|>assistant',
  '<|header_start|>assistant<|header_end|>',
  '<|start_of_role|>assistant<|end_of_role|>',
  '<|start_of_turn_token|><|chatbot_token|>',
  '<|assistant_start|>',
  '<｜assistant｜>',
  '<|start_header_id|>assistant<|end_header_id|>',
  '<start_of_turn>model',
  '<|assistant|>',
  '<|start_response|>',
  '<|begin_of_solution|>',
  '<|begin_of_text|>',
  '<bos>',
  '<s>',
];
/** Tokens after which a model talks to itself. */
export const ENDING: readonly string[] = [
  ...['<|im_end|>', '<|im_start|>', '<|eot_id|>', '<|eom_id|>', '<|end_of_text|>', '<|endoftext|>', '<|end|>'],
  ...['<|return|>', '<|start_header_id|>', '<|end_response|>', '<|end_of_solution|>', '<|user|>', '<|system|>'],
  ...[
    '<end_of_turn>',
    '<start_of_turn>',
    '</s>',
    '[/inst]',
    '<｜end▁of▁sentence｜>',
    '<|end_of_turn|>',
    '<|end_of_turn_token|>',
    '<|end_of_box|>',
    '<|eot|>',
    '<|header_start|>',
    '<|start_of_role|>',
    '<|assistant_end|>',
    '<｜user｜>',
    '<end_of_utterance>',
  ],
];

/** Any of the tokens, wherever it stands. */
function anyOf(tokens: readonly string[]): RegExp {
  return new RegExp(tokens.map((token) => token.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'), 'g');
}

const THOUGHT_MARKS = anyOf([...OPENINGS, ...CLOSINGS.filter((close) => !NOT_ALONE.has(close))]);
const ENDINGS = anyOf(ENDING);
const ENDINGS_OF_PAGES = anyOf(ENDING.filter((token) => token !== '</s>'));
const ANNOUNCING_CHARS_MAX = Math.max(...ANNOUNCING.map((token) => token.length));

/** In lower case, each character at its place: `İ` becomes two, and would move all that follows. */
export function lowerInPlace(text: string): string {
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Around a whole answer; anywhere else they are part of it. */
export const FRAME = ['<answer>', '</answer>'] as const;
/** The name of the speaker, of a template that was read in part. */
const SPEAKER = /^(?:assistant[ \t]*\n|### Response:)\s*/;
/** Thoughts whose marks were taken for special and left out (gpt-oss), or are words (Granite). */
const UNMARKED = [
  /^\s*analysis(?=[A-Z])[\s\S]*?assistantfinal\s*/,
  /^\s*Here(?: is|'s) my thought process:[\s\S]*?\bHere(?: is|'s) my response:\s*/,
] as const;
/** What was asked, said again in the form of a template. */
const ECHO = /^\s*(?:<s>\s*)?\[INST\][\s\S]*?\[\/INST\]\s*/i;
/** Filling behind the end. */
const FILLING = /(?<!<(?:eos|pad|unk)>\s{0,4})(?:<(?:eos|pad|unk)>\s{0,4})+$/i;

/** The reply without thoughts, template tokens and control characters. */
export function replyIn(text: string): string {
  return withoutFrame(withoutTemplate(withoutThinking(unmarked(cleanText(text)))));
}

function unmarked(text: string): string {
  return UNMARKED.reduce((rest, thoughts) => rest.replace(thoughts, ''), text);
}

function withoutFrame(text: string): string {
  const said = text.replace(SPEAKER, '');
  const [open, close] = FRAME;
  const lower = lowerInPlace(said.trim());
  if (!lower.startsWith(open)) return said;
  const inner = said.trim().slice(open.length);
  return (lower.endsWith(close) ? inner.slice(0, -close.length) : inner).trim();
}

/** Removes the thoughts of reasoning models; what is left is the reply. */
export function withoutThinking(text: string): string {
  const lower = lowerInPlace(text);
  let code = codeRanges(text, 0);
  let kept = '';
  let from = 0;
  // The search goes on behind each pair, so that it ends however often a model thinks.
  for (;;) {
    const mark = nextMark(THOUGHT_MARKS, { text, lower, code, from });
    if (mark === null) return (kept + text.slice(from)).replace(/^\s*\n/, '').trimStart();
    const { at, token } = mark;
    let behind = at + token.length;
    // The template opened the thoughts in the prompt: all before their end is thought.
    if (CLOSINGS.includes(token)) kept = '';
    else {
      kept += text.slice(from, at);
      const close = THOUGHTS.find(([open]) => open === token)?.[1] ?? '';
      const end = lower.indexOf(close, behind);
      if (end === -1) return kept.trim();
      behind = end + close.length;
    }
    from = behind + (/^\s*/.exec(text.slice(behind))?.[0].length ?? 0);
    // A fence that a thought left open pairs with none of the answer, and one that follows it begins a line now.
    if (isWithin(code, behind) || /[`~]/.test(text.charAt(from))) code = codeRanges(text, from);
  }
}

function withoutTemplate(text: string): string {
  let reply = text.replace(ECHO, '').replace(FILLING, '');
  for (let announced = true; announced; ) {
    const start = lowerInPlace(reply.trimStart().slice(0, ANNOUNCING_CHARS_MAX));
    const token = ANNOUNCING.find((one) => start.startsWith(one));
    announced = token !== undefined;
    if (token !== undefined) reply = reply.trimStart().slice(token.length);
  }
  const lower = lowerInPlace(reply);
  // In HTML it ends what is struck through.
  const strikes = lower.slice(0, Math.max(0, lower.lastIndexOf('<s>'))).trim() !== '';
  const marks = strikes ? ENDINGS_OF_PAGES : ENDINGS;
  const ending = nextMark(marks, { text: reply, lower, code: codeRanges(reply, 0), from: 0 });
  return ending === null ? reply : reply.slice(0, ending.at).trimEnd();
}

type Range = readonly [from: number, to: number];

interface Searched {
  readonly text: string;
  readonly lower: string;
  readonly code: readonly Range[];
  readonly from: number;
}

/** The first of the marks from there on that stands outside of code. */
function nextMark(marks: RegExp, { text, lower, code, from }: Searched): { at: number; token: string } | null {
  const search = new RegExp(marks);
  search.lastIndex = from;
  for (let found = search.exec(lower); found !== null; found = search.exec(lower)) {
    const { index: at, 0: token } = found;
    if (!isWithin(code, at) || standsAlone(text, { at, from, length: token.length })) return { at, token };
    search.lastIndex = at + 1;
  }
  return null;
}

function isWithin(ranges: readonly Range[], at: number): boolean {
  return ranges.some(([from, to]) => at >= from && at < to);
}

/** A fence that thoughts left open pairs with one of the answer: the tag between them has a line of its own. */
function standsAlone(text: string, { at, from, length }: { at: number; from: number; length: number }): boolean {
  const before = Math.max(from, text.lastIndexOf('\n', at - 1) + 1);
  const after = text.indexOf('\n', at + length);
  return text.slice(before, after === -1 ? text.length : after).trim().length === length;
}

/** Closed fences, and spans in backticks of one line, as ranges of characters; what stands before `start` opens none. */
function codeRanges(text: string, start: number): Range[] {
  const rest = text.slice(start);
  const spans = [...rest.matchAll(/(?<!`)(`+)(?!`)[^`\n]+\1/g)].map(
    ({ index, 0: whole }): Range => [index, index + whole.length],
  );
  return [...fenceRanges(rest), ...spans].map(([from, to]): Range => [from + start, to + start]);
}

/** Openings that nothing closes, and that are passed over; a text with more of them is read no further. */
const UNCLOSED_MAX = 50;

interface FenceLine {
  readonly fence: string;
  readonly closes: boolean;
  readonly from: number;
  readonly to: number;
}

function fenceRanges(text: string): Range[] {
  const lines = [...text.matchAll(/^ {0,3}(`{3,}|~{3,})([^\n]*)$/gm)].map(
    ({ index, 0: whole, 1: fence = '', 2: rest = '' }): FenceLine => {
      return { fence, closes: /^[`~]*[ \t]*$/.test(rest), from: index, to: index + whole.length };
    },
  );
  const ranges: Range[] = [];
  let unclosed = 0;
  let at = 0;
  for (let opening = lines[at]; opening !== undefined && unclosed <= UNCLOSED_MAX; opening = lines[at]) {
    const end = closing(lines, at);
    if (end === null) unclosed += 1;
    else ranges.push([opening.from, lines[end]?.to ?? opening.to]);
    at = (end ?? at) + 1;
  }
  return ranges;
}

function closing(lines: readonly FenceLine[], opening: number): number | null {
  const { fence = '' } = lines[opening] ?? {};
  for (let at = opening + 1; at < lines.length; at += 1)
    if (lines[at]?.closes && lines[at]?.fence.startsWith(fence)) return at;
  return null;
}

/** Sequences that steer a terminal: its title (OSC), its colours and cursor (CSI). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const ESCAPES = /\u001b(?:\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\[[0-?]*[ -/]*[@-~]|[@-Z\\^_])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/** Longer than this it is no sequence that somebody meant. */
const ESCAPE_CHARS_MAX = 200;

/** How many characters at the end may be the beginning of a sequence. */
export function unfinishedEscape(text: string): number {
  const from = text.lastIndexOf('\u001b');
  if (from === -1 || text.length - from > ESCAPE_CHARS_MAX) return 0;
  const rest = text.slice(from);
  const whole = rest.startsWith('\u001b]') ? rest.includes('\u0007') : rest.replace(ESCAPES, '') !== rest;
  return whole ? 0 : rest.length;
}

/** Text that a terminal, JSON and a database can take: no control characters but tab and newline, no half characters. */
export function cleanText(text: string): string {
  return text.replace(ESCAPES, '').replace(/\r\n?/g, '\n').replace(CONTROLS, '').toWellFormed();
}
