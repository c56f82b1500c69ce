/** Facts as a page gets them, for tests. Owns: short ways to write them. */
import type { WireFact } from '../../../../dashboard/wire.ts';

let made = 0;

export function fact(type: string, atMs: number, data: object, more: Partial<WireFact> = {}): WireFact {
  made += 1;
  return {
    ...{ seq: made, index: 0, id: `e${made}`, type, atMs, storedAtMs: atMs + 1, from: 'orchestrator', to: 'watchers' },
    ...{ cause: '', data, cutFrom: null },
    ...more,
  };
}

const route = {
  decision: 'build',
  confidence: 0.9,
  fallback: false,
  reason: 'so',
  probabilities: {},
  engine: 'x',
  ms: 4,
};
const steps = [
  { step: 'retrieve', role: 'retriever' },
  { step: 'code', role: 'coder' },
  { step: 'review', role: 'reviewer' },
];

export const accepted = (atMs: number, prompt = 'Write it') => fact('task.accepted', atMs, { prompt });
export const routed = (atMs: number, next = 'begin') => fact('task.routed', atMs, { route, steps, next });
export const started = (atMs: number, index: number, step: string, role: string, attempt = 1) =>
  fact('hop.started', atMs, { index, step, role, attempt });
export const finished = (atMs: number, index: number, step: string, role: string, status = 'completed', more = {}) =>
  fact('hop.finished', atMs, {
    hop: { index, step, role, attempt: 1, status, engine: 'e', summary: 's', ms: 1, ...more },
  });
export const completed = (atMs: number) =>
  fact('task.completed', atMs, {
    result: {
      ...{ outcome: 'answered', answer: 'ok', engine: 'e', citations: [], hops: [], messages: [] },
      loops: { used: 0, max: 2 },
    },
  });
