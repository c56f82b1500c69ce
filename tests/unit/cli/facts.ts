/** Facts for the tests of this folder: complete, valid events, built from their short name and data. */

import { type EventName, type MeshEvent, typeOf, validateEvent } from '../../../schemas/events/envelope.ts';
import type { Fact } from '../../../schemas/events/fact.ts';
import type { DataByName, HopRecord, Result } from '../../../schemas/events/generated.ts';
import { outputEventId } from '../../../schemas/events/ids.ts';
import { traceparentFor } from '../../../schemas/events/trace-context.ts';

export const taskId = '6f1c2d3e-0000-4000-8000-000000000001';
export const startMs = 1_700_000_000_000;

export interface FactOptions {
  readonly task?: string;
  readonly sender?: string;
  readonly recipient?: string;
}

/** Facts one after the other, ten milliseconds apart; the n-th has sequence n. */
export function trail(...parts: (readonly [EventName, unknown, FactOptions?])[]): Fact[] {
  return parts.map(([name, data, options], i) => fact(i + 1, name, data as DataByName[EventName], options));
}

export function fact<N extends EventName>(n: number, name: N, data: DataByName[N], options: FactOptions = {}): Fact {
  const correlationid = options.task ?? taskId;
  const id = outputEventId(correlationid, 'orchestrator', n, 0);
  const event = {
    specversion: '1.0',
    id,
    source: '/mesh/orchestrator',
    type: typeOf(name),
    subject: correlationid,
    time: new Date(startMs + n * 10).toISOString(),
    datacontenttype: 'application/json',
    correlationid,
    causationid: 'test',
    hopindex: 0,
    remainingloops: 2,
    senderrole: options.sender ?? 'orchestrator',
    recipientrole: options.recipient ?? 'watchers',
    release: 1,
    traceparent: traceparentFor(correlationid, id),
    data,
  };
  const valid = validateEvent(event);
  if (!valid.ok) throw new Error(`${name}: ${valid.rejection.reason}`);
  const atMs = startMs + n * 10;
  return { event: valid.value satisfies MeshEvent, seq: n, index: 0, atMs, storedAtMs: atMs };
}

const route = {
  decision: 'build',
  confidence: 0.82,
  fallback: false,
  reason: 'it asks for code',
  probabilities: { build: 0.82, answer: 0.18 },
  engine: 'rules',
  ms: 1,
};

const steps = [
  { step: 'retrieve', role: 'retriever' },
  { step: 'code', role: 'coder' },
  { step: 'review', role: 'reviewer' },
];

export function hop(index: number, role: string, part: Partial<HopRecord> = {}): HopRecord {
  return {
    index,
    step: role,
    role,
    attempt: 1,
    status: 'completed',
    engine: '',
    summary: `${role} did it`,
    ms: 12,
    ...part,
  };
}

export function result(part: Partial<Result> = {}): Result {
  return {
    outcome: 'answered',
    answer: 'Because of the ledger [1].',
    engine: 'extractive',
    citations: [{ marker: 1, path: 'README.md', heading: 'Why', startLine: 3, endLine: 9 }],
    hops: [],
    messages: [],
    loops: { used: 0, max: 2 },
    ...part,
  };
}

export const accepted = ['task.accepted', { prompt: 'Write a debounce function' }] as const;
export const routed = ['task.routed', { route, steps }] as const;
