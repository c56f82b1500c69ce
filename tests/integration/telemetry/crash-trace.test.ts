/**
 * A task that survives a crash, as its trace tells it: in a collector and in `mesh trace`. One trace, no orphans, nothing
 * done twice, the crash with its cause and its cost; and the minute before the crash is on disk.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { parseWindow, WINDOW_KEY } from '../../../telemetry/mode.ts';
import { useGateway } from '../../support/gateway.ts';
import { openTestCollector, provideOtelcol, validateConfig } from '../../support/otelcol.ts';
import { buildTask } from '../../support/prompts.ts';
import type { ReceivedSpan } from '../../support/span-collector.ts';

const LIMIT_MS = 60_000;
const WINDOW_MS = 3000;
const collector = await openTestCollector();
afterAll(() => collector.close());
const gateway = useGateway('crash-trace', {
  env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OBS_MODE: 'debug', OBS_WINDOW_MS: String(WINDOW_MS) },
});

/** Asks again until it is so; a collector writes what it received a moment later. */
async function until<T>(what: string, ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  while (performance.now() < deadline) {
    const found = await ask();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
}

/** Told twice is one: the later telling counts. */
function unique(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  return [...new Map(spans.map((span) => [span.spanId, span])).values()];
}

/** Lines of the flight recorder of a service; what was said in the last milliseconds is not there yet. */
function recorded(home: string, service = 'agents'): string[] {
  const parent = join(home, 'flight');
  const folders = readdirSync(parent).filter((name) => new RegExp(`^${service}-[0-9a-f]+$`).test(name));
  const files = folders.flatMap((name) => readdirSync(join(parent, name)).map((file) => join(parent, name, file)));
  return files.flatMap((file) => readFileSync(file, 'utf8').split('\n'));
}

async function command(...args: string[]): Promise<string> {
  const { mesh } = gateway();
  const env = {
    ...process.env,
    MESH_HOME: mesh.home,
    NATS_URL: mesh.nats.url,
    NO_COLOR: '1',
    COLUMNS: '160',
    OBS_MODE: 'debug',
  };
  const main = join(projectRoot, 'cli', 'main.ts');
  return (await promisify(execFile)(process.execPath, [main, ...args], { env, cwd: projectRoot })).stdout;
}

describe('a build task with a review loop, submitted by gRPC, killed in the middle', () => {
  test('is one trace, in the collector and in the terminal; a window opens and closes by itself', async () => {
    const { mesh, client } = gateway();
    const { correlationId: id } = (await client.submit(buildTask)).task;
    await mesh.watch.fact(id, 'hop.started', LIMIT_MS, 3);
    await until('the recorder has the beginning of the review', () =>
      recorded(mesh.home).some((line) => line.includes('"kind":"begun"') && line.includes('agent.review'))
        ? true
        : undefined,
    );
    await mesh.service('agents').kill();
    const opened = await until('a window opens', async () => {
      const entry = await mesh.bus.kv('config').get(WINDOW_KEY);
      return entry === null ? undefined : (parseWindow(entry.value) ?? undefined);
    });
    expect(opened).toMatchObject({ forMs: WINDOW_MS, byHand: false });
    expect(opened.cause).toMatch(/^agents: process \d+ ended without stopping$/);
    expect((await mesh.watch.result(id)).result.outcome).toBe('accepted');

    const spans = await until('the whole trace is in the collector', () => {
      const found = unique(collector.spans().filter(({ traceId }) => traceId === id.replaceAll('-', '')));
      const ended = found.some(({ name }) => name === 'agent.task');
      const hops = found.filter(({ name }) => name === 'agent.hop');
      return ended && hops.length === 5 && orphansOf(found).length === 0 ? found : undefined;
    });
    const root = spans.filter(({ parentSpanId }) => parentSpanId === '');
    expect(root.map(({ name }) => name)).toEqual(['agent.task']);
    expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(['mesh-gateway', 'mesh-agents', 'mesh-llm']));
    expectCrash(spans);
    expectOnce(spans);

    const shown = await command('trace', id);
    expect(shown).toMatch(/1 attempt cut off by a crash, .* lost/);
    expect(shown).toMatch(/agent\.review .*cut off: process \d+ ended without stopping/);
    expect(shown).toMatch(/agent\.review .*attempt 2 · after a crash, .* lost/);
    expect(shown).not.toMatch(/^\s*\? /m);
    const before = await command('trace', id, '--before-crash');
    expect(before).toMatch(/reviewer is told|coder is told|orchestrator is told hop\.replied/);
    expect(before).toMatch(/agent\.review begins/);

    const line = await mesh.service('agents').line(({ msg }) => msg === 'full telemetry ends', LIMIT_MS, 'its end');
    expect(line).toBeDefined();
    expect(await command('mode')).toBe('Observability: debug\n');
  });

  test('a tool call that a crash cut off is told once as cut off, and once as done', async () => {
    const { mesh, client } = gateway();
    const { counter } = mesh;
    counter.hold('/traced');
    const { correlationId: id } = (await client.submit({ prompt: counter.prompt('http_post', '/traced') })).task;
    await until('the tool is called', () => (counter.requests('/traced').length === 1 ? true : undefined));
    await until('the recorder has the beginning of the call', () =>
      recorded(mesh.home, 'tools').some((line) => line.includes('"kind":"begun"') && line.includes('execute_tool'))
        ? true
        : undefined,
    );
    await mesh.service('tools').kill();
    counter.release('/traced');
    expect((await mesh.watch.result(id)).result.outcome).toBe('answered');
    const calls = await until('both calls are in the collector', () => {
      const found = unique(collector.spans().filter(({ traceId }) => traceId === id.replaceAll('-', '')));
      const ended = found.some(({ name }) => name === 'agent.task');
      const tools = found.filter(({ name }) => name === 'execute_tool http_post');
      return ended && tools.length >= 2 && orphansOf(found).length === 0 ? tools : undefined;
    });
    expect(calls.map(({ failed }) => failed).toSorted()).toEqual([false, true]);
    expect(counter.deeds('/traced')).toBe(1);
  });

  test('the configuration that is shipped passes the collector itself', async () => {
    const path = await provideOtelcol();
    const home = mkdtempSync(join(tmpdir(), 'mesh-otelcol-home-'));
    if (path === null) expect(collector.kind).toBe('receiver');
    else await validateConfig(path, home);
    rmSync(home, { recursive: true, force: true });
  });
});

function orphansOf(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans.filter(({ parentSpanId }) => parentSpanId !== '' && !ids.has(parentSpanId));
}

/** The attempt that was cut off is closed, and the next one links to it with the cause and what that cost. */
function expectCrash(spans: readonly ReceivedSpan[]): void {
  const cutOff = spans.filter(({ attributes }) => attributes['mesh.effect.outcome'] === 'cut_off');
  expect(cutOff).toHaveLength(1);
  const next = spans.filter(({ links }) => links.some(({ cause }) => cause === 'crash'));
  expect(next).toHaveLength(1);
  expect(next[0]?.links[0]?.spanId).toBe(cutOff[0]?.spanId);
  expect(next[0]?.parentSpanId).toBe(cutOff[0]?.parentSpanId);
  expect(next[0]?.attributes['mesh.crash.lost_ms']).toBeGreaterThan(0);
}

/** What was done before the crash is not told as done again by the process that folded it. */
function expectOnce(spans: readonly ReceivedSpan[]): void {
  const done = spans.filter(({ attributes }) => attributes['mesh.effect.outcome'] === 'done');
  const names = done.map(({ name, attributes }) => `${name} ${attributes['mesh.hop.index']}`);
  expect(names.toSorted()).toEqual(
    ['agent.retrieve 1', 'agent.llm_call 2', 'agent.review 3', 'agent.llm_call 4', 'agent.review 5']
      .concat(names.filter((name) => name.startsWith('agent.route')))
      .toSorted(),
  );
  const calls = spans.filter(({ name }) => name.startsWith('chat '));
  expect(calls).toHaveLength(2);
  expect(spans.filter(({ name }) => name.startsWith('execute_tool'))).toHaveLength(0);
}
