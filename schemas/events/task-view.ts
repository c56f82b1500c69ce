/**
 * What is known about a task, folded from its public facts. Owns: the one reading of facts that `run`, `tasks`, `show`
 * and `watch` share. Does not own: fetching facts, or how a task looks on a terminal (task-text.ts).
 *
 * Invariants:
 * 1. Pure: the same facts give the same view; a fact seen twice (same event id) changes nothing (S5).
 * 2. An end is final: no fact after `completed`, `failed` or `cancelled` changes the status or the result.
 * 3. A log whose beginning has expired still gives a view, with what is left.
 */
import type { MeshEvent } from './envelope.ts';
import type { Fact } from './fact.ts';
import type {
  Conversation,
  ErrorInfo,
  ForkOrigin,
  HopRecord,
  HopWaitingData,
  Loops,
  Message,
  Result,
  Route,
  RouteNext,
  TaskInputRefusedData,
  TaskInputRequiredData,
  TaskRoutedData,
  TokenUsage,
} from './generated.ts';

export type TaskStatus = 'accepted' | 'running' | 'input_required' | 'completed' | 'failed' | 'cancelled';

export interface HopView {
  readonly index: number;
  readonly step: string;
  readonly role: string;
  readonly attempt: number;
  readonly status: HopRecord['status'] | 'running';
  readonly engine: string;
  readonly summary: string;
  /** From request to reply; null while it runs. */
  readonly ms: number | null;
  /** What a language model read and wrote for it, where its server counts tokens. */
  readonly usage?: TokenUsage;
  /** The latest sign of life of a long step. */
  readonly note?: string;
  /** It waits for its turn, with so many before it: its time has not begun. */
  readonly waiting?: { readonly role: string; readonly ahead: number };
  readonly error?: ErrorInfo;
}

export interface MessageView {
  readonly from: string;
  readonly to: string;
  readonly atMs: number;
  readonly text: string;
  readonly message: Message;
}

/** A question to a person, or the answer that was taken. */
export interface TurnView {
  readonly kind: 'question' | 'answer';
  /** Of the event. */
  readonly id: string;
  readonly atMs: number;
  readonly text: string;
  /** The name of the answer: the message that it came in by A2A, or what its door called it. */
  readonly messageId: string | null;
  /** The question that is asked or answered: by the task's name for it, or else the id of its event. */
  readonly questionId: string;
  /** Who answered; null when that is not known. */
  readonly caller: string | null;
  /** Nobody answered in time: the answer is the question's default. */
  readonly byDefault: boolean;
}

/** An answer that was not taken. */
export interface RefusalView extends TaskInputRefusedData {
  readonly atMs: number;
}

/** The open question. */
export interface QuestionView extends TaskInputRequiredData {
  /** By the task's name for it; for tasks of before release 4 the id of its event. */
  readonly questionId: string;
}

export interface DecisionView {
  readonly phase: NonNullable<TaskRoutedData['phase']>;
  readonly next: RouteNext;
  readonly route: Route;
}

export interface TaskView {
  readonly taskId: string;
  /** Empty when the beginning of the task has left the log. */
  readonly prompt: string;
  readonly workflow: string | null;
  readonly caller: string | null;
  /** The caller's own name of it; null when it has none. */
  readonly key: string | null;
  /** What it runs again; null for a task of its own. */
  readonly fork: ForkOrigin | null;
  /** The A2A message it came from; null when it came by another way. */
  readonly conversation: Conversation | null;
  readonly status: TaskStatus;
  /** The decision that the task works by: of its start, or of the time when it left that workflow. */
  readonly route: Route | null;
  /** Every decision, in order. */
  readonly decisions: readonly DecisionView[];
  readonly steps: readonly { readonly step: string; readonly role: string }[];
  readonly hops: readonly HopView[];
  readonly messages: readonly MessageView[];
  readonly loops: Loops | null;
  /** The open question; null when nothing is asked. */
  readonly question: QuestionView | null;
  /** Every question and every answer that was taken, in order. */
  readonly turns: readonly TurnView[];
  /** Answers that were not taken, in order. */
  readonly refusals: readonly RefusalView[];
  readonly result: Result | null;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  readonly seenIds: ReadonlySet<string>;
}

export function emptyView(taskId: string): TaskView {
  return {
    taskId,
    prompt: '',
    workflow: null,
    caller: null,
    key: null,
    fork: null,
    conversation: null,
    status: 'accepted',
    route: null,
    decisions: [],
    steps: [],
    hops: [],
    messages: [],
    loops: null,
    question: null,
    turns: [],
    refusals: [],
    result: null,
    startedAtMs: 0,
    updatedAtMs: 0,
    seenIds: new Set(),
  };
}

export function isEnded(status: TaskStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** True for the fact that ends a task. */
export function isEnd(event: MeshEvent): event is MeshEvent<'task.completed' | 'task.failed' | 'task.cancelled'> {
  return (
    event.type === 'dev.agentmesh.task.completed.v1' ||
    event.type === 'dev.agentmesh.task.failed.v1' ||
    event.type === 'dev.agentmesh.task.cancelled.v1'
  );
}

/** The text parts of an A2A message. */
export function messageText(message: Message): string {
  return message.parts
    .map((part) => part.text ?? '')
    .filter((text) => text !== '')
    .join('\n');
}

export function foldTask(view: TaskView, fact: Fact): TaskView {
  if (fact.event.correlationid !== view.taskId || view.seenIds.has(fact.event.id)) return view;
  return { ...nextView(view, fact), seenIds: new Set(view.seenIds).add(fact.event.id) };
}

/**
 * The view after a fact of this task that was not seen before. For a reader that keeps the ids itself: each view holding
 * its own is quadratic in the number of facts.
 */
export function nextView(view: TaskView, fact: Fact): TaskView {
  const next: TaskView = {
    ...view,
    startedAtMs: view.startedAtMs === 0 ? fact.atMs : view.startedAtMs,
    updatedAtMs: Math.max(view.updatedAtMs, fact.storedAtMs),
  };
  return isEnded(view.status) ? next : { ...next, ...change(next, fact) };
}

export function foldAll(taskId: string, facts: Iterable<Fact>): TaskView {
  let view = emptyView(taskId);
  for (const fact of facts) view = foldTask(view, fact);
  return view;
}

/** What one fact changes. Facts that only the trail shows change nothing here. */
function change(view: TaskView, { event, atMs }: Fact): Partial<TaskView> {
  switch (event.type) {
    case 'dev.agentmesh.task.accepted.v1': {
      const { prompt, workflow = null, caller = null, key = null, fork = null, conversation = null } = event.data;
      return { prompt, workflow, caller, key, fork, conversation };
    }
    case 'dev.agentmesh.task.routed.v1':
      return { status: 'running', ...routed(view, event.data) };
    case 'dev.agentmesh.hop.started.v1':
      return { status: 'running', question: null, hops: withHop(view.hops, { ...event.data, ...running }) };
    case 'dev.agentmesh.hop.progress.v1':
      return { hops: withNote(view.hops, event.data.role, event.data.note) };
    case 'dev.agentmesh.hop.waiting.v1':
      return { hops: withWaiting(view.hops, event.data) };
    case 'dev.agentmesh.hop.finished.v1': {
      const { hop, error } = event.data;
      return { status: 'running', hops: withHop(view.hops, error === undefined ? hop : { ...hop, error }) };
    }
    case 'dev.agentmesh.agent.message.v1':
      return { messages: [...view.messages, messageView(event, atMs)] };
    case 'dev.agentmesh.loop.advanced.v1':
      return { loops: event.data.loops };
    case 'dev.agentmesh.task.input.required.v1':
      return asked(view, event, atMs);
    case 'dev.agentmesh.task.input.accepted.v1':
      return answered(view, event, atMs);
    case 'dev.agentmesh.task.input.refused.v1':
      return { refusals: [...view.refusals, { ...event.data, atMs }].slice(-REFUSALS_MAX) };
    case 'dev.agentmesh.task.completed.v1':
      return { status: 'completed', ...viewOfResult(view, event.data.result) };
    case 'dev.agentmesh.task.failed.v1':
      return { status: 'failed', ...viewOfResult(view, event.data.result) };
    case 'dev.agentmesh.task.cancelled.v1':
      return { status: 'cancelled', ...viewOfResult(view, event.data.result) };
    default:
      return {};
  }
}

/** The latest are enough: whoever waits for one waits for it now. */
const REFUSALS_MAX = 100;

function asked(view: TaskView, { id, data }: MeshEvent<'task.input.required'>, atMs: number): Partial<TaskView> {
  const { question: text, questionId = id } = data;
  const turn = {
    kind: 'question',
    id,
    atMs,
    text,
    messageId: null,
    questionId,
    caller: null,
    byDefault: false,
  } as const;
  return { status: 'input_required', question: { ...data, questionId }, turns: [...view.turns, turn] };
}

function answered(view: TaskView, { id, data }: MeshEvent<'task.input.accepted'>, atMs: number): Partial<TaskView> {
  const { text, messageId = null, caller = null, byDefault = false } = data;
  const open = view.turns.findLast(({ kind }) => kind === 'question')?.questionId ?? '';
  const { questionId = open } = data;
  const turn = { kind: 'answer', id, atMs, text, messageId, questionId, caller, byDefault } as const;
  return { status: 'running', question: null, turns: [...view.turns, turn] };
}

/** On the way a decision may leave the task where it is: then its route stays what it was. */
function routed(view: TaskView, { route, steps, phase = 'start', next = 'begin' }: TaskRoutedData): Partial<TaskView> {
  const decisions = [...view.decisions, { phase, next, route }];
  return next === 'begin' ? { route, steps, decisions } : { decisions };
}

const running = { status: 'running', engine: '', summary: '', ms: null } as const;

function withHop(hops: readonly HopView[], hop: HopView): readonly HopView[] {
  const others = hops.filter((one) => one.index !== hop.index);
  return [...others, hop].sort((a, b) => a.index - b.index);
}

function withNote(hops: readonly HopView[], role: string, text: string): readonly HopView[] {
  return hops.map((hop) => (hop.status === 'running' && hop.role === role ? { ...hop, note: text } : hop));
}

function withWaiting(hops: readonly HopView[], { role, waiting, ahead }: HopWaitingData): readonly HopView[] {
  return hops.map(({ waiting: _before, ...hop }) =>
    hop.status === 'running' && waiting ? { ...hop, waiting: { role, ahead } } : hop,
  );
}

function messageView(event: MeshEvent<'agent.message'>, atMs: number): MessageView {
  const { data, senderrole, recipientrole } = event;
  return { from: senderrole, to: recipientrole, atMs, text: messageText(data), message: data };
}

/** The result is the whole truth about a task that ended: it replaces what was gathered on the way. */
export function viewOfResult(view: TaskView, result: Result): Partial<TaskView> {
  return {
    question: null,
    result,
    route: result.route ?? view.route,
    loops: result.loops,
    hops: result.hops.length > 0 ? result.hops.map((hop) => withError(hop, view.hops)) : view.hops,
  };
}

function withError(hop: HopRecord, known: readonly HopView[]): HopView {
  const error = known.find((one) => one.index === hop.index)?.error;
  return error === undefined ? hop : { ...hop, error };
}

/** What `run --json` and `show --json` print; the fields and their names are a promise. */
export function toReport(view: TaskView): Record<string, unknown> {
  const { result, route } = view;
  return {
    taskId: view.taskId,
    correlationId: view.taskId,
    ...(view.key === null ? {} : { key: view.key }),
    status: view.status,
    prompt: view.prompt,
    route:
      route === null
        ? null
        : {
            decision: route.decision,
            confidence: route.confidence,
            fallback: route.fallback,
            reason: route.reason,
            probabilities: route.probabilities,
            engine: route.engine,
            ms: route.ms,
          },
    decisions: view.decisions,
    outcome: result?.outcome ?? null,
    answer: result?.answer ?? null,
    engine: result?.engine ?? null,
    citations: result?.citations ?? [],
    ...(result?.degraded === undefined ? {} : { degraded: result.degraded }),
    ...(result?.code === undefined ? {} : { code: result.code }),
    ...(result?.review === undefined ? {} : { review: result.review }),
    ...(result?.attachments === undefined ? {} : { attachments: result.attachments }),
    hops: view.hops.map(({ note: _note, ...hop }) => hop),
    messages: result?.messages ?? view.messages.map((one) => one.message),
    loops: view.loops ?? { used: 0, max: 0 },
    question: view.question,
    error: result?.error ?? null,
    ...(view.fork === null ? {} : { fork: view.fork }),
    startedAt: view.startedAtMs === 0 ? null : new Date(view.startedAtMs).toISOString(),
    ms: view.updatedAtMs - view.startedAtMs,
  };
}
