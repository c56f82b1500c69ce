/** What `mesh doctor` and `mesh status` say of telemetry: whether a collector takes anything, and what did not arrive. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { telemetryCheck } from '../../../cli/doctor-telemetry.ts';
import { lossesIn, lossText } from '../../../cli/telemetry-losses.ts';
import { readSettings } from '../../../config/settings.ts';
import { metrics } from '../../../telemetry/metrics.ts';
import type { ToldSamples } from '../../../telemetry/prometheus-text.ts';
import { SpanCollector } from '../../support/span-collector.ts';

let home: string;
let collector: SpanCollector;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'mesh-doctor-'));
  collector = await SpanCollector.open();
});
afterEach(async () => {
  await collector.close();
  rmSync(home, { recursive: true });
});

const check = (endpoint?: string) =>
  telemetryCheck(
    readSettings({
      MESH_HOME: home,
      ...(endpoint === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }),
    }),
  );

test('a collector is asked as the processes ask it, with nothing in it', async () => {
  expect(await check(collector.endpoint)).toMatchObject({ status: 'ok', text: expect.stringContaining('answers') });
  expect(collector.requests).toBe(1);
  expect(collector.spans).toEqual([]);
});

test('one that refuses is told of, with what goes on without it', async () => {
  collector.refuses = true;
  expect(await check(collector.endpoint)).toMatchObject({
    status: 'warn',
    text: expect.stringMatching(/^the collector at http:\/\/127\.0\.0\.1:\d+\/? takes nothing: .+ Spans are kept for/),
  });
});

test('none is named in most meshes, and that is well', async () => {
  expect(await check()).toMatchObject({ status: 'ok', text: expect.stringContaining('no collector is named') });
  expect(collector.requests).toBe(0);
});

test('what did not arrive is added up over the processes, by where it was to go', () => {
  const told = (service: string, lost: Readonly<Record<string, number>>): ToldSamples => ({
    ...{ service, instance: 'desk' },
    samples: [
      {
        metric: metrics.spansDropped,
        points: Object.entries(lost).map(([destination, value]) => ({ labels: { destination }, value })),
      },
      { metric: metrics.spansSent, points: [{ labels: { destination: 'otlp' }, value: 7 }] },
    ],
  });
  const losses = lossesIn([told('agents', { otlp: 200, stream: 0 }), told('llm', { otlp: 10, otlp_logs: 3 })]);
  expect(losses).toEqual([
    { destination: 'otlp', lost: 210 },
    { destination: 'otlp_logs', lost: 3 },
  ]);
  expect(lossText(losses)).toBe(
    '210 spans did not reach the collector, 3 log lines did not reach the collector since the processes started',
  );
  expect(lossText(lossesIn([told('agents', { otlp: 0 })]))).toBeNull();
});
