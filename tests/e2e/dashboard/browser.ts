/**
 * A real Chromium for tests of the dashboard. Owns: finding and starting it, pages that report every violation of the
 * content security policy and every error, and axe. Does not own: what is expected of a page.
 *
 * It fetches nothing from anywhere: whatever a page asks for beside the dashboard is a failure.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const LIMIT_MS = 90_000;

function browserPath(): string {
  const { MESH_TEST_BROWSER: own, PATH = '' } = process.env;
  if (own !== undefined) return own;
  for (const name of names) {
    for (const folder of PATH.split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not in this folder.
      }
    }
  }
  throw new Error('these tests need a Chromium: `apt-get install chromium`, or set MESH_TEST_BROWSER');
}

export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Violations, errors of scripts, and requests to elsewhere. */
  readonly problems: string[];
}

export async function startBrowser(): Promise<Browser> {
  const quiet = ['--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath: browserPath(), args: ['--no-sandbox', ...quiet] });
}

/** Process ids of what draws the pages. */
export async function renderers(browser: Browser): Promise<number[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
}

export interface View {
  readonly width?: number;
  readonly scheme?: 'light' | 'dark';
}

export async function openPage(
  browser: Browser,
  url: string,
  { width = 1280, scheme = 'light' }: View = {},
): Promise<Watched> {
  const context = await browser.newContext({
    ...{ viewport: { width, height: 860 }, colorScheme: scheme, baseURL: url, reducedMotion: 'reduce' },
  });
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`script: ${error.message}`));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) problems.push(`policy: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:'))
      problems.push(`request: ${request.url()}`);
  });
  await page.addInitScript({
    content: `document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.error('Content Security Policy: ' + violatedDirective + ' ' + blockedURI));`,
  });
  return { page, context, problems };
}

/** What axe finds, one line a finding; nothing is switched off. */
export async function axe(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help} (${target.join(' ')})`));
}

/** True when nothing has to be scrolled sideways. */
export async function fits(page: Page): Promise<boolean> {
  return page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth');
}
