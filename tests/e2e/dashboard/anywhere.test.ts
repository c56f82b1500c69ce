/**
 * What a person does from anywhere on the dashboard, in a real Chromium on a real mesh. Owns: the palette, links that show
 * what was seen, several tabs and people at once, the keyboard alone. Does not own: the life of one task, outages
 * (`live.test.ts`).
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceRow } from '../../../dashboard/wire.ts';
import type { Counter } from '../../support/counter.ts';
import type { MeshCommand } from '../command.ts';
import { axe, fits, openPage, type Watched } from './browser.ts';
import { type Visit, visitDashboard } from './visit.ts';

let visit: Visit;
let mesh: MeshCommand;
let counter: Counter;
let browser: Browser;
let url: string;
let watched: Watched;
let page: Page;
let rows: Visit['rows'];
/** Of a task that has ended, with hops. */
let done: string;

beforeAll(async () => {
  visit = await visitDashboard();
  ({ mesh, counter, browser, url, watched, page, rows } = visit);
  await mesh.run(['run', 'Write a TypeScript function that debounces another function']);
  // The dashboard reads the log when it is first asked.
  await page.goto('/');
  await page.getByRole('list', { name: 'Tasks' }).getByRole('link').first().waitFor();
  done = (await rows())[0]?.id ?? '';
});
afterAll(async () => {
  await visit?.end();
});

const pressed = (key: string): Promise<void> => page.keyboard.press(key);
/** From a page, what is written there. */
async function palette(path: string, text: string): Promise<void> {
  await page.goto(path);
  await page.locator('main h1').waitFor();
  await pressed('Control+k');
  await page.getByRole('dialog', { name: 'Command palette' }).waitFor();
  await page.keyboard.type(text);
}
const ended = (id: string) =>
  expect.poll(async () => (await rows()).find((row) => row.id === id)?.status, { timeout: 90_000 });

/** As a tab that opens just now is told. */
async function heartbeats(): Promise<readonly ServiceRow[]> {
  const { body } = await fetch(`${url}/events`);
  let text = '';
  for await (const piece of body ?? []) {
    text += new TextDecoder().decode(piece);
    const found = /event: services\ndata: (.*)\n\n/.exec(text)?.[1];
    if (found !== undefined) return JSON.parse(found) as ServiceRow[];
  }
  throw new Error('the dashboard says nothing of services');
}

/** A task that asks a person: its deed was cut off, and may not be repeated. */
async function asks(path: string): Promise<string> {
  counter.hold(path);
  const known = new Set((await rows()).map(({ id }) => id));
  await mesh.publish('mesh.tasks', counter.prompt('http_post_once', path));
  await expect.poll(() => counter.requests(path).length, { timeout: 90_000 }).toBe(1);
  await page.goto('/chaos');
  await page.getByRole('button', { name: 'Kill tools' }).click();
  await page
    .getByRole('region', { name: 'Strikes' })
    .getByText(/heard again after/)
    .waitFor();
  counter.release(path);
  await page.goto('/inbox');
  const id = (await rows()).find((row) => !known.has(row.id))?.id ?? '';
  await expect
    .poll(async () => (await rows()).find((row) => row.id === id)?.question ?? null, { timeout: 90_000 })
    .not.toBeNull();
  return id;
}

describe('the page of breakages', () => {
  it('kills a service, and tells once and for all when it was heard again', async () => {
    await page.goto('/chaos');
    await page.getByRole('button', { name: 'Kill llm' }).click();
    const told = page.getByRole('region', { name: 'Strikes' }).getByText(/heard again after/);
    await told.waitFor();
    const first = await told.textContent();
    // Its next heartbeats say nothing new: two are heard.
    const heardAtMs = async (): Promise<number> =>
      (await heartbeats()).find(({ service, state }) => service === 'llm' && state === 'ready')?.heardAtMs ?? 0;
    for (let beat = 0; beat < 2; beat += 1) {
      const before = await heardAtMs();
      await expect.poll(heardAtMs, { timeout: 90_000 }).toBeGreaterThan(before);
    }
    expect(await told.textContent()).toBe(first);
  });
});

describe('the palette', () => {
  it('answers a question from a page that has nothing to do with it', async () => {
    const id = await asks('/one');
    await palette('/knowledge', 'answer');
    await page.getByRole('option', { name: /^Answer: / }).waitFor();
    await pressed('Enter');
    const dialog = page.getByRole('dialog', { name: 'Answer' });
    await dialog.getByText('may not be repeated').first().waitFor();
    expect(await axe(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'done', exact: true }).click();
    await dialog.getByText('This question is answered').waitFor();
    await ended(id).toBe('completed');
    await pressed('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it('cancels a task from another page', async () => {
    const id = await asks('/two');
    await palette('/services', 'cancel two');
    await page.getByRole('option', { name: /^Cancel: .*\/two/ }).waitFor();
    await pressed('Enter');
    await page
      .getByRole('dialog', { name: 'Cancel this task' })
      .getByRole('button', { name: 'Cancel the task' })
      .click();
    await ended(id).toBe('cancelled');
  });

  it('forks a task from another page', async () => {
    await palette('/knowledge', 'fork debounces');
    await page.getByRole('option', { name: /^Fork: .*debounces/ }).waitFor();
    await pressed('Enter');
    const dialog = page.getByRole('dialog', { name: 'Fork this task' });
    await dialog.getByRole('option', { name: 'hop 1: retrieve' }).waitFor({ state: 'attached' });
    await pressed('Escape');
    await dialog.waitFor({ state: 'detached' });
  });
});

describe('a question that two people see', () => {
  it('is answered by one of them, and the other is told where it went', async () => {
    const id = await asks('/three');
    const field = page.getByRole('region', { name: /Question of task/ }).getByLabel('Your answer');
    await field.fill('done: I looked, and');
    expect((await mesh.run(['respond', id, 'done'])).code).toBe(0);
    await page.getByText('somebody else has answered').waitFor();
    await page.getByText('Nothing waits for you').waitFor();
    await ended(id).toBe('completed');
    expect(counter.deeds('/three')).toBe(1);
  });
});

describe('a fork', () => {
  it('from a place of the slider begins with the hop of then, and takes a long prompt whole', async () => {
    // Facts of that size travel cut to the page.
    const prompt = `Write a TypeScript function that doubles a number. ${'It must be exact and fast. '.repeat(300)}The end is near.`;
    await page.goto('/');
    await page.getByLabel('What should the mesh do?').fill(prompt);
    await pressed('Enter');
    await page.waitForURL(/\/task\//);
    await page.locator('.title .pill', { hasText: 'Completed' }).waitFor();
    const slider = page.getByRole('slider', { name: /Time travel/ });
    await slider.press('Home');
    for (let at = 2; at <= 5; at += 1) {
      await slider.press('ArrowRight');
      await page.waitForURL(new RegExp(`at=${at}`));
    }
    await page.getByRole('button', { name: 'Fork from here' }).click();
    const dialog = page.getByRole('dialog', { name: 'Fork this task' });
    await expect.poll(() => dialog.getByLabel('Prompt').inputValue()).toBe(prompt.trim());
    expect(await dialog.getByLabel('Run again from hop').inputValue()).toBe('2');
    const other = prompt.trim().replace('doubles', 'halves');
    await dialog.getByLabel('Prompt').fill(other);
    await dialog.getByRole('button', { name: 'Fork' }).click();
    await page.getByText('Fork of').waitFor();
    await page.getByRole('button', { name: 'all of it', exact: true }).click();
    const id = new URL(page.url()).pathname.split('/')[2] ?? '';
    const shown = JSON.parse((await mesh.run(['show', id, '--json'])).stdout) as { prompt?: string };
    expect(JSON.stringify(shown)).toContain('halves a number');
    expect(JSON.stringify(shown)).toContain('The end is near.');
  });
});

describe('a link', () => {
  it('shows the event that was seen, and what was looked for', async () => {
    await page.goto(`/task/${done}/events`);
    await page.getByLabel('Search the events').fill('hop');
    await page
      .getByRole('button', { name: /hop\.finished/ })
      .first()
      .click();
    await page.waitForURL((to) => to.searchParams.get('find') === 'hop' && to.searchParams.has('event'));
    const title = page.getByRole('complementary', { name: 'The chosen event' }).getByText(/\.\d+ of the log/);
    const place = await title.textContent();
    const { page: other, context, problems } = await openPage(browser, url);
    await other.goto(page.url());
    const seen = other.getByRole('complementary', { name: 'The chosen event' });
    await seen.getByText(place ?? '', { exact: true }).waitFor();
    expect(await other.getByLabel('Search the events').inputValue()).toBe('hop');
    expect(problems).toEqual([]);
    await context.close();
  });

  it.each([
    'at=0',
    'at=-1',
    'at=999999',
    'at=1e9',
    'event=0',
    'event=999999',
    'event=%00',
    'find=%F0%9F%98%80%E2%80%AE',
  ])('to a task with ?%s shows the task', async (odd) => {
    for (const view of ['', '/conversation', '/events', '/machine']) {
      await page.goto(`/task/${done}${view}?${odd}`);
      await page.locator('h1', { hasText: 'debounces' }).waitFor();
    }
  });

  it.each([
    'state=<script>',
    'state=done,done,nothing',
    'route=%E2%80%AE%3Cb%3E',
    `q=${'x'.repeat(3000)}`,
    'less=2&q=%00',
  ])('to the list with ?%s shows what it may mean', async (odd) => {
    await page.setViewportSize({ width: 320, height: 860 });
    await page.goto(`/?${odd}`);
    await page.getByLabel('Search the tasks').waitFor();
    await page.locator('[aria-label="List of tasks"] :is(a, h2)').first().waitFor();
    expect(await fits(page)).toBe(true);
    await page.setViewportSize({ width: 1280, height: 860 });
  });

  it('that was followed is left by the back key: the list is as it was', async () => {
    await page.goto('/?state=done&q=debounces');
    await page.getByRole('list', { name: 'Tasks' }).getByRole('link').first().click();
    await page.waitForURL(/\/task\//);
    await pressed('2');
    await page.waitForURL(/conversation/);
    await page.goBack();
    await page.goBack();
    await page.waitForURL((to) => to.pathname === '/' && to.searchParams.get('state') === 'done');
    expect(await page.getByLabel('Search the tasks').inputValue()).toBe('debounces');
  });
});

/** Tabs of one window: one of them is in view. */
class Tabs {
  readonly all: Page[] = [];
  readonly #context: BrowserContext;

  constructor(context: BrowserContext) {
    this.#context = context;
  }

  async look(tab: Page): Promise<void> {
    for (const one of this.all) await this.#show(one, one === tab);
  }

  async open(path: string): Promise<Page> {
    for (const one of this.all) await this.#show(one, false);
    const tab = await this.#context.newPage();
    await tab.addInitScript({
      content: `Object.defineProperty(document, 'visibilityState', { get: () => globalThis.seen === false ? 'hidden' : 'visible' });`,
    });
    await tab.goto(path);
    this.all.push(tab);
    return tab;
  }

  /** A browser tells a change only. */
  async #show(tab: Page, seen: boolean): Promise<void> {
    await tab.evaluate(`if ((globalThis.seen ?? true) !== ${seen}) {
      globalThis.seen = ${seen};
      document.dispatchEvent(new Event('visibilitychange'));
    }`);
  }
}

describe('many tabs', () => {
  it('of one browser all open, and each is up to date when it is looked at, without a reload', async () => {
    const { context } = await openPage(browser, url);
    const tabs = new Tabs(context);
    // A browser has six connections to one address, and each stream takes one.
    for (let count = 1; count <= 9; count += 1) {
      const tab = await tabs.open(count % 3 === 0 ? `/task/${done}` : '/');
      await tab
        .locator('main h1')
        .filter({ hasText: /Tasks|debounces/ })
        .waitFor();
      await tab.evaluate(() => Object.assign(globalThis, { same: true }));
    }
    await mesh.run(['run', 'What is a tab?']);
    for (const tab of [tabs.all[8], tabs.all[0], tabs.all[4], tabs.all[0]]) {
      if (tab === undefined) throw new Error('no such tab');
      await tabs.look(tab);
      if (new URL(tab.url()).pathname !== '/') continue;
      await tab.getByText('What is a tab?').first().waitFor();
      expect(await tab.evaluate(() => Reflect.get(globalThis, 'same'))).toBe(true);
    }
    await context.close();
  });

  it('of an older build go on: what is not there any more is fetched with its page', async () => {
    const { page: old, context } = await openPage(browser, url);
    await old.goto('/');
    await old.getByRole('list', { name: 'Tasks' }).waitFor();
    // As after an upgrade: parts of the old build are gone, and another version is served.
    await old.route('**/_app/version.json', (route) => route.fulfill({ json: { version: 'the next one' } }));
    let gone = 0;
    await old.route('**/_app/immutable/**', async (route) => {
      if (route.request().resourceType() === 'script' && gone === 0) {
        gone += 1;
        await route.fulfill({ status: 404, body: '' });
      } else await route.continue();
    });
    await old.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Services' }).click();
    await old.getByRole('heading', { name: 'Services', level: 1 }).waitFor();
    await old.getByRole('article', { name: /agents/ }).waitFor();
    await context.close();
  });
});

describe('the keyboard alone', () => {
  /** Why the element in focus cannot be seen to be; null when it can. */
  const unseen = (): Promise<string | null> =>
    page.evaluate(`(() => {
      const one = document.activeElement;
      if (one === null || one === document.body) return null;
      const near = [one, one.closest('.composer'), one.closest('label')].filter(Boolean).map((element) => getComputedStyle(element));
      const marked = near.some(({ outlineStyle, outlineWidth }) => outlineStyle !== 'none' && outlineWidth !== '0px') || one.matches('textarea, input') ;
      const box = one.getBoundingClientRect();
      const name = one.tagName + ' ' + (one.getAttribute('aria-label') ?? one.textContent ?? '').trim().slice(0, 40);
      if (!marked) return name + ' has no mark of focus';
      return box.width === 0 || box.height === 0 ? name + ' has no size' : null;
    })()`) as Promise<string | null>;

  it('reaches everything on a page in an order, and shows where it is', async () => {
    for (const path of [
      '/',
      `/task/${done}`,
      `/task/${done}/events`,
      '/services',
      '/router',
      '/quarantine',
      '/inbox',
      '/chaos',
    ]) {
      await page.goto(path);
      await page.locator('main h1').first().waitFor();
      await page.waitForLoadState('networkidle').catch(() => null);
      const seen = new Set<string>();
      for (let step = 0; step < 40; step += 1) {
        await pressed('Tab');
        expect(await unseen(), path).toBeNull();
        seen.add(String(await page.evaluate(`document.activeElement?.outerHTML.slice(0, 300)`)));
      }
      expect(seen.size, path).toBeGreaterThan(8);
    }
  });

  it('goes from a question to its answer, and back to the list', async () => {
    await page.goto('/services');
    await page.getByRole('heading', { name: 'Services', level: 1 }).waitFor();
    await pressed('n');
    await page.getByRole('dialog', { name: 'Ask the mesh' }).waitFor();
    await page.keyboard.type('What is a heartbeat of a service?');
    await pressed('Enter');
    await page.waitForURL(/\/task\//);
    await page.locator('.title .pill', { hasText: 'Completed' }).waitFor();
    for (const [key, view] of [
      ['2', /conversation$/],
      ['3', /events$/],
      ['4', /machine$/],
      ['1', /task\/[^/]+$/],
    ] as const) {
      await pressed(key);
      await page.waitForURL(view);
    }
    await page.getByRole('button', { name: /Hop 1/ }).waitFor();
    await pressed('j');
    await pressed('j');
    await page.getByRole('complementary', { name: 'The chosen span' }).waitFor();
    await pressed('Escape');
    await page.waitForURL((to) => to.pathname === '/');
    expect(watched.problems).toEqual([]);
  });
});

describe('the router', () => {
  it('explains a query, and is measured on the labelled ones', async () => {
    await page.goto('/router');
    await page.getByPlaceholder('What somebody might ask').fill('is this retry loop correct?');
    await pressed('Enter');
    await page.getByText('It would take').waitFor();
    await page.getByRole('button', { name: 'Measure' }).click();
    await page.getByRole('table', { name: /Confusion/ }).waitFor();
    expect(await axe(page)).toEqual([]);
    expect(watched.problems).toEqual([]);
  });
});
