/** The documentation as a site: every page of `docs/` has a place in it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import site from '../../../docs/.vitepress/config.ts';

const pagesOf = (folder: string): string[] =>
  readdirSync(join(projectRoot, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));

test('every test that a page names is there', () => {
  const gone = [...pagesOf('docs'), ...pagesOf('.')].flatMap((page) => {
    const text = readFileSync(join(projectRoot, page), 'utf8');
    const named = [...text.matchAll(/`(tests\/[\w./-]+)`/g)].map(([, path = '']) => path);
    return named.filter((path) => !existsSync(join(projectRoot, path))).map((path) => `${page}: ${path}`);
  });
  expect(gone).toEqual([]);
});

test('every page is in the list of pages, once', () => {
  const listed = site.themeConfig.sidebar.flatMap(({ items }) => items.map(({ link }) => link.slice(1)));
  const pages = readdirSync(join(projectRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => (name === 'index.md' ? '' : name.replace('.md', '')));
  expect(listed.filter((link) => !link.includes('/')).sort()).toEqual(pages.sort());
});
