/** What the runtime tells, as spans that a listener receives. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EffectError } from '../../../actors/runtime/errors.ts';
import type { AttemptFacts } from '../../../actors/runtime/ports.ts';
import { projectRoot } from '../../../config/settings.ts';
import { BreakerOpenError } from '../../../resilience/breakers.ts';
import type { EventName, MeshEvent } from '../../../schemas/events/envelope.ts';
import { type EffectSpansOptions, traceEffects } from '../../../services/effect-spans.ts';
import { createCounters } from '../../../telemetry/metrics.ts';
import { prometheusText } from '../../../telemetry/prometheus-text.ts';
import { attemptSpanId, type BegunSpan, type FinishedSpan, hopSpanId, taskSpanId } from '../../../telemetry/span.ts';
import { createTracer } from '../../../telemetry/tracer.ts';

const TASK = '7c9e6679-7425-40de-944b-e07fc1f90001';
const TRACE = '7c9e6679742540de944be07fc1f90001';
const HOST = 'desk-1';
const KEY = `${TASK}/tools/run/4`;
const facts: AttemptFacts = {
  ...{ role: 'tools', src: 'run', key: KEY, fence: 'keyed', attempt: 1, hop: 3, loops: 1, refusals: 1, queued: 4 },
  ...{ failures: 0, crashes: 0, pending: false, partition: 2, correlationId: TASK, waitedMs: 12.4 },
  traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
};

const golden = <N extends EventName>(name: N, data: object, hopindex = 0): MeshEvent<N> => {
  const path = join(projectRoot, 'schemas', 'events', 'golden', `${name}.json`);
  const event = JSON.parse(readFileSync(path, 'utf8')) as MeshEvent<N>;
  const ids = { correlationid: TASK, subject: TASK, traceparent: facts.traceparent, hopindex };
  return { ...event, ...ids, data: { ...event.data, ...data } };
};

const now = (work: () => void): void => work();

function traced(change: Partial<EffectSpansOptions> = {}) {
  const spans: FinishedSpan[] = [];
  const crashes: string[] = [];
  const counters = createCounters();
  const nothing = (): void => undefined;
  const tracing = traceEffects({
    tracer: createTracer({ finished: (span) => void spans.push(span) }),
    counters,
    recorder: { crashed: null, begun: nothing, event: nothing, late: now },
    process: { threads: () => 9, memoryLimitMb: () => 512, rssMb: () => 151 },
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    ...{ host: HOST, tracesPerSecond: 10, isFull: () => false, tellsContent: () => false },
    onCrash: (how) => void crashes.push(how),
    lastHeard: () => Promise.resolve(null),
    ...change,
  });
  return { tracing, spans, crashes, counters };
}

describe('the span of an attempt', () => {
  it('is inside of its hop, and says all that is known but its key', () => {
    const { tracing, spans } = traced();
    tracing.attempt(facts).end('done', null);
    expect(spans).toEqual([
      {
        ...{ traceId: TRACE, spanId: attemptSpanId(KEY, 1, HOST), parentSpanId: hopSpanId(TASK, 3), failure: null },
        ...{ name: 'agent.tool_call', kind: 'internal', startMs: expect.any(Number), endMs: expect.any(Number) },
        attributes: {
          ...{ 'mesh.correlation_id': TASK, 'mesh.role': 'tools', 'mesh.hop.index': 3, 'mesh.loops.remaining': 1 },
          ...{ 'mesh.effect.name': 'run', 'mesh.effect.fence': 'keyed', 'mesh.effect.attempt': 1 },
          ...{ 'mesh.effect.waited_ms': 12, 'mesh.effect.refusals': 1, 'mesh.queue.depth': 4 },
          ...{ 'mesh.effect.outcome': 'done', 'process.threads': 9, 'process.memory.rss_mb': 151 },
          'process.memory.limit_mb': 512,
        },
      },
    ]);
  });

  it('has the same id when it is told again', () => {
    const [one, other] = [traced(), traced()];
    for (const { tracing } of [one, other]) tracing.attempt(facts).end('done', null);
    expect(one.spans[0]?.spanId).toBe(other.spans[0]?.spanId);
  });

  it('holds the tool call or the generation as a span of its own, named by the conventions', () => {
    const { tracing, spans } = traced();
    const span = tracing.attempt(facts);
    span.set({ 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'calculator' });
    span.end('done', null);
    const attempt = attemptSpanId(KEY, 1, HOST);
    expect(spans.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
      ['execute_tool calculator', attempt],
      ['agent.tool_call', hopSpanId(TASK, 3)],
    ]);
  });

  it.each([
    ['chat small', { 'gen_ai.request.model': 'small' }],
    // Which model an endpoint has is known with its first answer.
    ['chat', {}],
  ])('is called %s, after the model that was asked', (name, asked) => {
    const { tracing, spans } = traced();
    const span = tracing.attempt({ ...facts, role: 'llm', src: 'generate' });
    span.set({ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', ...asked });
    span.set({ 'gen_ai.response.model': 'small-2' });
    span.end('done', null);
    expect(spans[0]).toMatchObject({ name, kind: 'client', attributes: { 'gen_ai.response.model': 'small-2' } });
  });

  it.each([
    ['orchestrator', 'route', 'agent.route'],
    ['llm', 'generate', 'agent.llm_call'],
    ['retriever', 'search', 'agent.retrieve'],
    ['reviewer', 'check', 'agent.review'],
    ['stranger', 'anything', 'agent.effect'],
  ])('of %s/%s is called %s', (role, src, name) => {
    const { tracing, spans } = traced();
    tracing.attempt({ ...facts, role, src }).end('done', null);
    expect(spans[0]?.name).toBe(name);
  });

  it('of the orchestrator is inside of the task', () => {
    const { tracing, spans } = traced();
    tracing.attempt({ ...facts, role: 'orchestrator', src: 'route' }).end('done', null);
    expect(spans[0]?.parentSpanId).toBe(taskSpanId(TASK));
  });

  it('names the breaker that refused it, and of an error its code alone', () => {
    const { tracing, spans } = traced();
    tracing.attempt(facts).end('failed', new BreakerOpenError('tool:x', 'open', 'left alone with SECRET'));
    tracing.attempt({ ...facts, attempt: 0 }).end('failed', new EffectError('overloaded', 'SECRET'));
    expect(spans[0]?.attributes).toMatchObject({
      ...{ 'error.type': 'breaker_open', 'mesh.breaker.name': 'tool:x', 'mesh.breaker.state': 'open' },
    });
    expect(spans.map(({ failure }) => failure)).toEqual(['breaker_open', 'overloaded']);
    expect(JSON.stringify(spans)).not.toContain('SECRET');
  });

  it('is told to nobody when its trace is not kept', () => {
    const { tracing, spans } = traced();
    tracing.attempt({ ...facts, traceparent: facts.traceparent.replace(/01$/, '00') }).end('done', null);
    tracing.attempt({ ...facts, traceparent: 'rubbish' }).end('done', null);
    expect(spans).toEqual([]);
  });

  it('counts its tool calls, generations and tokens whether its trace is kept or not', () => {
    for (const flags of ['00', '01']) {
      const { tracing, counters } = traced();
      const span = tracing.attempt({ ...facts, traceparent: facts.traceparent.replace(/01$/, flags) });
      span.set({ 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'calculator' });
      span.set({
        ...{ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'small' },
      });
      span.set({ 'gen_ai.usage.input_tokens': 30, 'gen_ai.usage.output_tokens': 4 });
      span.set({ 'gen_ai.usage.input_tokens': 31, 'gen_ai.usage.output_tokens': 5 });
      span.set({ 'gen_ai.response.model': 'small-2' });
      span.end('done', null);
      const told = prometheusText([{ service: 'llm', instance: 'desk', samples: counters.samples() }]);
      const who = 'service="llm",instance="desk"';
      const model = `${who},provider="openai",model="small-2"`;
      expect(told, flags).toContain(`mesh_tool_duration_seconds_count{${who},tool="calculator"} 1\n`);
      expect(told, flags).toContain(`mesh_model_duration_seconds_count{${model}} 1\n`);
      expect(told, flags).toContain(`mesh_tokens_total{${model},direction="input"} 31\n`);
      expect(told, flags).toContain(`mesh_tokens_total{${model},direction="output"} 5\n`);
    }
  });

  it('has what the task is about only where that may be told', () => {
    const content = () => ({ 'gen_ai.tool.call.arguments': '{"a":1}' });
    for (const tells of [false, true]) {
      const { tracing, spans } = traced({ tellsContent: () => tells });
      const span = tracing.attempt(facts);
      span.content?.(content);
      span.end('done', null);
      expect(JSON.stringify(spans).includes('gen_ai.tool.call.arguments')).toBe(tells);
    }
  });

  it('cuts a value that is long', () => {
    const { tracing, spans } = traced();
    const span = tracing.attempt(facts);
    span.set({ 'mesh.route.reason': 'x'.repeat(5000) });
    span.end('done', null);
    expect(spans[0]?.attributes['mesh.route.reason']).toBe('x'.repeat(1024));
  });
});

describe('an attempt after another one', () => {
  it('links to the one that failed', () => {
    const { tracing, spans, crashes } = traced();
    tracing.attempt(facts).end('failed', new EffectError('timeout', 'late'));
    tracing.attempt({ ...facts, attempt: 2, failures: 1 }).end('done', null);
    expect(spans[1]?.links).toEqual([{ traceId: TRACE, spanId: spans[0]?.spanId, cause: 'retry' }]);
    expect(crashes).toEqual([]);
  });

  it('links to the one that a crash cut off, says what that cost, and reports the crash', () => {
    const lastMs = Date.now() - 1500;
    const cutOff: BegunSpan = {
      ...{ traceId: TRACE, spanId: attemptSpanId(KEY, 1, HOST), parentSpanId: hopSpanId(TASK, 3) },
      ...{ name: 'agent.tool_call', kind: 'internal', startMs: lastMs - 100, attributes: {} },
    };
    const nothing = (): void => undefined;
    const { tracing, spans, crashes } = traced({
      recorder: {
        crashed: { pid: 7, lastMs, cutOff: [cutOff], resumed: [], unsent: [] },
        ...{ begun: nothing, event: nothing, late: now },
      },
    });
    tracing.attempt({ ...facts, attempt: 2, crashes: 1, pending: true }).end('done', null);
    expect(spans[0]?.links).toEqual([{ traceId: TRACE, spanId: cutOff.spanId, cause: 'crash' }]);
    expect(spans[0]?.attributes['mesh.crash.lost_ms']).toBeGreaterThanOrEqual(1500);
    expect(crashes).toEqual(['unfinished_effect']);
  });

  it('that was cut off before anybody counted it has another id than the next', () => {
    const id = attemptSpanId(KEY, 1, HOST);
    const cutOff = { traceId: TRACE, spanId: id, parentSpanId: '', name: 'x', startMs: 1, attributes: {} };
    const crashed = { pid: 7, lastMs: 2, cutOff: [{ ...cutOff, kind: 'internal' as const }], resumed: [], unsent: [] };
    const nothing = (): void => undefined;
    const { tracing, spans } = traced({
      recorder: { crashed, begun: nothing, event: nothing, late: now },
    });
    tracing.attempt({ ...facts, pending: true }).end('done', null);
    expect(spans[0]?.spanId).not.toBe(id);
    expect(spans[0]?.links?.[0]).toMatchObject({ spanId: id, cause: 'crash' });
  });

  const before = { host: 'desk-0', atMs: 1000, inOrder: false, here: false };
  const opened = { service: 'tools', partition: 2, checkpoint: 0, records: 1, tasks: 1, tookMs: 1, before };
  const asked = (atMs: number) => ({
    role: 'tools',
    event: golden('hop.requested', {}, 3),
    atMs,
    said: [],
    replayed: true,
  });

  it("closes another host's attempt when it takes over: from when it was asked to that host's last sign of life", async () => {
    const heardMs = Date.now() - 4000;
    const { tracing, spans, crashes } = traced({
      lastHeard: (host) => Promise.resolve(host === 'desk-0' ? heardMs : null),
    });
    tracing.applied(asked(900));
    tracing.opened(opened);
    const next = tracing.attempt({ ...facts, pending: true });
    await Promise.resolve();
    next.end('done', null);
    const [closed] = spans.filter(({ failure }) => failure === 'cut_off');
    expect(closed).toMatchObject({
      ...{ spanId: attemptSpanId(KEY, 1, 'desk-0'), startMs: 900, endMs: heardMs },
      attributes: {
        'mesh.effect.outcome': 'cut_off',
        'mesh.cut_off.reason': `host desk-0 was last heard of ${new Date(heardMs).toISOString()}`,
      },
    });
    const [again] = spans.filter(({ attributes }) => attributes['mesh.link.cause'] === 'takeover');
    expect(again?.links?.[0]).toMatchObject({ spanId: closed?.spanId, cause: 'takeover' });
    expect(again?.attributes['mesh.crash.lost_ms']).toBeGreaterThanOrEqual(4000);
    expect(again?.attributes['mesh.crash.lost_ms']).toBeLessThan(60_000);
    expect(crashes).toContain('takeover');
  });

  it.each([
    ['nobody heard the other host', null, 1000],
    ['its clock is ahead', Date.now() + 3_600_000, undefined],
  ])('when %s, it ends with the last record, and never after the next has begun', async (_when, heardMs, endMs) => {
    const { tracing, spans } = traced({ lastHeard: () => Promise.resolve(heardMs) });
    tracing.opened(opened);
    const next = tracing.attempt({ ...facts, pending: true });
    await Promise.resolve();
    next.end('done', null);
    const [closed, again] = ['cut_off', null].map((failure) =>
      spans.find((one) => one.failure === failure && one.name === 'agent.tool_call'),
    );
    expect(closed?.startMs).toBe(1000);
    expect(closed?.endMs).toBe(endMs ?? again?.startMs);
  });
});

describe('which traces are kept', () => {
  it('is said once, when a task is taken in: so many a second, all while everything is told', () => {
    let full = false;
    const { tracing } = traced({ tracesPerSecond: 1, isFull: () => full });
    const flags = () => Array.from({ length: 20 }, () => tracing.admit(facts.traceparent).slice(-2));
    const kept = flags().filter((flag) => flag === '01').length;
    expect(kept).toBeGreaterThanOrEqual(1);
    expect(kept).toBeLessThan(20);
    full = true;
    expect(flags().every((flag) => flag === '01')).toBe(true);
  });
});

describe('what a person did', () => {
  const nothingSaid = { atMs: Date.now(), said: [], replayed: false };

  it('a deed that is done again because a person wants it links to the hop that nobody knew the outcome of', () => {
    const { tracing, spans, crashes } = traced();
    tracing.applied({ ...nothingSaid, role: 'tools', event: golden('hop.requested', { repeat: true }, 4) });
    const again = { ...facts, fence: 'once' as const, hop: 4, key: `${TASK}/tools/run/9` };
    tracing.attempt(again).end('done', null);
    tracing.attempt({ ...again, key: `${TASK}/tools/run/10` }).end('done', null);
    const attempts = spans.filter(({ name }) => name === 'agent.tool_call');
    expect(attempts.map(({ links }) => links)).toEqual([
      [{ traceId: TRACE, spanId: hopSpanId(TASK, 3), cause: 'person' }],
      undefined,
    ]);
    expect(attempts[0]?.attributes['mesh.link.cause']).toBe('person');
    expect(crashes).toEqual([]);
  });

  it('a forked task links to the hop that it was forked from, in the trace of that task, if that is kept', () => {
    const ORIGIN = '7c9e6679-7425-40de-944b-e07fc1f90002';
    const other = '4bf92f3577b34da6a3ce929d0e0e4736';
    const linksOf = (flags: string): FinishedSpan['links'] => {
      const { tracing, spans } = traced();
      const traceparent = `00-${other}-00f067aa0ba902b7-${flags}`;
      const fork = { origin: { correlationId: ORIGIN, hop: 2, traceparent }, step: 'code', remainingLoops: 1 };
      const event = golden('task.submitted', { fork: { ...fork, artifacts: {} } });
      const ended = golden('task.completed', {});
      const said = [{ to: 'watchers', event: ended, way: 'fact' as const }];
      tracing.applied({ ...nothingSaid, role: 'orchestrator', event });
      tracing.applied({ ...nothingSaid, role: 'orchestrator', event: golden('hop.replied', {}), said });
      return spans.find(({ name }) => name === 'agent.task')?.links;
    };
    expect(linksOf('01')).toEqual([{ traceId: other, spanId: hopSpanId(ORIGIN, 2), cause: 'fork' }]);
    expect(linksOf('00')).toBeUndefined();
  });
});
