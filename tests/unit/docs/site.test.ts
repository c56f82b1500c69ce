/** The documentation as a site: every page of `docs/` has a place in it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import site from '../../../docs/.vitepress/config.ts';

test('every page is in the list of pages, once', () => {
  const listed = site.themeConfig.sidebar.flatMap(({ items }) => items.map(({ link }) => link.slice(1)));
  const pages = readdirSync(join(projectRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => (name === 'index.md' ? '' : name.replace('.md', '')));
  expect(listed.filter((link) => !link.includes('/')).sort()).toEqual(pages.sort());
});
