/**
 * The dashboard under load, in a real Chromium: `node bench/dashboard.ts [--minutes N]`. Owns: making a log with
 * 20,000 tasks and a task with 10,000 events, and measuring how pages open, scroll, zoom, and hold their memory. Does not
 * own: any target (docs/benchmarks.md).
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { Bus } from '../bus/port.ts';
import { scriptOptions } from '../cli/script-options.ts';
import { projectRoot } from '../config/settings.ts';
import { newCorrelationId } from '../schemas/events/ids.ts';
import { factSubject } from '../schemas/events/subjects.ts';
import { openPage, startBrowser } from '../tests/e2e/dashboard/browser.ts';
import { Mesh } from '../tests/support/mesh.ts';
import { freePort } from '../tests/support/nats-server.ts';
import { machineInfo, percentile, round } from './measure.ts';

const TASKS = 20_000;
const HOPS = 5000;
const FACTS_A_MESSAGE = 100;
const PUBLISH_AT_ONCE = 200;
const FRAMES = 120;
const EVENTS_PER_SECOND = 50;
const { values } = await scriptOptions({ options: { minutes: { type: 'string', default: '1' } } });
const minutes = Number(values.minutes);

type Event = Record<string, unknown> & { readonly data: Record<string, unknown> };
const golden = (name: string): Event =>
  JSON.parse(readFileSync(join(projectRoot, 'schemas', 'events', 'golden', `${name}.json`), 'utf8')) as Event;
const forms = new Map(
  ['task.accepted', 'task.routed', 'hop.started', 'hop.finished', 'hop.progress', 'task.cancelled'].map((name) => [
    name,
    golden(name),
  ]),
);

function eventOf(name: string, id: string, atMs: number, data: object): object {
  const form = forms.get(name);
  if (form === undefined) throw new Error(`no form of ${name}`);
  const time = new Date(atMs).toISOString();
  return { ...form, id: randomUUID(), correlationid: id, subject: id, time, data: { ...form.data, ...data } };
}

const put = (bus: Bus, id: string, events: readonly object[]): Promise<unknown> =>
  bus.publish({
    subject: factSubject(id),
    body: JSON.stringify(events),
    headers: { 'content-type': 'application/cloudevents-batch+json' },
  });

async function manyTasks(bus: Bus): Promise<void> {
  const nowMs = Date.now();
  for (let at = 0; at < TASKS; at += PUBLISH_AT_ONCE) {
    await Promise.all(
      Array.from({ length: PUBLISH_AT_ONCE }, (_, index) => {
        const id = newCorrelationId();
        const atMs = nowMs - (TASKS - at - index) * 100;
        const prompt = `Task ${at + index}: how does this one survive a crash of everything?`;
        return put(bus, id, [
          eventOf('task.accepted', id, atMs, { prompt }),
          eventOf('task.routed', id, atMs + 5, {}),
          eventOf('task.cancelled', id, atMs + 50, {}),
        ]);
      }),
    );
  }
}

async function largeTask(bus: Bus): Promise<string> {
  const id = newCorrelationId();
  const startMs = Date.now() - HOPS * 20;
  const events = [
    eventOf('task.accepted', id, startMs, { prompt: 'The large one' }),
    eventOf('task.routed', id, startMs, {}),
  ];
  for (let index = 1; index <= HOPS; index += 1) {
    const atMs = startMs + index * 15;
    const hop = { index, step: 'code', role: 'coder', attempt: 1 };
    events.push(eventOf('hop.started', id, atMs, hop));
    const done = { ...hop, status: 'completed', engine: 'bench', summary: 'nothing', ms: 10 };
    events.push(eventOf('hop.finished', id, atMs + 10, { hop: done }));
  }
  for (let at = 0; at < events.length; at += FACTS_A_MESSAGE)
    await put(bus, id, events.slice(at, at + FACTS_A_MESSAGE));
  return id;
}

/** Longest and usual time between two frames while something is done in each of them, milliseconds. */
async function frames(page: Page, each: string, count = FRAMES): Promise<{ p50: number; p95: number; max: number }> {
  const times = (await page.evaluate(`new Promise((resolve) => {
    const times = [];
    let last = performance.now();
    const step = (at) => {
      const now = performance.now();
      times.push(now - last);
      last = now;
      (${each})(at);
      if (times.length < ${count}) requestAnimationFrame(() => step(times.length));
      else resolve(times.slice(2));
    };
    requestAnimationFrame(() => step(0));
  })`)) as number[];
  return { p50: round(percentile(times, 0.5)), p95: round(percentile(times, 0.95)), max: round(Math.max(...times)) };
}

async function heapMb(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number };
  await session.detach();
  return round(usedSize / 1_048_576);
}

/** Processor time of the page's main thread so far, milliseconds: what others on the machine do is not in it. */
async function cpuMeter(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0);
  };
}

/** New facts at an even rate; resolves with how many were sent. */
async function keepTelling(bus: Bus, id: string, forMs: number): Promise<number> {
  const untilMs = Date.now() + forMs;
  let sent = 0;
  while (Date.now() < untilMs) {
    await put(bus, id, [eventOf('hop.progress', id, Date.now(), { note: `sign of life ${sent}` })]);
    sent += 1;
    await sleep(1000 / EVENTS_PER_SECOND);
  }
  return sent;
}

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

const port = await freePort();
const env = { MESH_DASHBOARD_PORT: String(port), MESH_GRPC_PORT: String(await freePort()) };
const mesh = await Mesh.open('bench-dashboard', { services: [], env });
const browser = await startBrowser();
try {
  say('writing the log');
  await manyTasks(mesh.bus);
  const large = await largeTask(mesh.bus);
  await mesh.add('dashboard').start();
  const url = `http://127.0.0.1:${port}`;
  const { page } = await openPage(browser, url);
  await page.goto(`/`);
  await page.getByText('Task 19999').waitFor({ timeout: 120_000 });
  say('scrolling the list');
  const cpuMs = await cpuMeter(page);
  const before0 = await cpuMs();
  const listScroll = await frames(page, '() => scrollBy(0, 900)');
  const listCpu = round(((await cpuMs()) - before0) / FRAMES);

  say('opening the large task');
  const beganMs = performance.now();
  await page.goto(`/task/${large}`);
  await page.getByText(`${(HOPS + 1).toLocaleString('en')} spans`).waitFor();
  const openMs = round(performance.now() - beganMs);
  const openCpu = await cpuMs();
  say('scrolling and zooming it');
  const taskScroll = await frames(page, '() => scrollBy(0, 500)');
  const taskCpu = round(((await cpuMs()) - openCpu) / FRAMES);
  await page.evaluate('scrollTo(0, 0)');
  const taskZoom = await frames(
    page,
    `(at) => dispatchEvent(new KeyboardEvent('keydown', { key: at % 40 < 20 ? '+' : '-', bubbles: true }))`,
  );
  const zoomCpu = round(((await cpuMs()) - openCpu) / FRAMES - taskCpu);
  const bars = await page.locator('.bar').count();

  say('telling it new things');
  const before = await heapMb(page);
  const half = (minutes * 60_000) / 2;
  await keepTelling(mesh.bus, large, half);
  const middle = await heapMb(page);
  await keepTelling(mesh.bus, large, half);
  const after = await heapMb(page);
  const result = {
    machine: machineInfo(),
    list: { tasks: TASKS, scroll_ms: listScroll, scroll_cpu_ms: listCpu },
    task: {
      events: 2 * HOPS + 2,
      spans: HOPS + 1,
      open_ms: openMs,
      open_cpu_ms: round(openCpu),
      scroll_ms: taskScroll,
      scroll_cpu_ms: taskCpu,
      zoom_ms: taskZoom,
      zoom_cpu_ms: zoomCpu,
      bars,
    },
    memory: { minutes, events_per_second: EVENTS_PER_SECOND, heap_mb: [before, middle, after] },
  };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
} finally {
  await browser.close();
  await mesh.close({ keepLogs: false });
}
