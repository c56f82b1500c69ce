/**
 * The dashboard in a real Chromium on a real mesh. Owns: what a person sees and does from submitting to the answer, over
 * crashes and outages.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import type { Board } from '../../../dashboard/wire.ts';
import type { Counter } from '../../support/counter.ts';
import { freezeProcess, thawProcess } from '../../support/kill.ts';
import type { MeshCommand } from '../command.ts';
import { axe, fits, openPage, renderers, startBrowser, type Watched } from './browser.ts';
import { findings, HOSTILE, poison } from './hostile.ts';
import { type Visit, visitDashboard } from './visit.ts';

let visit: Visit;
let mesh: MeshCommand;
let counter: Counter;
let browser: Browser;
let url: string;
let watched: Watched;
let page: Page;
let rows: Visit['rows'];

interface RunJson {
  readonly services: readonly { readonly name: string; readonly process: { readonly pid: number } | null }[];
}
const pidOf = (name: string): number | null =>
  (JSON.parse(readFileSync(join(mesh.home, 'run.json'), 'utf8')) as RunJson).services.find((one) => one.name === name)
    ?.process?.pid ?? null;

async function kill(name: string): Promise<void> {
  const pid = pidOf(name);
  if (pid === null) throw new Error(`${name} does not run`);
  process.kill(pid, 'SIGKILL');
  await expect.poll(() => pidOf(name), { timeout: 90_000 }).not.toBe(pid);
}

beforeAll(async () => {
  visit = await visitDashboard();
  ({ mesh, counter, browser, url, watched, page, rows } = visit);
});
afterAll(async () => {
  await visit?.end();
});

const status = (text: string) => page.locator('.title .pill', { hasText: text });
const submit = async (prompt: string): Promise<string> => {
  await page.goto('/');
  await page.getByLabel('What should the mesh do?').fill(prompt);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/task\//);
  return new URL(page.url()).pathname.split('/')[2] ?? '';
};

describe('a task from the page', () => {
  it('is submitted, arrives hop by hop, and ends with its answer', async () => {
    await page.goto('/');
    await page.getByText('Nothing has run yet').waitFor();
    await submit('Write a TypeScript function that debounces another function');
    await page.getByRole('button', { name: /Hop 1, retrieve by retriever/ }).waitFor();
    await page.getByRole('button', { name: /Hop 3, review by reviewer: completed/ }).waitFor();
    await status('Completed').waitFor();
    await page.getByRole('region', { name: 'Result' }).getByText('debounce').first().waitFor();
    expect(await page.locator('dl').first().textContent()).toContain('build');
    // No model runs here, so there is nothing to count.
    expect(await page.locator('dl').first().textContent()).toContain('none counted');
  });

  it('tells the whole story in each of its views', async () => {
    await page.keyboard.press('2');
    await page.waitForURL(/conversation/);
    await page.getByRole('list', { name: 'Conversation' }).getByText('routed to').waitFor();
    await page.keyboard.press('3');
    await page.getByLabel('Search the events').fill('task.completed');
    await page.getByRole('button', { name: /task\.completed/ }).click();
    await page.getByRole('complementary', { name: 'The chosen event' }).getByText('orchestrator → watchers').waitFor();
    await page.getByRole('heading', { name: 'task.completed' }).click();
    await page.keyboard.press('4');
    await page.getByRole('img', { name: /State chart: .*completed \(here\) 1 times/ }).waitFor();
  });

  it('is shown as it was at any place of its log', async () => {
    await page.keyboard.press('1');
    // The focus goes to the top of the page that is opened, once that is there.
    await page.getByRole('button', { name: /Hop 1, retrieve by retriever/ }).waitFor();
    const slider = page.getByRole('slider', { name: /Time travel/ });
    await slider.press('Home');
    await page.waitForURL(/at=1/);
    await status('Accepted').waitFor();
    expect(await page.getByRole('region', { name: 'Result' }).count()).toBe(0);
    await slider.press('ArrowRight');
    await page.waitForURL(/at=2/);
    await page.getByRole('button', { name: 'Back to now' }).click();
    await status('Completed').waitFor();
  });

  it('is forked from a hop, with another prompt', async () => {
    const before = page.url();
    await page.getByRole('button', { name: 'Fork' }).click();
    const dialog = page.getByRole('dialog', { name: 'Fork this task' });
    await dialog.getByLabel('Run again from hop').selectOption({ label: 'hop 2: code' });
    await dialog.getByLabel('Prompt').fill('Write a TypeScript function that throttles another function');
    await dialog.getByRole('button', { name: 'Fork' }).click();
    await page.waitForURL((to) => to.pathname !== new URL(before).pathname);
    await page.getByText('Fork of').waitFor();
    await status('Completed').waitFor();
    expect(await page.locator('h1').textContent()).toContain('throttles');
  });
});

describe('a service that dies', () => {
  it('is seen to crash and come back in the middle of a task, which ends well', async () => {
    counter.hold('/slow');
    await submit(counter.prompt('http_post', '/slow'));
    await page.getByRole('button', { name: /Hop 1, .* by tools: running/ }).waitFor();
    await expect.poll(() => counter.requests('/slow').length, { timeout: 90_000 }).toBe(1);
    await kill('tools');
    await page.getByRole('img', { name: /tools crashed and was back/ }).waitFor();
    counter.release('/slow');
    await status('Completed').waitFor();
    await page.getByText('1 crash').waitFor();
    expect(counter.deeds('/slow')).toBe(1);
  });
});

describe('a question to a person', () => {
  it('is answered from the inbox; whoever is late is told so and nothing is sent', async () => {
    counter.hold('/once');
    const id = await submit(counter.prompt('http_post_once', '/once'));
    await expect.poll(() => counter.requests('/once').length, { timeout: 90_000 }).toBe(1);
    await kill('tools');
    counter.release('/once');
    await page.goto('/inbox');
    const question = page.getByRole('region', { name: 'Question' });
    await question.waitFor();
    await page.getByRole('navigation', { name: 'Pages' }).getByText('1 waiting').waitFor({ state: 'attached' });
    const asked = (await rows()).find((row) => row.id === id)?.question;
    await question.getByRole('button').first().click();
    await page.getByText('Nothing waits for you').waitFor();
    const late = await page.evaluate(
      async (body) => {
        const headers = { 'content-type': 'application/json' };
        return (await fetch('/api/command', { method: 'POST', headers, body: JSON.stringify(body) })).json();
      },
      { kind: 'respond', task: id, text: 'yes', question: asked?.id },
    );
    expect(late).toMatchObject({ ok: false, message: expect.stringContaining('answered meanwhile') });
  });
});

describe('the list', () => {
  it('is filtered by the address, and searched by the keyboard alone', async () => {
    await page.goto('/?state=done');
    const lines = page.getByRole('list', { name: 'Tasks' }).getByRole('listitem');
    await lines.first().waitFor();
    const all = await lines.count();
    await page.keyboard.press('/');
    await page.keyboard.type('throttles');
    await page.waitForURL(/q=throttles/);
    await expect.poll(() => lines.count()).toBe(1);
    expect(all).toBeGreaterThan(1);
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/task\//);
    await page.keyboard.press('Escape');
    await page.waitForURL((to) => to.pathname === '/');
    await page.goto('/?q=nothing-is-called-so');
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await expect.poll(() => lines.count()).toBeGreaterThan(1);
  });

  it('pauses, counts what waits, and catches up', async () => {
    await page.goto('/');
    await page.getByRole('list', { name: 'Tasks' }).waitFor();
    await page.keyboard.press('p');
    await page.getByRole('button', { name: /Go on/ }).waitFor();
    await mesh.run(['run', 'What is a lease?']);
    await page.getByText('1 waiting').waitFor();
    expect(await page.getByText('What is a lease?').count()).toBe(0);
    await page.keyboard.press('p');
    await page.getByText('What is a lease?').waitFor();
  });

  it('does anything by the palette', async () => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('quaran');
    await page.keyboard.press('Enter');
    await page.waitForURL(/quarantine/);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await page.keyboard.press('Escape');
  });
});

describe('what could not be accepted', () => {
  it('is shown with its reason and sent again', async () => {
    await mesh.publish('mesh.tasks', '{"prompt": "x", "promt": "<img src=x onerror=alert(1)>"}');
    await page.goto('/quarantine');
    await page.getByRole('button', { expanded: false }).first().click();
    await page.getByText('<img src=x onerror=alert(1)>').first().waitFor();
    await page.getByRole('button', { name: 'Send it again' }).click();
    await page.getByText(/Sent again as number \d+ of the log/).waitFor();
    await expect.poll(() => page.locator('section li').count(), { timeout: 90_000 }).toBeGreaterThan(1);
  });
});

describe('the knowledge base', () => {
  it('says what was left out of it, and why', async () => {
    const folder = join(mesh.home, 'notes');
    mkdirSync(folder);
    for (const name of ['a.md', 'id_rsa', '<img src=x onerror=alert(1)>.lock'])
      writeFileSync(join(folder, name), 'zebra');
    expect((await mesh.run(['index', folder])).code).toBe(0);
    await page.goto('/knowledge');
    const leftOut = page.getByRole('region', { name: 'What was left out' });
    await leftOut.getByText('may hold a secret').click();
    await leftOut.getByText('notes/id_rsa').waitFor();
    await leftOut.getByText('lock file').click();
    await leftOut.getByText('notes/<img src=x onerror=alert(1)>.lock').waitFor();
  });
});

describe('how much is told', () => {
  const told = async (): Promise<{ mode: string; window: { forMs: number; cause: string } | null }> =>
    JSON.parse((await mesh.run(['mode', '--json'])).stdout);
  const left = () => page.getByRole('timer', { name: 'Time left' });

  it('is switched from the page; a window counts down, and is closed', async () => {
    await page.goto('/services');
    await page.getByRole('button', { name: /Shipping/, pressed: true }).waitFor();
    await page.getByLabel('For').selectOption('1 minute');
    await page.getByRole('button', { name: 'Open a window' }).click();
    const first = await left().textContent();
    expect(first).toMatch(/^(1:00|0:5\d)$/);
    await expect.poll(() => left().textContent(), { timeout: 90_000 }).not.toBe(first);
    expect((await told()).window).toMatchObject({ forMs: 60_000, cause: 'opened by hand' });
    await page
      .getByRole('navigation', { name: 'Pages' })
      .getByText(/Full telemetry, 0:\d\d left/)
      .waitFor();
    await page.getByRole('button', { name: 'Close the window' }).click();
    await page.getByRole('button', { name: 'Open a window' }).waitFor();
    expect(await told()).toMatchObject({ mode: 'shipping', window: null });
  });

  it('in debug mode a crash opens a window, and the page says because of what', async () => {
    await page.getByRole('button', { name: /Debug/ }).click();
    await page.getByRole('button', { name: /Debug/, pressed: true }).waitFor();
    await kill('llm');
    await page.getByText(/because llm: process \d+ ended without stopping/).waitFor();
    await mesh.run(['mode', 'close']);
    await mesh.run(['mode', 'shipping']);
    await page.getByRole('button', { name: /Shipping/, pressed: true }).waitFor();
    await page.getByRole('button', { name: 'Open a window' }).waitFor();
  });
});

describe('what is away', () => {
  /** Said, while what is shown is grey: both at once, since it may be back the next moment. */
  const away = (text: string) => page.locator('.side', { has: page.locator('main.stale') }).getByText(text);

  beforeAll(async () => {
    await mesh.run(['run', 'What is an outage?']);
    await page.goto('/');
    await page.getByText('What is an outage?').waitFor();
    await page.evaluate(() => Object.assign(globalThis, { same: true }));
  });

  it('is said, greyed and kept; the log comes back without a reload', async () => {
    const server = pidOf('nats') ?? 0;
    process.kill(server, 'SIGKILL');
    await away('The log (NATS) is out of reach').waitFor();
    expect(await page.getByText('What is an outage?').count()).toBe(1);
    await page.getByText('The log (NATS) is out of reach').waitFor({ state: 'hidden' });
    await page.locator('main:not(.stale)').waitFor();
    await mesh.run(['run', 'What is a journal?']);
    await page.getByText('What is a journal?').waitFor();
    expect(await page.evaluate(() => Reflect.get(globalThis, 'same'))).toBe(true);
  });

  it('without the gateway one may look; one may act again when it is back', async () => {
    const hung = pidOf('gateway') ?? 0;
    await freezeProcess(hung);
    await page.getByText('The gateway does not answer').waitFor();
    await mesh.publish('mesh.tasks', 'What is a cap?');
    await page.getByText('What is a cap?').waitFor();
    expect(await page.locator('main.stale').count()).toBe(0);
    process.kill(hung, 'SIGKILL');
    await page.getByText('The gateway does not answer').waitFor({ state: 'hidden' });
    await page.getByLabel('What should the mesh do?').fill('What is a breaker?');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/task\//);
    await status('Completed').waitFor();
    await page.keyboard.press('Escape');
    await page.waitForURL((to) => to.pathname === '/');
    expect(await page.evaluate(() => Reflect.get(globalThis, 'same'))).toBe(true);
  });

  it('the dashboard itself comes back in the same tab', async () => {
    await kill('dashboard');
    await away('The dashboard does not answer').waitFor();
    await page.getByText('The dashboard does not answer').waitFor({ state: 'hidden' });
    await mesh.run(['run', 'What is a fence?']);
    await page.getByText('What is a fence?').waitFor();
    expect(await page.evaluate(() => Reflect.get(globalThis, 'same'))).toBe(true);
  });
});

describe('a tab that nobody looks at', () => {
  it('has what came while it was hidden, without a frame', async () => {
    const { page: hidden, context } = await openPage(browser, url);
    // What a browser does to a hidden tab: it says so, and draws no frame.
    await hidden.addInitScript({
      content: `Object.defineProperty(document, 'visibilityState', { get: () => globalThis.seen ? 'visible' : 'hidden' });
        globalThis.requestAnimationFrame = () => 0;`,
    });
    await hidden.goto('/');
    await hidden.getByRole('list', { name: 'Tasks' }).waitFor({ state: 'attached' });
    await mesh.run(['run', 'What is a checkpoint?']);
    const line = hidden.getByRole('listitem').filter({ hasText: 'What is a checkpoint?' });
    await line.filter({ hasText: 'Completed' }).waitFor({ state: 'attached' });
    await context.close();
  });

  it('catches up when its process has stood still, without a reload', async () => {
    const own = await startBrowser();
    try {
      const { page: still } = await openPage(own, url);
      await still.goto('/');
      await still.getByRole('list', { name: 'Tasks' }).waitFor();
      await still.evaluate(() => Object.assign(globalThis, { same: true }));
      const pids = await renderers(own);
      await Promise.all(pids.map(freezeProcess));
      await mesh.run(['run', 'What is a partition?']);
      await mesh.run(['run', 'What is a heartbeat?']);
      pids.forEach(thawProcess);
      for (const prompt of ['What is a partition?', 'What is a heartbeat?']) {
        await still.getByRole('listitem').filter({ hasText: prompt }).filter({ hasText: 'Completed' }).waitFor();
      }
      expect(await still.evaluate(() => Reflect.get(globalThis, 'same'))).toBe(true);
    } finally {
      await own.close();
    }
  });
});

describe('hostile text', () => {
  it('is text, wherever it stands', async () => {
    const prompt =
      '<img src=https://evil.example/a onerror=alert(1)> ![b](https://evil.example/c.png) \u202Etxet <b>x</b>';
    await submit(prompt);
    await page.locator('h1', { hasText: '<img src=https://evil.example/a onerror=alert(1)>' }).waitFor();
    await page.locator('h1', { hasText: '‹U+202E›' }).waitFor();
    await page.keyboard.press('2');
    await page.getByRole('link', { name: 'b', exact: true }).first().waitFor();
    expect(await page.locator('main img').count()).toBe(0);
    await page.keyboard.press('3');
    await page.getByLabel('Search the events').waitFor();
    expect(watched.problems).toEqual([]);
  });
});

const recorded = JSON.parse(
  readFileSync(join(projectRoot, 'dashboard', 'static', 'demo', 'board.json'), 'utf8'),
) as Board;

describe('hostile text in every field of every answer', () => {
  /** One of each state. */
  const tasks = [...new Map(recorded.rows.map(({ id, status: state }) => [state, id])).values()];
  const withViews = recorded.rows.find(({ loops }) => (loops?.used ?? 0) > 0)?.id ?? '';
  const paths = [
    ...['/', ...tasks.map((id) => `/task/${id}`)],
    ...['/conversation', '/events', '/machine', '?at=4'].map((view) => `/task/${withViews}${view}`),
    ...['/inbox', '/services', '/router', '/quarantine', '/knowledge?q=lease', '/chaos'],
  ];

  it.each([
    { what: 'markup, scripts, controls and marks of direction', text: HOSTILE, longest: HOSTILE, width: 1280 },
    { what: 'numbers beyond all measure', text: 'odd', longest: 'odd', number: 1e308, width: 320 },
    { what: 'numbers and times below zero', text: 'odd', longest: 'odd', number: -1e17, width: 320 },
    { what: 'a line of a megabyte', text: 'x'.repeat(2000), longest: 'x'.repeat(1_048_576), width: 320 },
  ])('$what: it is text, asks for nothing, and everything fits', async ({ width, ...by }) => {
    const { text } = by;
    const { page: other, problems, context } = await openPage(browser, url, { width });
    other.on('dialog', (dialog) => {
      problems.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await poison(other, by);
    await other.goto('/?demo=1');
    await other.getByText('Everything here is recorded').waitFor();
    for (const path of paths) {
      await other.goto(path);
      await other.locator('main h1, main h2').first().waitFor();
      // Nothing is asked for any more: everything hostile is there.
      await other.getByText(text.slice(0, 12)).first().waitFor({ state: 'attached' });
      await other.waitForLoadState('networkidle');
      await other.evaluate("document.querySelectorAll('main summary').forEach((one) => one.click())");
      expect(await findings(other), path).toEqual([]);
      // One at a time is open.
      const rows = other.locator('main [aria-expanded]');
      for (let at = Math.min(4, await rows.count()) - 1; at >= 0; at -= 1) {
        await rows.nth(at).dispatchEvent('click');
        expect(await findings(other), `${path}, row ${at}`).toEqual([]);
      }
      expect(await fits(other), path).toBe(true);
    }
    await other.keyboard.press('Control+k');
    await other.keyboard.type('x');
    await other.getByRole('listbox').waitFor();
    expect(await findings(other), 'the palette').toEqual([]);
    expect(problems).toEqual([]);
    await context.close();
  });
});

describe('the demonstration', () => {
  it('shows recorded events, says so, and does nothing', async () => {
    const { page: other, problems, context } = await openPage(browser, url, { scheme: 'dark' });
    await other.goto('/?demo=1');
    await other.getByText('Everything here is recorded').waitFor();
    await other.getByRole('list', { name: 'Tasks' }).getByRole('link').first().click();
    await other.getByText('llm crashed').waitFor();
    await other.getByRole('button', { name: /generate.*cut off.*after a crash/ }).waitFor();
    expect(await axe(other)).toEqual([]);
    await other.keyboard.press('n');
    await other.getByRole('dialog').getByLabel('What should the mesh do?').fill('Do something');
    await other.keyboard.press('Enter');
    await other.getByText('nothing is changed').waitFor();
    expect(problems).toEqual([]);
    await context.close();
  });
});

describe('every page', () => {
  const seen = [
    { data: 'live', width: 1280, scheme: 'light' },
    { data: 'recorded', width: 320, scheme: 'dark' },
  ] as const;
  /** Before a release: `MESH_TEST_VIEWS=all`. */
  const all = (['live', 'recorded'] as const).flatMap((data) =>
    ([1280, 768, 320] as const).flatMap((width) =>
      (['light', 'dark'] as const).map((scheme) => ({ data, width, scheme })),
    ),
  );
  const views = process.env.MESH_TEST_VIEWS === 'all' ? all : seen;

  it.each(views)('is without findings of axe and fits: $data, $width pixels, $scheme', async ({ data, ...view }) => {
    const known = data === 'live' ? await rows() : recorded.rows;
    const id = known.find(({ route }) => route?.decision === 'build')?.id;
    const task = ['', '/conversation', '/events', '/machine', '?at=4'].map((of) => `/task/${id}${of}`);
    const others = ['/inbox', '/services', '/quarantine', '/router', '/knowledge?q=lease', '/chaos'];
    const { page: other, problems, context } = await openPage(browser, url, view);
    await other.goto(data === 'live' ? '/' : '/?demo=1');
    await other.getByText('Everything here is recorded').waitFor({ state: data === 'live' ? 'hidden' : 'visible' });
    for (const path of ['/', ...task, ...others]) {
      await other.goto(path);
      await other.locator('main h1, main h2').first().waitFor();
      expect(await axe(other), path).toEqual([]);
      for (const width of [view.width, 768]) {
        await other.setViewportSize({ width, height: 860 });
        expect(await fits(other), `${path}, ${width} pixels`).toBe(true);
      }
      await other.setViewportSize({ width: view.width, height: 860 });
    }
    expect(problems).toEqual([]);
    await context.close();
  });

  it('and nothing in the whole run broke a policy, a script, or asked for anything elsewhere', () => {
    expect(watched.problems).toEqual([]);
  });
});
