/** A crash in the trace of each task that was open: also when nothing of the task ran in the process that ended. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { OpenedFacts } from '../../../actors/runtime/ports.ts';
import { projectRoot } from '../../../config/settings.ts';
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import { partitionOf } from '../../../schemas/events/subjects.ts';
import { createReplaySpans, type ReplaySpansOptions } from '../../../services/replay-spans.ts';
import type { CrashedFlight } from '../../../telemetry/flight-recorder.ts';
import { type FinishedSpan, taskSpanId } from '../../../telemetry/span.ts';
import { createTracer } from '../../../telemetry/tracer.ts';

const TASK = '7c9e6679-7425-40de-944b-e07fc1f90001';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const partition = partitionOf(TASK);

function told(change: Partial<ReplaySpansOptions> = {}) {
  const spans: FinishedSpan[] = [];
  const replays = createReplaySpans({
    ...{ tracer: createTracer({ finished: (span) => void spans.push(span) }), recorder: { crashed: null } },
    ...{ host: 'desk-1', lastHeard: () => Promise.resolve(null) },
    ...change,
  });
  return { replays, ofTask: () => spans.filter(({ parentSpanId }) => parentSpanId === taskSpanId(TASK)) };
}

const opened = (before: Partial<NonNullable<OpenedFacts['before']>> = {}): OpenedFacts => ({
  ...{ service: 'agents', partition, checkpoint: 0, records: 3, tasks: 1, tookMs: 1 },
  before: { host: 'desk-0', atMs: 1000, inOrder: false, here: true, ...before },
});

const crashedAt = (lastMs: number): Pick<ReplaySpansOptions, 'recorder'> => {
  const open = { traceId: TRACE, spanId: taskSpanId(TASK), parentSpanId: '', name: 'agent.task', startMs: 1 };
  const span = { ...open, kind: 'internal' as const, attributes: { 'mesh.correlation_id': TASK } };
  const crashed: CrashedFlight = { pid: 7, lastMs, cutOff: [], resumed: [span], unsent: [] };
  return { recorder: { crashed } };
};

const asked = (flags = '01'): MeshEvent => {
  const path = join(projectRoot, 'schemas', 'events', 'golden', 'hop.replied.json');
  const event = JSON.parse(readFileSync(path, 'utf8')) as MeshEvent;
  return { ...event, correlationid: TASK, traceparent: `00-${TRACE}-00f067aa0ba902b7-${flags}` };
};

test('an open task stood still from the last sign of the process to the opening, and says so in its trace', async () => {
  const lastMs = Date.now() - 2500;
  const { replays, ofTask } = told(crashedAt(lastMs));
  replays.opened(opened());
  replays.opened(opened());
  await Promise.resolve();
  expect(ofTask()).toMatchObject([
    {
      ...{ name: 'agent.replay', traceId: TRACE, startMs: lastMs, failure: null },
      attributes: {
        ...{ 'mesh.correlation_id': TASK, 'mesh.left': 'cut_off', 'mesh.replay': true, 'mesh.link.cause': 'crash' },
        'mesh.cut_off.reason': 'process 7 ended without stopping',
      },
    },
  ]);
  expect(ofTask()[0]?.attributes['mesh.crash.lost_ms']).toBeGreaterThanOrEqual(2500);
});

test('whoever takes it over knows it by what was folded, and the end of the other host by its last heartbeat', async () => {
  const heardMs = Date.now() - 4000;
  const { replays, ofTask } = told({ lastHeard: (host) => Promise.resolve(host === 'desk-0' ? heardMs : null) });
  replays.folded(asked());
  replays.opened(opened({ here: false }));
  await Promise.resolve();
  expect(ofTask()).toMatchObject([
    { startMs: heardMs, attributes: { 'mesh.left': 'taken_over', 'mesh.link.cause': 'takeover' } },
  ]);
  expect(ofTask()[0]?.attributes['mesh.cut_off.reason']).toContain('host desk-0 was last heard of');
});

test.each([
  ['its host stopped in order', { inOrder: true }, '01', false],
  ['its trace is not kept', { here: false }, '00', false],
  ['it ended in what was folded', { here: false }, '01', true],
])('nothing is told when %s', async (_when, before, flags, ends) => {
  const { replays, ofTask } = told();
  replays.folded(asked(flags));
  if (ends) replays.ended(TASK);
  replays.opened(opened(before));
  await Promise.resolve();
  expect(ofTask()).toEqual([]);
});
