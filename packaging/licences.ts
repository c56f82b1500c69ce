/**
 * The licences of what is built into the pages of the dashboard: their texts have to go along. Owns: the list, and the file
 * `THIRD-PARTY-LICENCES.txt`. Does not own: dependencies, which npm installs beside the package, each with its own text.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `dashboard/src` imports, and what those bring into the pages. */
const BUILT_IN: readonly string[] = [
  ...['svelte', '@sveltejs/kit', '@sveltejs/adapter-node', '@lucide/svelte', 'highlight.js', 'lowlight', 'marked'],
  ...['@fontsource-variable/inter', '@fontsource-variable/jetbrains-mono'],
  ...['clsx', 'cookie', 'devalue', 'devlop', 'esm-env', 'mrmime', 'totalist'],
];

/** @throws Error for one that brings no text */
export function licenceTexts(modules: string): string {
  const texts = BUILT_IN.map((name) => {
    const [file] = globSync('{LICENSE,LICENCE,license,licence}{,.md,.txt}', { cwd: join(modules, name) });
    if (file === undefined) throw new Error(`${name} is built into the pages and brings no text of its licence`);
    return `${name}\n\n${readFileSync(join(modules, name, file), 'utf8').trim()}\n`;
  });
  return `What is built into the pages of the dashboard, with the licence of each.\n\n${texts.join('\n---\n\n')}`;
}
