/** Numbers of agents, tools and models as a collector has them: by semantic-conventions-genai 0.1.0. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCounters } from '../../../telemetry/metrics.ts';
import { type Collector, openCollector } from '../../../telemetry/otlp.ts';
import { SpanCollector } from '../../support/span-collector.ts';

interface Point {
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
  readonly asDouble?: number;
  readonly count?: number;
}

interface Sent {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly Point[] };
  readonly histogram?: { readonly dataPoints: readonly Point[] };
}

let receiver: SpanCollector;
let collector: Collector;

beforeEach(async () => {
  receiver = await SpanCollector.open();
  collector = openCollector(receiver.endpoint, { service: 'mesh-llm', instance: 'desk', version: '0' });
});
afterEach(async () => {
  await collector.close();
  await receiver.close();
});

test('are called as the conventions call them, with the attributes that these require', async () => {
  const counters = createCounters();
  counters.observe('hopSeconds', { role: 'coder' }, 1);
  counters.observe('toolSeconds', { tool: 'calculator' }, 1);
  counters.observe('modelSeconds', { provider: 'openai', model: 'small' }, 1);
  counters.add('tokens', { provider: 'openai', model: 'small', direction: 'input' }, 30);
  counters.add('tokens', { provider: 'openai', model: 'small', direction: 'output' }, 4);
  counters.add('loops', { next: 'revise' });
  expect(await collector.sendMetrics(counters.samples(), 0)).toMatchObject({ kind: 'taken', rejected: 0 });

  const generation = { 'gen_ai.provider.name': 'openai', 'gen_ai.response.model': 'small' };
  expect(toldOf(receiver.texts[0] ?? '')).toEqual([
    ['gen_ai.invoke_agent.duration', { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'coder' }, 1],
    ['gen_ai.execute_tool.duration', { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'calculator' }, 1],
    ['gen_ai.client.inference.duration', { 'gen_ai.operation.name': 'chat', ...generation }, 1],
    ['gen_ai.client.inference.usage.input_tokens', { 'gen_ai.operation.name': 'chat', ...generation }, 30],
    ['gen_ai.client.inference.usage.output_tokens', { 'gen_ai.operation.name': 'chat', ...generation }, 4],
    ['mesh.loops', { next: 'revise' }, 1],
  ]);
});

function toldOf(text: string): unknown[] {
  const { resourceMetrics } = JSON.parse(text) as {
    readonly resourceMetrics: readonly { readonly scopeMetrics: readonly { readonly metrics: readonly Sent[] }[] }[];
  };
  return resourceMetrics
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    .flatMap(({ name, sum, histogram }) =>
      (sum ?? histogram)?.dataPoints.map(({ attributes, asDouble, count }) => [
        name,
        Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue])),
        asDouble ?? count,
      ]),
    );
}
