/** Calls of the gateway in a trace, as a collector receives them from the real process. */
import { afterAll, describe, expect, test } from 'vitest';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { asTask, connect, message, request } from '../../support/a2a.ts';
import { useGateway } from '../../support/gateway.ts';
import { answerPrompt } from '../../support/prompts.ts';
import { SpanCollector } from '../../support/span-collector.ts';

const LIMIT_MS = 90_000;
const collector = await SpanCollector.open();
afterAll(() => collector.close());
const gateway = useGateway('gateway-spans', {
  services: ['agents', 'llm', 'gateway'],
  env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint },
});

const spanOf = (name: string, taskId: string) =>
  collector.span(
    ({ name: its, attributes }) => its === name && attributes['mesh.correlation_id'] === taskId,
    LIMIT_MS,
    `${name} of ${taskId}`,
  );

describe('spans of calls', () => {
  test("a run is a child of the caller's span; the work on its task is in the same trace", async () => {
    const traceId = newCorrelationId().replaceAll('-', '');
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
    const { task } = await gateway().client.run({ prompt: answerPrompt }, { traceparent });
    const { correlationId } = task;
    expect(await spanOf('gateway.run', correlationId)).toMatchObject({
      ...{ service: 'mesh-gateway', traceId, parentSpanId: '00f067aa0ba902b7', failed: false },
      attributes: { 'mesh.caller': 'local' },
    });
    expect((await spanOf('agent.retrieve', correlationId)).traceId).toBe(traceId);
  });

  test("without a trace of the caller's, the task has its own; A2A is told in the same words", async () => {
    const client = await connect(gateway().http, 'JSONRPC');
    const { id } = asTask(await client.sendMessage(request(message(answerPrompt))));
    for (const name of ['gateway.submit', 'gateway.watch', 'agent.retrieve']) {
      expect((await spanOf(name, id)).traceId).toBe(id.replaceAll('-', ''));
    }
    for (const name of ['gateway.submit', 'gateway.watch']) {
      expect((await spanOf(name, id)).attributes['a2a.method.name']).toBe('SendMessage');
    }
  });

  test('a call that fails says why', async () => {
    const id = newCorrelationId();
    await expect(gateway().client.get(id)).rejects.toThrow();
    expect(await spanOf('gateway.get', id)).toMatchObject({
      failed: true,
      attributes: { 'error.type': 'UNKNOWN_TASK' },
    });
  });
});
