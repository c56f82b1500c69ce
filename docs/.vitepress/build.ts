/**
 * Builds the documentation as a site in `artifacts/docs`: `npm run docs`. Owns: fetching VitePress, which nothing else needs,
 * into `.mesh/tools` at the first time, and that the site asks nobody for anything. Does not own: its pages (`config.ts`).
 *
 * A link that leads nowhere fails the build.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const VERSION = '1.6.4';
const docs = join(import.meta.dirname, '..');
const root = join(docs, '..');
const tools = join(root, '.mesh', 'tools');
const site = join(root, 'artifacts', 'docs');

/** Returns its command. */
function fetched(): string {
  const folder = join(tools, `vitepress-${VERSION}`);
  if (!existsSync(folder)) {
    mkdirSync(tools, { recursive: true });
    const temporary = mkdtempSync(`${folder}.`);
    writeFileSync(join(temporary, 'package.json'), '{"private": true}');
    const args = ['install', '--prefix', temporary, `vitepress@${VERSION}`, '--ignore-scripts'];
    const stdio = ['ignore', 'ignore', 'inherit'] as const;
    execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { stdio: [...stdio] });
    renameSync(temporary, folder);
  }
  return join(folder, 'node_modules', 'vitepress', 'bin', 'vitepress.js');
}

/** What a page loads of itself, as opposed to where its links lead. */
const LOADED =
  /<(?:script|img|iframe)[^>]+src="(https?:[^"]+)"|<link[^>]+href="(https?:[^"]+)"|url\((https?:[^)]+)\)|@import\s+"(https?:[^"]+)"/g;

function outsideRequests(): string[] {
  return globSync('**/*.{html,css}', { cwd: site }).flatMap((file) =>
    [...readFileSync(join(site, file), 'utf8').matchAll(LOADED)].map(
      (found) => `${file}: ${found.slice(1).find(Boolean)}`,
    ),
  );
}

rmSync(site, { recursive: true, force: true });
execFileSync(process.execPath, [fetched(), 'build', docs], { stdio: 'inherit' });
const asked = outsideRequests();
if (asked.length > 0) {
  console.error(`the site would ask others:\n${asked.join('\n')}`);
  process.exit(1);
}
console.log('the site is in artifacts/docs; `npx serve artifacts/docs`, or any web server, shows it');
