/** A collector that is down, slow, refuses or lies: over real HTTP, with OpenTelemetry's own exporters. */
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Collector, openCollector } from '../../../telemetry/otlp.ts';
import { createOutlet, type Outlet } from '../../../telemetry/outlet.ts';
import type { FinishedSpan } from '../../../telemetry/span.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { SpanCollector } from '../../support/span-collector.ts';

const LIMIT_MS = 60_000;
const QUEUE_MAX = 4096;
let receiver: SpanCollector;
let collector: Collector;
let outlet: Outlet<FinishedSpan>;
let losses: { destination: string; dropped: number; reason: string }[];
let done: number[];

const span = (at: number): FinishedSpan => ({
  ...{ traceId: '7c9e6679742540de944be07fc1f90001', spanId: at.toString(16).padStart(16, '0'), parentSpanId: '' },
  ...{ name: 'agent.hop', kind: 'internal', startMs: 1, endMs: 2, attributes: { 'mesh.role': 'coder' }, failure: null },
});
const open = (endpoint = receiver.endpoint): void => {
  collector = openCollector(endpoint, { service: 'mesh-agents', instance: 'desk', version: '0' });
  outlet = createOutlet({
    destination: collector.spans,
    onLoss: (what) => void losses.push(what),
    onDone: (n) => void done.push(n),
    everyMs: 5,
  });
};

beforeEach(async () => {
  losses = [];
  done = [];
  receiver = await SpanCollector.open();
});
afterEach(async () => {
  await outlet.close(10);
  await collector.close();
  await receiver.close();
});

describe('a collector', () => {
  it('that is well gets each span once, whole, in order', async () => {
    open();
    outlet.add({
      ...span(1),
      failure: 'timeout',
      links: [{ traceId: span(1).traceId, spanId: 'ab'.repeat(8), cause: 'crash' }],
    });
    for (let at = 2; at <= 1200; at += 1) outlet.add(span(at));
    await receiver.span(({ spanId }) => spanId === span(1200).spanId, LIMIT_MS, 'the last one');
    expect(receiver.spans.map(({ spanId }) => Number.parseInt(spanId, 16))).toEqual(
      Array.from({ length: 1200 }, (_, at) => at + 1),
    );
    expect(receiver.spans[0]).toMatchObject({
      ...{ name: 'agent.hop', service: 'mesh-agents', failed: true, attributes: { 'mesh.role': 'coder' } },
      links: [{ spanId: 'ab'.repeat(8), cause: 'crash' }],
    });
    expect(losses).toEqual([]);
  });

  it('that is silent holds a queue of so many and no more; taking one in takes no time', async () => {
    receiver.silent = true;
    open();
    const beganMs = cpuMs();
    for (let at = 1; at <= QUEUE_MAX + 50_000; at += 1) outlet.add(span(at));
    // Microseconds each: a task is told of without waiting for anybody.
    expect(cpuMs() - beganMs).toBeLessThan(2000);
    const { waiting, dropped, sent } = outlet.counts();
    expect(waiting).toBeLessThanOrEqual(QUEUE_MAX);
    expect({ all: waiting + dropped, sent }).toEqual({ all: QUEUE_MAX + 50_000, sent: 0 });
    expect(losses).toHaveLength(1);
    expect(losses[0]?.reason).toContain(`more than ${QUEUE_MAX}`);
    await outlet.close(50);
    expect(outlet.counts().dropped).toBe(50_000 + QUEUE_MAX);
    // What was lost in the quiet minute is told at the end of it, or here.
    expect(losses.reduce((sum, { dropped: told }) => sum + told, 0)).toBe(50_000 + QUEUE_MAX);
  });

  it('that refuses for good is not asked again about the same, and what comes later is sent', async () => {
    const refusing = await refuser(400);
    open(refusing.endpoint);
    outlet.add(span(1));
    await until(() => outlet.counts().dropped === 1);
    expect(outlet.counts()).toMatchObject({ waiting: 0, sent: 0 });
    expect(done).toEqual([1]);
    await refusing.close();
  });

  it('that takes the request and rejects what is in it is not believed', async () => {
    receiver.answer = JSON.stringify({ partialSuccess: { rejectedSpans: '2', errorMessage: 'too old' } });
    open();
    for (let at = 1; at <= 3; at += 1) outlet.add(span(at));
    await until(() => outlet.counts().waiting === 0);
    expect(outlet.counts()).toMatchObject({ sent: 1, dropped: 2 });
    expect(losses[0]).toMatchObject({ destination: 'otlp', dropped: 2 });
  });

  it('that answers with what is no answer loses nothing and stops nobody', async () => {
    receiver.answer = '<html>'.repeat(1000);
    open();
    outlet.add(span(1));
    await until(() => outlet.counts().waiting === 0);
    receiver.answer = null;
    outlet.add(span(2));
    await receiver.span(({ spanId }) => spanId === span(2).spanId, LIMIT_MS, 'the second');
  });

  it('that was away for a moment gets what was kept for it', async () => {
    receiver.away = true;
    open();
    outlet.add(span(1));
    await receiver.asked(1, LIMIT_MS);
    receiver.away = false;
    await receiver.span(({ spanId }) => spanId === span(1).spanId, LIMIT_MS, 'the first');
    await until(() => outlet.counts().sent === 1);
    expect(losses).toEqual([]);
  });
});

/** An HTTP server that knows one answer. */
async function refuser(status: number): Promise<{ endpoint: string; close(): Promise<void> }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return { endpoint: `http://127.0.0.1:${address.port}`, close };
}

/** Looks again at each turn of the event loop, until a deadline. */
async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`not within ${LIMIT_MS} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
