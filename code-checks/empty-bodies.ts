/**
 * Functions of Python without a body: `pass`, `...` or an error that says so, where something was asked for. Owns the rule `placeholder` there;
 * braces without anything between them may be meant in other languages, so that nothing is said of these.
 */
import type { Finding } from '../schemas/events/generated.ts';

const DEF = /^([ \t]*)(?:async )?def (\w+)\s*\(/;
/** Names of what is meant to do nothing, and of methods that a class has to have. */
const MEANT = /^__\w+__$|noop|no_op|nothing|dummy|stub|ignore|null|placeholder/i;
const DECLARED = /@(?:\w+\.)*(?:abstract\w*|overload)\b/;
const DECLARING_CLASS = /^[ \t]*class \w+\s*\([^)]*\b(?:Protocol|ABC|ABCMeta|Exception|Error)\b/;

export function emptyBodies(text: string): Finding[] {
  const lines = text.split(/\r?\n/);
  if (lines.some((line) => DECLARING_CLASS.test(line)) || hasSubclass(text)) return [];
  return lines.flatMap((line, at): Finding[] => {
    const [, indent = '', name = ''] = DEF.exec(line) ?? [];
    if (name === '' || MEANT.test(name) || DECLARED.test(lines[at - 1] ?? '')) return [];
    const body = bodyOf(lines, at, indent.length);
    if (body === null || !/^(?:pass|\.\.\.|raise NotImplementedError(?:\([^\n]*\))?)?$/.test(body)) return [];
    const message = `The function ${name} has no body: what it is to do is left out.`;
    return [{ severity: 'error', line: at + 1, rule: 'placeholder', message }];
  });
}

/** A class of the text is the base of another: what it leaves out is for that one. */
function hasSubclass(text: string): boolean {
  const classes = [...text.matchAll(/^[ \t]*class (\w+)/gm)].map((match) => match[1] ?? '');
  const bases = [...text.matchAll(/^[ \t]*class \w+\s*\(([^)]*)\)/gm)].map((match) => match[1] ?? '');
  return bases.some((list) => list.split(',').some((base) => classes.includes(base.trim())));
}

/** The statements of a function without its docstring and comments, joined; null when its head goes over several lines. */
function bodyOf(lines: readonly string[], at: number, indent: number): string | null {
  const head = lines[at] ?? '';
  const [, behind] = /\).*?:\s*(?:#.*)?([^\s#].*)?$/.exec(head) ?? [];
  if (!/:\s*(?:#.*)?$/.test(head)) return behind?.trim() ?? null;
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => line.trim() !== '' && line.length - line.trimStart().length <= indent);
  const inside = (end === -1 ? rest : rest.slice(0, end)).join('\n');
  return inside
    .replace(/^\s*(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n]*"|'[^'\n]*')/, '')
    .replace(/^\s*#.*$/gm, '')
    .trim();
}
