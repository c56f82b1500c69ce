/**
 * A task as a line of a list. Owns: its form, and folding facts into it. Does not own: keeping it (`index-store.ts`).
 *
 * Invariants:
 * 1. Pure: the same facts give the same line, and a fact that comes twice changes nothing (S5).
 * 2. It says what the view of the task says (`schemas/events/task-view.ts`), as far as a line goes.
 */
import type { Fact } from '../schemas/events/fact.ts';
import type { Loops, Result } from '../schemas/events/generated.ts';
import { isEnded, type TaskView } from '../schemas/events/task-view.ts';
import { writingIn } from './writing.ts';

export interface TaskSummary {
  readonly correlationId: string;
  readonly status: TaskView['status'];
  /** Its beginning. */
  readonly prompt: string;
  readonly workflow: string | null;
  readonly caller: string | null;
  /** The caller's own name for it. */
  readonly key: string | null;
  /** The context of an A2A client; null for a task that is a context of its own. */
  readonly contextId: string | null;
  readonly route: string | null;
  readonly hops: number;
  readonly loops: Loops | null;
  /** The open question; null when nothing is asked. */
  readonly questionId: string | null;
  /** Its beginning. */
  readonly question: string | null;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
}

/** A line and what folding on needs. */
export interface FoldedSummary extends TaskSummary {
  /** Marks of the events that were folded, as long as a repetition could change something: until the task has ended. */
  readonly seen: string;
}

/** A prompt in a list. */
const SHOWN_CHARACTERS_MAX = 200;
/** Digits of an event's id, which is a hash: enough among the facts of one task. */
const MARK_CHARACTERS = 18;

export function emptySummary(correlationId: string): FoldedSummary {
  return {
    ...{
      correlationId,
      status: 'accepted',
      prompt: '',
      workflow: null,
      caller: null,
      key: null,
      contextId: null,
      route: null,
    },
    ...{ hops: 0, loops: null, questionId: null, question: null, startedAtMs: 0, updatedAtMs: 0, seen: '' },
  };
}

export function foldSummary(summary: FoldedSummary, fact: Fact): FoldedSummary {
  const { event, atMs, storedAtMs } = fact;
  const mark = event.id.slice(0, MARK_CHARACTERS);
  if (event.correlationid !== summary.correlationId || hasSeen(summary.seen, mark)) return summary;
  const next: FoldedSummary = {
    ...summary,
    startedAtMs: summary.startedAtMs === 0 ? atMs : summary.startedAtMs,
    updatedAtMs: Math.max(summary.updatedAtMs, storedAtMs),
  };
  if (isEnded(summary.status)) return next;
  const changes = change(next, fact);
  if (changes === null) return next;
  const whole = { ...next, ...changes };
  return { ...whole, seen: isEnded(whole.status) ? '' : summary.seen + mark };
}

function hasSeen(seen: string, mark: string): boolean {
  for (let at = 0; at < seen.length; at += MARK_CHARACTERS) if (seen.startsWith(mark, at)) return true;
  return false;
}

const nothingAsked = { questionId: null, question: null } as const;

/** What a fact changes; null for one that a list does not show. */
function change(summary: FoldedSummary, { event }: Fact): Partial<FoldedSummary> | null {
  switch (event.type) {
    case 'dev.agentmesh.task.accepted.v1': {
      const { prompt, workflow = null, caller = null, key = null, conversation } = event.data;
      return { prompt: shown(prompt), workflow, caller, key, contextId: conversation?.contextId ?? null };
    }
    case 'dev.agentmesh.task.routed.v1': {
      const { route, next = 'begin' } = event.data;
      return { status: 'running', ...(next === 'begin' ? { route: route.decision } : {}) };
    }
    case 'dev.agentmesh.hop.started.v1':
      return { status: 'running', ...nothingAsked, hops: Math.max(summary.hops, event.data.index) };
    case 'dev.agentmesh.hop.finished.v1':
      return { status: 'running', hops: Math.max(summary.hops, event.data.hop.index) };
    case 'dev.agentmesh.loop.advanced.v1':
      return { loops: event.data.loops };
    case 'dev.agentmesh.task.input.required.v1': {
      const { question, questionId = event.id } = event.data;
      return { status: 'input_required', questionId, question: shown(question) };
    }
    case 'dev.agentmesh.task.input.accepted.v1':
      return { status: 'running', ...nothingAsked };
    // Nothing of these is shown, but what somebody wrote counts once.
    case 'dev.agentmesh.task.input.refused.v1':
    case 'dev.agentmesh.agent.message.v1':
      return writingIn(event, summary.caller) === null ? null : {};
    case 'dev.agentmesh.task.completed.v1':
      return { status: 'completed', ...ended(summary, event.data.result) };
    case 'dev.agentmesh.task.failed.v1':
      return { status: 'failed', ...ended(summary, event.data.result) };
    case 'dev.agentmesh.task.cancelled.v1':
      return { status: 'cancelled', ...ended(summary, event.data.result) };
    default:
      return null;
  }
}

/** The result is the whole truth about a task that ended. */
function ended({ route, hops }: TaskSummary, result: Result): Partial<TaskSummary> {
  return {
    ...nothingAsked,
    route: result.route?.decision ?? route,
    loops: result.loops,
    hops: result.hops.length > 0 ? result.hops.length : hops,
  };
}

function shown(text: string): string {
  return [...text.slice(0, 2 * SHOWN_CHARACTERS_MAX)].slice(0, SHOWN_CHARACTERS_MAX).join('');
}
