/**
 * Code with its words marked. Owns: which languages are known. Does not own: colours (`styles/tokens.css`).
 */

import shell from 'highlight.js/lib/languages/bash';
import css from 'highlight.js/lib/languages/css';
import go from 'highlight.js/lib/languages/go';
import javascript from 'highlight.js/lib/languages/javascript';
import jsonLanguage from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import yaml from 'highlight.js/lib/languages/yaml';
import { createLowlight } from 'lowlight';
import { plain } from './text.ts';

export interface Piece {
  readonly text: string;
  /** `keyword`, `string` and the like; empty for plain text. */
  readonly kind: string;
}

const known = createLowlight({ css, go, javascript, json: jsonLanguage, python, bash: shell, sql, typescript, yaml });
const names: Readonly<Record<string, string>> = {
  ts: 'typescript',
  js: 'javascript',
  py: 'python',
  sh: 'bash',
  yml: 'yaml',
  tsx: 'typescript',
  jsx: 'javascript',
};
/** Longer code is shown without colours. */
const COLOURED_MAX = 40_000;

export function pieces(text: string, language: string): Piece[] {
  const shown = plain(text, 200_000);
  const name = names[language.toLowerCase()] ?? language.toLowerCase();
  if (shown.length > COLOURED_MAX || !known.registered(name)) return [{ text: shown, kind: '' }];
  const found: Piece[] = [];
  collect(known.highlight(name, shown).children, '', found);
  return found;
}

type Nodes = ReturnType<typeof known.highlight>['children'];

function collect(nodes: Nodes, kind: string, into: Piece[]): void {
  for (const node of nodes) {
    if (node.type === 'text') into.push({ text: node.value, kind });
    else if (node.type === 'element') collect(node.children as Nodes, kindOf(node.properties.className) || kind, into);
  }
}

function kindOf(className: unknown): string {
  const first = Array.isArray(className) ? String(className[0] ?? '') : '';
  return first.replace(/^hljs-/, '').replace(/_$/, '');
}
