/** Pictures of pages. Owns: which pages, in which sizes. Does not own: the mesh that they show. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openPage } from '../e2e/dashboard/browser.ts';
import type { TaskName } from './stage.ts';

export interface Shot {
  readonly name: string;
  readonly path: string;
  /** What is done before the picture is taken. */
  readonly act?: (page: Page) => Promise<unknown>;
  /** The whole page, or what is in view. */
  readonly whole?: boolean;
}

export function shotsOf(tasks: Readonly<Record<TaskName, string>>): Shot[] {
  const of = (name: TaskName, view = '') => `/task/${tasks[name]}${view}`;
  return [
    { name: 'tasks', path: '/' },
    { name: 'tasks-filtered', path: '/?q=nothing-is-called-so' },
    { name: 'task', path: of('build') },
    {
      name: 'task-detail',
      path: of('build'),
      act: (page) =>
        page
          .getByRole('button', { name: /generate.*cut off/ })
          .first()
          .click(),
    },
    { name: 'task-past', path: `${of('build')}?at=9` },
    { name: 'conversation', path: of('build', '/conversation'), whole: true },
    {
      name: 'events',
      path: of('build', '/events'),
      act: (page) =>
        page
          .getByRole('button', { name: /loop\.advanced/ })
          .first()
          .click(),
    },
    { name: 'machine', path: of('build', '/machine') },
    { name: 'answer', path: of('answer'), whole: true },
    { name: 'review', path: of('review') },
    { name: 'survived', path: of('survived') },
    { name: 'question', path: of('question') },
    { name: 'failed', path: of('failed') },
    { name: 'cancelled', path: of('cancelled') },
    { name: 'no-task', path: '/task/00000000-0000-4000-8000-000000000000' },
    { name: 'inbox', path: '/inbox', whole: true },
    { name: 'services', path: '/services', whole: true },
    {
      name: 'router',
      path: '/router',
      whole: true,
      act: async (page) => {
        await page.getByPlaceholder('What somebody might ask').fill('is this retry loop correct?');
        await page.keyboard.press('Enter');
        await page.getByText('It would take').waitFor();
      },
    },
    {
      name: 'quarantine',
      path: '/quarantine',
      act: (page) => page.getByRole('button', { expanded: false }).first().click(),
    },
    { name: 'knowledge', path: '/knowledge?q=how+does+a+lease+end', whole: true },
    { name: 'chaos', path: '/chaos' },
    { name: 'palette', path: '/', act: (page) => page.keyboard.press('Control+k') },
    {
      name: 'palette-search',
      path: '/',
      act: async (page) => {
        await page.keyboard.press('Control+k');
        await page.keyboard.type('crash');
      },
    },
    { name: 'ask', path: '/', act: (page) => page.keyboard.press('n') },
    { name: 'help', path: '/', act: (page) => page.keyboard.press('?') },
    { name: 'fork', path: of('build'), act: (page) => page.getByRole('button', { name: 'Fork' }).first().click() },
    { name: 'nowhere', path: '/no-such-page' },
  ];
}

export async function shoot(
  browser: Browser,
  url: string,
  shots: readonly Shot[],
  look: { readonly width: number; readonly scheme: 'light' | 'dark' },
  folder: string,
): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const { page, context, problems } = await openPage(browser, url, look);
  for (const { name, path, act, whole = false } of shots) {
    await page.goto(path);
    await page.locator('main h1, main h2').first().waitFor();
    await page.waitForTimeout(500);
    await act?.(page).catch((error: unknown) => problems.push(`${name}: ${String(error).split('\n')[0]}`));
    await page.waitForTimeout(300);
    const file = join(folder, `${name}-${look.width}-${look.scheme}.png`);
    await page.screenshot({ path: file, fullPage: whole || look.width < 500 });
  }
  await context.close();
  return problems;
}
