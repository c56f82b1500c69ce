/** How states look and are called. Owns: the words and tones of every state. */
import type { TaskStatus } from '../../../../schemas/events/task-view.ts';
import { duration } from '../model/format.ts';
import type { Span, SpanStatus } from '../model/story.ts';
import { line } from '../model/text.ts';

export type Tone = 'running' | 'done' | 'waiting' | 'failed' | 'cancelled' | 'plain';

const tones: Readonly<Record<TaskStatus, Tone>> = {
  accepted: 'running',
  running: 'running',
  input_required: 'waiting',
  completed: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
};

const labels: Readonly<Record<TaskStatus, string>> = {
  accepted: 'Accepted',
  running: 'Running',
  input_required: 'Waits for you',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

const spanTones: Readonly<Record<SpanStatus, Tone>> = {
  running: 'running',
  completed: 'done',
  failed: 'failed',
  unknown: 'waiting',
  cancelled: 'cancelled',
};

export const toneOf = (status: TaskStatus): Tone => tones[status] ?? 'plain';
export const labelOf = (status: TaskStatus): string => labels[status] ?? status;
export const spanToneOf = (status: SpanStatus): Tone => spanTones[status] ?? 'plain';

const reasons: Readonly<Record<string, string>> = {
  no_model: 'no language model is set up',
  model_failed: 'the model failed',
  model_slow: 'the model took too long',
  model_refused: 'the model declined',
  reply_cut: 'the reply was cut',
  not_checked: 'nobody has checked it',
};

export const degradedText = (reason: string): string => reasons[reason] ?? reason;

export function nameOfSpan(span: Span): string {
  if (span.kind === 'route') return 'route';
  return span.kind === 'wait' ? 'a person' : span.step;
}

/** What a screen reader says of it. */
export function describeSpan(span: Span, nowMs: number): string {
  const hop = `Hop ${span.index}, ${line(span.step, 60)} by ${line(span.role, 60)}`;
  const what = span.kind === 'hop' ? hop : span.kind === 'route' ? 'Routing' : 'Waits for a person';
  const tries = span.retries.length > 0 ? `, ${span.retries.length} retries` : '';
  return `${what}: ${span.status}, ${duration((span.endMs ?? nowMs) - span.startMs)}${tries}`;
}
