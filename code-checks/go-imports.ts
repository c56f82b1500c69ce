/**
 * Imports of Go that nothing uses, which its compiler refuses. Owns the rule `unused-import`, for packages of the standard library
 * and those that are given a name: what another package is called stands in that package. Syntax is syntax-check.ts.
 */
import type { Finding } from '../schemas/events/generated.ts';

const NO_CODE = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|`[^`]*`|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
const IMPORTS = /^import[ \t]+(?:\(([\s\S]*?)^\)|([^\n(]*))/gm;
const SPEC = /^[ \t]*(?:([\w.]+)[ \t]+)?"([^"\n]+)"/;

export function unusedImports(text: string): Finding[] {
  const used = text.replace(NO_CODE, ' ');
  return [...text.matchAll(IMPORTS)].flatMap(({ index, 0: whole }) =>
    whole.split('\n').flatMap((line, at): Finding[] => {
      const [, alias, path] = SPEC.exec(line.replace(/^import\b[ \t]*\(?/, '')) ?? [];
      const name = path === undefined ? null : nameOf(path, alias);
      if (name === null || new RegExp(`(?<![\\w.])${name}\\.`).test(used)) return [];
      const message = `“${path}” is imported and not used: Go does not compile this.`;
      return [
        { severity: 'error', line: text.slice(0, index).split('\n').length + at, rule: 'unused-import', message },
      ];
    }),
  );
}

/** By which it is used; null where it need not be, or nobody knows. */
function nameOf(path: string, alias: string | undefined): string | null {
  if (alias !== undefined) return /^\w+$/.test(alias) && alias !== '_' ? alias : null;
  const [first = '', ...more] = path.split('/');
  if (first.includes('.') || first === 'C') return null;
  const last = [first, ...more].findLast((part) => !/^v\d+$/.test(part)) ?? '';
  return /^\w+$/.test(last) ? last : null;
}
