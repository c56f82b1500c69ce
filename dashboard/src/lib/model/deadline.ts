/**
 * How long a task may still take. Owns: that waiting for people is not counted. Does not own: whose word the deadline is.
 */
import type { TaskStory } from './story.ts';

/** @returns milliseconds; 0 when it is over */
export function timeLeftMs({ spans, startMs, endMs }: TaskStory, deadlineMs: number, nowMs: number): number {
  const until = endMs ?? nowMs;
  const waitedMs = spans
    .filter(({ kind }) => kind === 'wait')
    .reduce((sum, span) => sum + Math.max(0, (span.endMs ?? until) - span.startMs), 0);
  return Math.max(0, deadlineMs - Math.max(0, until - startMs - waitedMs));
}
