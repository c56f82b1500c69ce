/**
 * Whether found code does anything, or only speaks of it. Owns: that judgement, by its text. Does not own: whether it is what
 * was asked for (`code-candidates.ts`), or right (code-checks/).
 *
 * A passage may be the head of a file, its types, its list of exports or the line that installs a package: each says much of
 * what is asked for, passes every check, and does none of it.
 */

const COMMENTS =
  /"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|\/\*[\s\S]*?(?:\*\/|$)|(?:^|\s)(?:\/\/|#(?!include|define|\[|!\[)|--(?=\s)).*$/gm;
/** Over several lines too. */
const IMPORTS: readonly RegExp[] = [
  /^[ \t]*(?:import|export)[ \t]+(?:type[ \t]+)?(?:\w+,[ \t]*)?\{[^}]*\}[ \t;]*(?:from\b[^\n]*)?$/gm,
  /^[ \t]*(?:import|from)\b[^\n(]*\([^)]*\)/gm,
  /^[ \t]*export[ \t]+\*[^\n]*$/gm,
  /^[ \t]*(?:import|from|use|using|package|namespace|require|#include|library|mod)\b[^\n{(]*$/gm,
  /^[ \t]*(?:(?:const|let|var)\b[^\n=]*|module\.exports[ \t]*)=[ \t]*(?:await[ \t]+)?(?:require|import)\([^)]*\)[^\n]*$/gm,
];
const INSTALLS =
  /^[ \t]*(?:\$[ \t]*)?(?:sudo[ \t]+)?(?:npm|pnpm|yarn|bun|deno|pip3?|uv|brew|apt|apt-get|cargo|go|gem|composer|dotnet)[ \t]+(?:i|install|add|get|require)\b.*$/gm;
/** `'use strict'` and its like. */
const DIRECTIVES = /^[ \t]*(["'])use \w+\1;?[ \t]*$/gm;
const TYPES =
  /\b(?:interface|enum)[ \t]+\w[^{;]*\{[^}]*\}|\bdeclare\b[^\n;{]*(?:;|$)|^[ \t]*(?:export[ \t]+)?type[ \t]+\w[^=\n]*=(?:[^;{]*\{[^}]*\})*[^;\n]*;?/gm;
/** Functions with something in them: a block behind parentheses or an arrow, or what an arrow leads to. */
const BODY = /(?:\)|=>)[^;{}=\n]*\n?[ \t]*\{\s*[^\s}]|=>\s*[^\s{;]/;

const OF_BLOCKS: ReadonlySet<string> = new Set([
  ...['typescript', 'javascript', 'tsx', 'jsx', 'go', 'rust', 'java', 'kotlin', 'c', 'cpp', 'csharp', 'swift', 'php'],
  ...['scala', 'dart'],
]);
/** What is asked for is done when it is declared. */
const DECLARED =
  /\b(?:type|interface|enum|constant|struct|dataclass|record|schema|config(?:uration)?|declaration|regex|table|model)s?\b/i;
const RUNS = /\b(?:functions?|methods?|class|program|script|algorithm|hook|decorator|middleware|helper|procedure)\b/i;

/** @param prompt what is asked for: types and constants do something where they are all that is wanted */
export function doesSomething(text: string, language: string, prompt: string): boolean {
  let code = text.replace(COMMENTS, '').replace(INSTALLS, '').replace(DIRECTIVES, '');
  for (const form of IMPORTS) code = code.replace(form, '');
  if (!/\w/.test(code)) return false;
  if (DECLARED.test(prompt) && !RUNS.test(prompt)) return true;
  if (language === 'python') return hasPythonBody(code);
  return !OF_BLOCKS.has(language) || BODY.test(code.replace(TYPES, ''));
}

function hasPythonBody(code: string): boolean {
  const bodies = code.replace(/\b(?:async[ \t]+)?def[ \t]+\w+\s*\([\s\S]*?\)[^:\n]*:/g, 'def');
  if (/\blambda\b/.test(bodies)) return true;
  const isStatement = (line: string): boolean =>
    /^[ \t]+\w/.test(line) && !/^[ \t]+(?:pass|def|class|raise NotImplementedError\b.*)[ \t]*$/.test(line);
  return /^[ \t]*def[ \t]*\S/m.test(bodies) || (/\bdef\b/.test(bodies) && bodies.split('\n').some(isStatement));
}

/** A test of something is not that thing. */
export function isTestFile(path: string): boolean {
  return /(?:[._-](?:test|spec)s?\.\w+|(?:^|\/)test_[^/]+)$/i.test(path);
}
