/**
 * The lines of a block as somebody would save them. Owns: what models put into lines that is no code: prompts of an
 * interpreter, numbers, spaces that no compiler takes, entities of HTML. Does not own: the frames around code
 * (code-unwrapped.ts).
 */

/** Spaces that are none to a compiler, at the beginning of a line, where they are meant as indentation. */
const ODD_INDENT = /^[ \t]*[\u00a0\u2007\u202f\u3000][ \t\u00a0\u2007\u202f\u3000]*/gm;
const INVISIBLE_START = /^[\u200b\u200c\u2060\ufeff]+/gm;

export function plainLines(text: string, language: string): string {
  const spaced = text.replace(INVISIBLE_START, '').replace(ODD_INDENT, (indent) => ' '.repeat(indent.length));
  return withoutEntities(withoutNumbers(withoutPrompts(spaced, language)), language);
}

/** `1 | def f():`, `2 |     return 1`: numbers that count the lines, each of them. */
function withoutNumbers(text: string): string {
  const lines = text.split('\n');
  const numbered = lines.map((line) => /^\s*(\d+)(?:\s?[|:│]\s?|[.)]?(?: |$))(.*)$/.exec(line));
  const counts = numbered.every((match, index) => match !== null && Number(match[1]) === index + 1);
  return lines.length > 1 && counts ? numbered.map((match) => match?.[2] ?? '').join('\n') : text;
}

/** A page's way to write `<`, in code that has it in no other way. */
function withoutEntities(text: string, language: string): string {
  if (/[<>]/.test(text) || !/&(?:lt|gt);/.test(text)) return text;
  if (['html', 'xml', 'svg', 'markdown', 'jsx', 'tsx', 'vue', 'svelte', 'php'].includes(language)) return text;
  const plain = text
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'");
  return plain.replace(/&amp;/g, '&');
}

/** As far to the left as its lines allow. */
export function outdented(text: string): string {
  const lines = text.split('\n');
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^[ \t]*/.exec(line)?.[0] ?? '');
  const least = indents.reduce((one, other) => (other.length < one.length ? other : one), indents[0] ?? '');
  if (least === '' || !indents.every((indent) => indent.startsWith(least))) return text;
  return lines.map((line) => line.slice(line.startsWith(least) ? least.length : 0)).join('\n');
}

/** Prompts of Python's interpreter, and of a shell where a terminal is shown. */
const PYTHON_PROMPT = /^(?:>>>|\.\.\.)(?: |$)|^(?:In \[\d+\]| *\.{3}):(?: |$)/;
const SHELL_PROMPT = /^(?:\$|>) /;

/** What was typed into an interpreter, without its prompts and what it answered. */
function withoutPrompts(text: string, language: string): string {
  const lines = text.split('\n');
  const first = lines.find((line) => line.trim() !== '') ?? '';
  if (/^(?:>>>|In \[\d+\]:) /.test(first)) return typed(lines, PYTHON_PROMPT);
  return /^\$ /.test(first) && ['', 'shell', 'console', 'text'].includes(language) ? typed(lines, SHELL_PROMPT) : text;
}

function typed(lines: readonly string[], prompt: RegExp): string {
  return lines
    .filter((line) => prompt.test(line))
    .map((line) => line.replace(prompt, ''))
    .join('\n');
}

/** Marks by which the languages in use begin a comment; what begins otherwise is code. */
const COMMENT = /^(?:\/\/|#(?!include|define|if|pragma|!|\[)|--|\/\*|\*|<!--|;|%|""")/;

/** Whether nothing stands there but comments: a model's way to say that it wrote nothing. */
export function isCommentAlone(text: string, language: string): boolean {
  if (['markdown', 'yaml', 'toml', 'css', 'json', 'text', 'dockerfile', ''].includes(language)) return false;
  const written = text.split('\n').filter((line) => line.trim() !== '');
  return written.length > 0 && written.every((line) => COMMENT.test(line.trim()));
}
