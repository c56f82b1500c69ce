/**
 * A task as its facts tell it, up to any of them. Owns: folding facts into what the pages of a task show; time travel is
 * folding fewer. Does not own: fetching facts, or where anything stands on a page.
 *
 * Invariants:
 * 1. Pure: the same facts and count give the same story.
 * 2. Linear in the number of facts: 10,000 are folded in a few milliseconds, so every step of the slider folds anew.
 * 3. An end is final.
 */
import type {
  AgentMessageData,
  Degraded,
  ErrorInfo,
  HopFinishedData,
  HopProgressData,
  HopStartedData,
  HopWaitingData,
  LoopAdvancedData,
  Loops,
  Result,
  Route,
  TaskAcceptedData,
  TaskInputAcceptedData,
  TaskInputRequiredData,
  TaskRoutedData,
  TokenUsage,
} from '../../../../schemas/events/generated.ts';
import type { TaskStatus } from '../../../../schemas/events/task-view.ts';
import type { Mark, Question, WireFact } from '../../../wire.ts';

export type SpanStatus = 'running' | 'completed' | 'failed' | 'unknown' | 'cancelled';

export interface Span {
  readonly key: string;
  readonly kind: 'route' | 'hop' | 'wait';
  /** Counted from 1; 0 for what is no hop. */
  readonly index: number;
  readonly step: string;
  readonly role: string;
  readonly attempt: number;
  readonly status: SpanStatus;
  readonly startMs: number;
  /** Null while it goes on. */
  readonly endMs: number | null;
  readonly engine: string;
  readonly summary: string;
  /** It waits for its turn, with so many before it: its time has not begun. */
  readonly waiting: { readonly role: string; readonly ahead: number } | null;
  readonly error: ErrorInfo | null;
  /** What a language model read and wrote for it; null where nobody has counted. */
  readonly usage: TokenUsage | null;
  /** Retries of its effects, as the journals tell. */
  readonly retries: readonly (Mark & { kind: 'retry' })[];
}

export interface Decision {
  readonly atMs: number;
  readonly phase: string;
  readonly next: string;
  readonly route: Route;
}

export type Turn =
  | { readonly kind: 'prompt'; readonly key: string; readonly atMs: number; readonly text: string }
  | { readonly kind: 'decision'; readonly key: string; readonly atMs: number; readonly decision: Decision }
  | {
      readonly kind: 'message';
      readonly key: string;
      readonly atMs: number;
      readonly fact: WireFact;
      readonly message: AgentMessageData;
    }
  | { readonly kind: 'hop'; readonly key: string; readonly atMs: number; readonly span: Span }
  | { readonly kind: 'loop'; readonly key: string; readonly atMs: number; readonly data: LoopAdvancedData }
  | { readonly kind: 'question'; readonly key: string; readonly atMs: number; readonly question: Question }
  | { readonly kind: 'answer'; readonly key: string; readonly atMs: number; readonly text: string }
  | {
      readonly kind: 'end';
      readonly key: string;
      readonly atMs: number;
      readonly status: TaskStatus;
      readonly result: Result;
    };

export interface TaskStory {
  readonly status: TaskStatus;
  readonly prompt: string;
  readonly workflow: string | null;
  readonly caller: string | null;
  readonly forkOf: { readonly correlationId: string; readonly hop: number } | null;
  readonly route: Route | null;
  readonly decisions: readonly Decision[];
  readonly steps: readonly { readonly step: string; readonly role: string }[];
  readonly spans: readonly Span[];
  readonly turns: readonly Turn[];
  readonly loops: Loops | null;
  readonly question: Question | null;
  readonly result: Result | null;
  readonly degraded: Degraded | null;
  readonly marks: readonly Mark[];
  /** Steps in the order in which they were entered. */
  readonly path: readonly string[];
  readonly startMs: number;
  /** Null while it goes on. */
  readonly endMs: number | null;
  readonly lastMs: number;
  /** Hops that were finished: the last one can be run again. */
  readonly hops: number;
  /** Tokens of the finished hops; null where nobody has counted any. */
  readonly usage: TokenUsage | null;
}

type Draft = { -readonly [K in keyof Span]: Span[K] };

interface Fold {
  story: { -readonly [K in keyof TaskStory]: TaskStory[K] };
  spans: Draft[];
  /** By index, those that have ended too. */
  hops: Map<number, Draft>;
  /** Hops that have not ended: few, however many there were. */
  running: Set<Draft>;
  wait: Draft | null;
  routing: Draft | null;
  turns: Turn[];
  decisions: Decision[];
  path: string[];
}

/** The task after the first `count` of its facts. */
export function storyAt(facts: readonly WireFact[], marks: readonly Mark[], count: number = facts.length): TaskStory {
  const end = Math.min(count, facts.length);
  const fold = blank(facts[0]?.atMs ?? 0);
  for (let at = 0; at < end && fold.story.endMs === null; at += 1) {
    const fact = facts[at];
    if (fact !== undefined) take(fold, fact);
  }
  const { story, spans } = fold;
  const isAll = end >= facts.length;
  const untilSeq = isAll ? Number.POSITIVE_INFINITY : (facts[end - 1]?.seq ?? 0);
  // The journals of a partition go on after the task has ended.
  const untilMs = story.endMs ?? Number.POSITIVE_INFINITY;
  story.marks = marks.filter(({ seq, atMs }) => seq <= untilSeq && atMs <= untilMs);
  attach(spans, story.marks);
  story.spans = spans;
  story.turns = fold.turns;
  story.decisions = fold.decisions;
  story.path = fold.path;
  return story;
}

function blank(startMs: number): Fold {
  return {
    story: {
      ...{ status: 'accepted', prompt: '', workflow: null, caller: null, forkOf: null, route: null, decisions: [] },
      ...{ steps: [], spans: [], turns: [], loops: null, question: null, result: null, degraded: null, marks: [] },
      ...{ path: [], startMs, endMs: null, lastMs: startMs, hops: 0, usage: null },
    },
    ...{
      spans: [],
      hops: new Map(),
      running: new Set(),
      wait: null,
      routing: null,
      turns: [],
      decisions: [],
      path: [],
    },
  };
}

function take(fold: Fold, fact: WireFact): void {
  const { story } = fold;
  const { atMs, id: key } = fact;
  story.lastMs = Math.max(story.lastMs, atMs);
  switch (fact.type) {
    case 'task.accepted': {
      const { prompt, workflow = null, caller = null, fork = null } = fact.data as TaskAcceptedData;
      Object.assign(story, { prompt, workflow, caller, forkOf: fork, startMs: atMs });
      fold.turns.push({ kind: 'prompt', key, atMs, text: prompt });
      fold.routing = draft({ key, kind: 'route', step: 'route', role: 'orchestrator', startMs: atMs });
      fold.spans.push(fold.routing);
      fold.path.push('accepted');
      break;
    }
    case 'task.routed':
      routed(fold, fact.data as TaskRoutedData, atMs, key);
      break;
    case 'hop.started':
      hopStarted(fold, fact.data as HopStartedData, atMs, key);
      break;
    case 'hop.progress':
      progressed(fold, fact.data as HopProgressData);
      break;
    case 'hop.waiting':
      waits(fold, fact.data as HopWaitingData);
      break;
    case 'hop.finished':
      hopFinished(fold, fact.data as HopFinishedData, atMs, key);
      break;
    case 'agent.message':
      fold.turns.push({ kind: 'message', key, atMs, fact, message: fact.data as AgentMessageData });
      break;
    case 'loop.advanced': {
      const data = fact.data as LoopAdvancedData;
      story.loops = data.loops;
      fold.turns.push({ kind: 'loop', key, atMs, data });
      break;
    }
    case 'task.input.required':
      asked(fold, fact.data as TaskInputRequiredData, atMs, key);
      break;
    case 'task.input.accepted':
      fold.turns.push({ kind: 'answer', key, atMs, text: (fact.data as TaskInputAcceptedData).text });
      answered(fold, atMs);
      story.status = 'running';
      break;
    case 'task.completed':
    case 'task.failed':
    case 'task.cancelled':
      ended(fold, fact.type.slice(5) as TaskStatus, (fact.data as { result: Result }).result, atMs, key);
      break;
    default:
      // A fact of a later release: the list of events shows it.
      break;
  }
}

function draft(of: Partial<Span> & Pick<Span, 'key' | 'kind' | 'step' | 'role' | 'startMs'>): Draft {
  return {
    ...{ index: 0, attempt: 1, status: 'running', endMs: null, engine: '', summary: '', waiting: null, error: null },
    ...{ usage: null, retries: [] },
    ...of,
  };
}

function routed(fold: Fold, data: TaskRoutedData, atMs: number, key: string): void {
  const { route, steps, phase = 'start', next = 'begin' } = data;
  const { story } = fold;
  story.status = 'running';
  if (next === 'begin') {
    story.route = route;
    story.steps = steps;
  }
  const decision = { atMs, phase, next, route };
  fold.decisions.push(decision);
  fold.turns.push({ kind: 'decision', key, atMs, decision });
  if (fold.path.at(-1) !== 'route') fold.path.push('route');
  const span = fold.routing;
  fold.routing = null;
  if (span !== null) {
    Object.assign(span, { endMs: atMs, status: 'completed', engine: route.engine, summary: route.reason });
    // Not the wait before it: the decision itself.
    span.startMs = Math.max(span.startMs, atMs - Math.max(1, route.ms));
  }
}

function hopStarted(fold: Fold, { index, role, step, attempt }: HopStartedData, atMs: number, key: string): void {
  answered(fold, atMs);
  fold.story.status = 'running';
  if (fold.hops.has(index)) return;
  const span = draft({ key, kind: 'hop', index, step, role, attempt, startMs: atMs });
  fold.spans.push(span);
  fold.hops.set(index, span);
  fold.running.add(span);
  fold.path.push(step);
}

/** A long effect says that it lives: of the latest open hop of its role. */
function progressed(fold: Fold, { role, note }: HopProgressData): void {
  for (const span of fold.running) if (span.role === role) span.summary = note;
}

/** Said by the step at work, of itself or of whom it asks; or its turn has come. */
function waits(fold: Fold, { role, waiting, ahead }: HopWaitingData): void {
  const span = [...fold.running].at(-1);
  if (span === undefined) return;
  span.waiting = waiting ? { role, ahead } : null;
  span.summary = waiting ? `waits for ${role === span.role ? 'its turn' : role}, ${ahead} before it` : '';
}

function hopFinished(fold: Fold, { hop, error }: HopFinishedData, atMs: number, key: string): void {
  let span = fold.hops.get(hop.index);
  if (span === undefined) {
    span = draft({ key, kind: 'hop', index: hop.index, step: hop.step, role: hop.role, startMs: atMs - hop.ms });
    fold.spans.push(span);
    fold.hops.set(hop.index, span);
    fold.path.push(hop.step);
  }
  const { attempt, status, engine, summary, usage = null } = hop;
  Object.assign(span, { attempt, status, engine, summary, usage, waiting: null, error: error ?? null });
  span.endMs = Math.max(span.startMs, atMs);
  fold.running.delete(span);
  fold.story.usage = plusTokens(fold.story.usage, usage);
  fold.story.hops = Math.max(fold.story.hops, hop.index);
  fold.turns.push({ kind: 'hop', key, atMs, span });
}

function plusTokens(sum: TokenUsage | null, more: TokenUsage | null): TokenUsage | null {
  if (sum === null || more === null) return sum ?? more;
  return { input: sum.input + more.input, output: sum.output + more.output };
}

function asked(fold: Fold, data: TaskInputRequiredData, atMs: number, key: string): void {
  const question = {
    id: data.questionId ?? key,
    text: data.question,
    reason: data.reason,
    choices: data.choices,
    askedAtMs: atMs,
  };
  Object.assign(fold.story, { status: 'input_required', question });
  fold.turns.push({ kind: 'question', key, atMs, question });
  fold.wait = draft({ key, kind: 'wait', step: 'a person', role: '', startMs: atMs, summary: data.question });
  fold.spans.push(fold.wait);
  fold.path.push('person');
}

function answered(fold: Fold, atMs: number): void {
  fold.story.question = null;
  if (fold.wait !== null) Object.assign(fold.wait, { endMs: atMs, status: 'completed' });
  fold.wait = null;
}

function ended(fold: Fold, status: TaskStatus, result: Result, atMs: number, key: string): void {
  answered(fold, atMs);
  for (const span of fold.spans) {
    if (span.endMs === null)
      Object.assign(span, { endMs: atMs, status: status === 'completed' ? 'completed' : 'cancelled', waiting: null });
  }
  const { story } = fold;
  Object.assign(story, {
    status,
    result,
    endMs: atMs,
    degraded: result.degraded ?? null,
    loops: result.loops ?? story.loops,
  });
  story.route ??= result.route ?? null;
  fold.turns.push({ kind: 'end', key, atMs, status, result });
  fold.path.push(status);
}

/** Each retry goes to the hop of its role that was at work then. Both are in the order of time. */
function attach(spans: readonly Draft[], marks: readonly Mark[]): void {
  for (const mark of marks) {
    if (mark.kind !== 'retry') continue;
    const span = spans.findLast(
      ({ role, startMs, endMs }) => role === mark.role && startMs <= mark.atMs && (endMs ?? mark.atMs) >= mark.atMs,
    );
    if (span !== undefined) span.retries = [...span.retries, mark];
  }
}
