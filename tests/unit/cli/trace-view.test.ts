/** A trace in the terminal: what was told twice, what was cut off, what is folded. */
import { expect, test } from 'vitest';
import { traceLines } from '../../../cli/trace-view.ts';
import type { FinishedSpan } from '../../../telemetry/span.ts';
import { spansIn } from '../../../telemetry/trace-reader.ts';

const plain = { width: 120, paint: (_style: unknown, text: string) => text };
const resource = { service: 'mesh-agents', instance: 'desk', version: '0' };
const span = (id: string, parent: string, name: string, from: number, to: number, more = {}): FinishedSpan => ({
  ...{ traceId: 'a'.repeat(32), spanId: id, parentSpanId: parent, name, kind: 'internal', failure: null },
  ...{ startMs: from, endMs: to, attributes: more },
});
const cutOff = {
  'mesh.effect.name': 'check',
  'mesh.effect.outcome': 'cut_off',
  'mesh.cut_off.reason': 'process 7 ended without stopping',
};
const after = { 'mesh.effect.attempt': 2, 'mesh.link.cause': 'crash', 'mesh.crash.lost_ms': 2500 };
const told = [
  span('t', '', 'agent.task', 0, 5000, { 'mesh.task.status': 'completed' }),
  span('h', 't', 'agent.hop', 0, 5000, { 'mesh.role': 'reviewer' }),
  span('m', 'h', 'agent.message', 0, 0),
  span('1', 'h', 'agent.review', 100, 200, cutOff),
  span('2', 'h', 'agent.review', 2700, 4900, after),
];

test('a crash shows with its cause and its cost; a gap and messages are folded', () => {
  const lines = traceLines(spansIn([{ resource, spans: told }]), { ...plain, all: false });
  const text = lines.join('\n');
  expect(lines[0]).toContain('1 attempt cut off by a crash, 2.5 s lost');
  expect(text).toMatch(/agent\.review +╳+ .*cut off: process 7 ended without stopping/);
  expect(text).toMatch(/⋯ .*nothing for 2\.5 s/);
  expect(text).toMatch(/agent\.review .*attempt 2 · after a crash, 2\.5 s lost/);
  expect(text).toMatch(/· .*1 message/);
  expect(text).not.toContain('agent.message');
});

test('a crash that cut nothing off shows as well, and what two tell of is lost once', () => {
  const still = { ...{ 'mesh.cut_off.reason': 'process 7 ended without stopping' }, 'mesh.crash.lost_ms': 2400 };
  const waited = span('r', 't', 'agent.replay', 200, 2600, still);
  const linesOf = (...spans: FinishedSpan[]): string[] =>
    traceLines(spansIn([{ resource, spans: [...told.slice(0, 2), ...spans] }]), { ...plain, all: false });
  expect(linesOf(waited)[0]).toContain('stood still once after a crash, 2.4 s lost');
  expect(linesOf(waited).join('\n')).toMatch(/agent\.replay +╳+ .*stood still: process 7 ended without stopping/);
  expect(linesOf(waited, ...told.slice(3))[0]).toContain('1 attempt cut off by a crash, 2.5 s lost');
});

test('an attempt is cut off once, whatever was inside of it', () => {
  const { 'mesh.effect.name': _name, ...inside } = cutOff;
  const spans = [...told, span('c', '1', 'chat small', 120, 200, inside)];
  const lines = traceLines(spansIn([{ resource, spans }]), { ...plain, all: false });
  expect(lines[0]).toContain('1 attempt cut off by a crash, 2.5 s lost');
  expect(lines.join('\n')).toMatch(/chat small +╳+ .*cut off: process 7 ended without stopping/);
});

test('messages are shown where all is wanted', () => {
  const lines = traceLines(spansIn([{ resource, spans: told }]), { ...plain, all: true });
  expect(lines.join('\n')).toContain('agent.message');
});

test('what was told twice is one span, and its later end counts', () => {
  const spans = spansIn([
    { resource, spans: told },
    { resource, spans: [span('1', 'h', 'agent.review', 100, 900)] },
    { resource, spans: [span('t', '', 'agent.task', 0, 10)] },
  ]);
  expect(spans).toHaveLength(told.length);
  expect(spans.find(({ spanId }) => spanId === '1')?.endMs).toBe(900);
  expect(spans.find(({ spanId }) => spanId === 't')?.endMs).toBe(5000);
});

test('a span whose parent was not told of is shown, marked and counted', () => {
  const lines = traceLines(spansIn([{ resource, spans: told.slice(3) }]), { ...plain, all: false });
  expect(lines[0]).toContain('2 spans whose parent is still open or was not told');
  expect(lines.filter((line) => line.startsWith('? agent.review'))).toHaveLength(2);
});
