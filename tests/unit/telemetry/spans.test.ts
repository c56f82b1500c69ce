/** Spans as a collector receives them, over a real HTTP connection. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EffectError } from '../../../actors/runtime/errors.ts';
import type { AttemptFacts } from '../../../actors/runtime/ports.ts';
import { BreakerOpenError } from '../../../services/breakers.ts';
import { traceEffects } from '../../../services/effect-spans.ts';
import { createTracer, type Tracer } from '../../../telemetry/tracer.ts';
import { SpanCollector } from '../../support/span-collector.ts';

const LIMIT_MS = 15_000;
const facts: AttemptFacts = {
  ...{ role: 'tools', src: 'run', key: 'k/1', fence: 'keyed', attempt: 2, hop: 3, loops: 1, refusals: 1, queued: 4 },
  correlationId: '7c9e6679-7425-40de-944b-e07fc1f90001',
  traceparent: '00-7c9e6679742540de944be07fc1f90001-00f067aa0ba902b7-01',
  waitedMs: 12.4,
};
let collector: SpanCollector;
let tracer: Tracer;
let losses: string[];

const open = (endpoint = collector.endpoint): Tracer =>
  createTracer({
    ...{ endpoint, service: 'mesh-tools', instance: 'desk-1', version: '0.1.0' },
    onLoss: (reason) => void losses.push(reason),
  });
const traced = () => traceEffects(tracer, { threads: () => 9, memoryLimitMb: () => 512, rssMb: () => 151 });

beforeEach(async () => {
  losses = [];
  collector = await SpanCollector.open();
  tracer = open();
});
afterEach(async () => {
  await tracer.close();
  await collector.close();
});

describe('the span of an attempt', () => {
  it('is a child of the trace that travels with the task, and says all that is known', async () => {
    const span = traced().attempt(facts);
    span.set({ 'gen_ai.tool.name': 'calculator' });
    span.end('done', null);
    await tracer.close();
    expect(collector.spans).toEqual([
      {
        ...{ name: 'agent.tool_call', service: 'mesh-tools', spanId: expect.stringMatching(/^[0-9a-f]{16}$/) },
        ...{ traceId: '7c9e6679742540de944be07fc1f90001', parentSpanId: '00f067aa0ba902b7', failed: false },
        attributes: {
          ...{ 'mesh.correlation_id': facts.correlationId, 'mesh.role': 'tools', 'mesh.hop.index': 3 },
          ...{ 'mesh.loops.remaining': 1, 'mesh.effect.name': 'run', 'mesh.effect.key': 'k/1' },
          ...{ 'mesh.effect.fence': 'keyed', 'mesh.effect.attempt': 2, 'mesh.effect.waited_ms': 12 },
          ...{ 'mesh.effect.refusals': 1, 'mesh.queue.depth': 4, 'mesh.effect.outcome': 'done' },
          ...{ 'process.threads': 9, 'process.memory.rss_mb': 151, 'process.memory.limit_mb': 512 },
          'gen_ai.tool.name': 'calculator',
        },
      },
    ]);
  });

  it('names the breaker that refused it', async () => {
    traced()
      .attempt(facts)
      .end('failed', new BreakerOpenError('tool:x', 'open', 'left alone'));
    await tracer.close();
    expect(collector.spans[0]).toMatchObject({
      failed: true,
      attributes: { 'error.type': 'breaker_open', 'mesh.breaker.name': 'tool:x', 'mesh.breaker.state': 'open' },
    });
  });

  it('says which cap refused it', async () => {
    const error = new EffectError('overloaded', 'tools/run takes no more work: 10 wait already', { retryable: true });
    traced()
      .attempt({ ...facts, attempt: 0, fence: 'refused' })
      .end('failed', error);
    await tracer.close();
    expect(collector.spans[0]).toMatchObject({
      failed: true,
      attributes: { 'error.type': 'overloaded', 'mesh.overload.reason': error.message },
    });
  });

  it.each([
    ['orchestrator', 'route', 'agent.route'],
    ['llm', 'generate', 'agent.llm'],
    ['retriever', 'search', 'agent.retrieve'],
    ['stranger', 'anything', 'agent.effect'],
  ])('of %s/%s is called %s', async (role, src, name) => {
    traced()
      .attempt({ ...facts, role, src })
      .end('done', null);
    await tracer.close();
    expect(collector.spans[0]?.name).toBe(name);
  });

  it('goes nowhere when the caller did not sample the trace', async () => {
    traced()
      .attempt({ ...facts, traceparent: facts.traceparent.replace(/01$/, '00') })
      .end('done', null);
    await tracer.close();
    expect(collector.spans).toEqual([]);
  });

  it('cut short where a value is long, and a broken trace context makes a trace of its own', async () => {
    const span = traced().attempt({ ...facts, traceparent: 'rubbish' });
    span.set({ 'mesh.route.reason': 'x'.repeat(5000) });
    span.end('done', null);
    await tracer.close();
    expect(collector.spans[0]).toMatchObject({
      parentSpanId: '',
      attributes: { 'mesh.route.reason': 'x'.repeat(1024) },
    });
  });
});

describe('a collector that is away', () => {
  it('costs nothing but the spans, and is told of', async () => {
    await tracer.close();
    const gone = collector.endpoint;
    await collector.close();
    tracer = open(gone);
    traced().attempt(facts).end('done', null);
    const began = performance.now();
    await tracer.close();
    expect(performance.now() - began).toBeLessThan(LIMIT_MS);
    expect(losses.length).toBeGreaterThan(0);
    collector = await SpanCollector.open();
  });

  it('that answers again gets what came later', async () => {
    collector.away = true;
    traced().attempt(facts).end('done', null);
    await collector.asked(1, LIMIT_MS);
    collector.away = false;
    traced()
      .attempt({ ...facts, attempt: 3 })
      .end('done', null);
    await collector.span(({ attributes }) => attributes['mesh.effect.attempt'] === 3, LIMIT_MS, 'of attempt 3');
  });
});
