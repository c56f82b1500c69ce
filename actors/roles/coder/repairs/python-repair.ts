/**
 * Repairs Python: indentation, colons, brackets, Python 2 print, words of other languages, missing standard imports.
 * Owns the rules. Each is kept only when Ruff then finds fewer errors, so repairing always ends.
 */
import type { PythonChecker, PythonProblem } from '../../../../code-checks/python-check.ts';
import { importFor } from './python-imports.ts';
import type { Repair, RepairedCode } from './repair-code.ts';
import { latenessWeight, repairByToken } from './token-repair.ts';

const ROUNDS_MAX = 40;
const TOKENS = [':', ')', ']', '}', ',', '(', '"', "'"];

interface Rewrite {
  readonly text: string;
  readonly what: string;
}

/** Repairs until no error is left or no rule helps; unused imports go at the end. */
export function repairPython(checker: PythonChecker, source: string): RepairedCode {
  const repairs: Repair[] = [];
  let text = source;
  let problems = checker.problems(text);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const errors = errorsOf(problems);
    const made = errors.length > 0 ? firstHelp(checker, text, errors) : unusedImport(text, problems);
    if (made === null) break;
    const { problem, rewrite } = made;
    repairs.push({ rule: `ruff-${problem.rule}`, line: problem.row, what: rewrite.what });
    text = rewrite.text;
    problems = checker.problems(text);
  }
  return { text, repairs, errorsLeft: errorsOf(problems).length };
}

function errorsOf(problems: readonly PythonProblem[]): PythonProblem[] {
  return problems.filter((problem) => problem.severity === 'error');
}

interface Made {
  readonly problem: PythonProblem;
  readonly rewrite: Rewrite;
}

function firstHelp(checker: PythonChecker, text: string, errors: readonly PythonProblem[]): Made | null {
  const isSyntax = errors.some((problem) => problem.rule === 'invalid-syntax');
  const weight = (candidate: string): number => weigh(checker.problems(candidate));
  const now = weigh(errors);
  for (const problem of errors) {
    const rewrites = isSyntax ? syntaxRewrites(text, problem) : nameRewrites(text, problem);
    const rewrite = rewrites.find((candidate) => candidate.text !== text && weight(candidate.text) < now);
    if (rewrite !== undefined) return { problem, rewrite };
  }
  const first = errors[0];
  if (!isSyntax || first === undefined) return null;
  const weighPlaced = (candidate: string): number => {
    const [earliest] = errorsOf(checker.problems(candidate));
    if (earliest?.rule !== 'invalid-syntax') return weight(candidate);
    return weight(candidate) + latenessWeight(candidate, offsetOf(candidate, earliest));
  };
  const repaired = repairByToken(text, { offset: offsetOf(text, first), tokens: TOKENS, weigh: weighPlaced });
  return repaired === null ? null : { problem: first, rewrite: repaired };
}

/** While there is a syntax error Ruff reports no undefined names, so those must weigh less than it. */
function weigh(problems: readonly PythonProblem[]): number {
  return errorsOf(problems).reduce((sum, problem) => sum + (problem.rule === 'invalid-syntax' ? 1000 : 1), 0);
}

function offsetOf(text: string, problem: PythonProblem): number {
  const before = text.split('\n').slice(0, problem.row - 1);
  return before.reduce((sum, line) => sum + line.length + 1, 0) + problem.column - 1;
}

function syntaxRewrites(text: string, problem: PythonProblem): Rewrite[] {
  const lines = text.split('\n');
  const at = Math.min(problem.row, lines.length) - 1;
  const line = lines[at] ?? '';
  const withLine = (changed: string): string => lines.with(at, changed).join('\n');
  const above = lines.slice(0, at).findLast((other) => other.trim() !== '') ?? '';
  const indentAbove = /^\s*/.exec(above)?.[0] ?? '';
  return [
    { text: text.replace(/^[ \t]+/gm, (indent) => indent.replaceAll('\t', '    ')), what: 'tabs became four spaces' },
    { text: dedented(lines).join('\n'), what: 'took away the indentation all lines shared' },
    { text: withLine(line.replace(/^(\s*)print\s+(?!\()(.+?)\s*$/, '$1print($2)')), what: 'print became a call' },
    { text: withLine(line.replace(/^(\s*)else\s+if\b/, '$1elif')), what: 'else if became elif' },
    { text: withLine(withColon(line)), what: 'put in the missing colon' },
    {
      text: withLine(
        line
          .replaceAll('&&', ' and ')
          .replaceAll('||', ' or ')
          .replace(/!(?!=)\s*(?=[\w(])/g, 'not '),
      ),
      what: 'operators of other languages became and, or, not',
    },
    { text: withLine(line.replace(/(\w+)\+\+/g, '$1 += 1').replace(/(\w+)--/g, '$1 -= 1')), what: '++ became += 1' },
    { text: withLine(indentAbove + line.trimStart()), what: 'indented the line like the one above' },
    { text: withLine(`${indentAbove}    ${line.trimStart()}`), what: 'indented the line below its header' },
  ];
}

/** A colon at the end of a header, before its comment. */
function withColon(line: string): string {
  if (!/^\s*(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with|match|case)\b/.test(line))
    return line;
  const [, code = line, comment = ''] = /^(.*?)(\s*#[^'"]*)?$/.exec(line) ?? [];
  return `${code.trimEnd()}:${comment}`;
}

function dedented(lines: readonly string[]): string[] {
  const written = lines.filter((line) => line.trim() !== '');
  const shared = Math.min(...written.map((line) => line.length - line.trimStart().length));
  return Number.isFinite(shared) ? lines.map((line) => line.slice(Math.min(shared, line.length))) : [...lines];
}

const OTHER_WORDS: Readonly<Record<string, string>> = {
  true: 'True',
  false: 'False',
  null: 'None',
  nil: 'None',
  undefined: 'None',
  none: 'None',
  xrange: 'range',
  unicode: 'str',
  raw_input: 'input',
};

function nameRewrites(text: string, problem: PythonProblem): Rewrite[] {
  const name = /Undefined name `(\w+)`/.exec(problem.message)?.[1];
  if (problem.rule !== 'f821' || name === undefined) return [];
  const offset = offsetOf(text, problem);
  const rewrites: Rewrite[] = [];
  const word = Object.hasOwn(OTHER_WORDS, name) ? OTHER_WORDS[name] : undefined;
  if (word !== undefined) {
    rewrites.push({
      text: text.slice(0, offset) + word + text.slice(offset + name.length),
      what: `${name} is written ${word} in Python`,
    });
  }
  const statement = importFor(name, text.slice(offset + name.length).startsWith('.'));
  if (statement !== null) rewrites.push({ text: withImport(text, statement), what: `added ${statement}` });
  return rewrites;
}

/** Before the first import, else after the module's docstring and comments. */
function withImport(text: string, statement: string): string {
  const lines = text.split('\n');
  const firstImport = lines.findIndex((line) => /^(?:import|from)\s+(?!__future__)/.test(line));
  if (firstImport !== -1) return lines.toSpliced(firstImport, 0, statement).join('\n');
  const opening =
    /^(?:\s*(?:#[^\n]*)?\n)*(?:[rRuU]?("""|''')[\s\S]*?\1[ \t]*\n)?(?:from __future__[^\n]*\n)*/.exec(text)?.[0] ?? '';
  return `${opening}${opening === '' ? '' : '\n'}${statement}\n${text.slice(opening.length)}`;
}

/** Ruff's own edit for an import that nobody uses. */
function unusedImport(text: string, problems: readonly PythonProblem[]): Made | null {
  const problem = problems.find(({ rule, edits }) => rule === 'f401' && edits.length === 1);
  const edit = problem?.edits[0];
  if (problem === undefined || edit === undefined) return null;
  const lines = text.split('\n');
  const offset = (place: { row: number; column: number }): number =>
    lines.slice(0, place.row - 1).reduce((sum, line) => sum + line.length + 1, 0) + place.column - 1;
  const without = text.slice(0, offset(edit.start)) + edit.content + text.slice(offset(edit.end));
  return without === text ? null : { problem, rewrite: { text: without, what: 'took out the unused import' } };
}
