/**
 * A task of the mesh as a task of A2A. Owns: the mapping of states, messages and results. Does not own: either side, or
 * the order of events (`events.ts`).
 */
import { type Artifact, type Message, type Part, Role, type Task, TaskState, type TaskStatus } from '@a2a-js/sdk';
import type { Part as MeshPart, Result } from '../../schemas/events/generated.ts';
import type { MessageView, TaskView, TurnView, TaskStatus as ViewStatus } from '../../schemas/events/task-view.ts';

const states: Readonly<Record<ViewStatus, TaskState>> = {
  accepted: TaskState.TASK_STATE_SUBMITTED,
  running: TaskState.TASK_STATE_WORKING,
  input_required: TaskState.TASK_STATE_INPUT_REQUIRED,
  completed: TaskState.TASK_STATE_COMPLETED,
  failed: TaskState.TASK_STATE_FAILED,
  cancelled: TaskState.TASK_STATE_CANCELED,
};

export function stateOf(status: ViewStatus): TaskState {
  return states[status];
}

/** The states of the mesh that are one state of A2A; empty for a state that no task of the mesh is ever in. */
export function statusesOf(state: TaskState): ViewStatus[] {
  return (Object.keys(states) as ViewStatus[]).filter((status) => states[status] === state);
}

/** A task that came without a context is a context of its own. */
export function contextIdOf(view: TaskView): string {
  return view.conversation?.contextId ?? view.taskId;
}

export interface TaskParts {
  /** Undefined means all. */
  readonly historyLength?: number | undefined;
  readonly includeArtifacts?: boolean;
}

export function taskOf(view: TaskView, { historyLength, includeArtifacts = true }: TaskParts = {}): Task {
  const history = historyLength === 0 ? [] : historyOf(view).slice(historyLength === undefined ? 0 : -historyLength);
  return {
    id: view.taskId,
    contextId: contextIdOf(view),
    status: statusOf(view),
    artifacts: includeArtifacts && view.result !== null ? artifactsOf(view.result) : [],
    history,
    metadata: metadataOf(view),
  };
}

/** The status that a reader of the task sees: what is asked, or why it ended so. */
function statusOf(view: TaskView): TaskStatus {
  const question = view.turns.findLast(({ kind }) => kind === 'question');
  const error = view.result?.error;
  const asked = view.status === 'input_required' && question !== undefined ? turnMessage(view, question) : undefined;
  const ended = error === undefined ? undefined : agentMessage(view, `${view.taskId}-end`, [textPart(error.message)]);
  return {
    state: stateOf(view.status),
    message: asked ?? ended,
    timestamp: new Date(view.updatedAtMs).toISOString(),
  };
}

function metadataOf({ route, loops, hops, result }: TaskView): Record<string, unknown> {
  return {
    ...(route === null ? {} : { route }),
    ...(loops === null ? {} : { loops }),
    ...(result === null ? {} : { outcome: result.outcome, engine: result.engine }),
    ...(result?.degraded === undefined ? {} : { degraded: result.degraded }),
    hops: hops.map(({ index, step, role, attempt, status, ms }) => ({ index, step, role, attempt, status, ms })),
  };
}

/** What was said in the task, in the order of its saying. */
function historyOf(view: TaskView): Message[] {
  const asked = view.prompt === '' ? [] : [userMessage(view, view.conversation?.messageId ?? view.taskId, view.prompt)];
  const said = [
    ...view.messages.map((one) => ({ atMs: one.atMs, message: roleMessage(view, one) })),
    ...view.turns.map((one) => ({ atMs: one.atMs, message: turnMessage(view, one) })),
  ];
  return [...asked, ...said.sort((a, b) => a.atMs - b.atMs).map(({ message }) => message)];
}

function turnMessage(view: TaskView, { kind, id, text, messageId }: TurnView): Message {
  return kind === 'question' ? agentMessage(view, id, [textPart(text)]) : userMessage(view, messageId ?? id, text);
}

/** What one role of the mesh said to another. */
export function roleMessage(view: TaskView, { from, to, message }: MessageView): Message {
  return agentMessage(view, message.messageId, message.parts.map(partOf), { senderRole: from, recipientRole: to });
}

export function agentMessage(
  view: TaskView,
  messageId: string,
  parts: Part[],
  metadata?: Record<string, unknown>,
): Message {
  return { ...spoken(view, messageId), role: Role.ROLE_AGENT, parts, metadata };
}

function userMessage(view: TaskView, messageId: string, text: string): Message {
  return { ...spoken(view, messageId), role: Role.ROLE_USER, parts: [textPart(text)], metadata: undefined };
}

function spoken(view: TaskView, messageId: string) {
  return { messageId, contextId: contextIdOf(view), taskId: view.taskId, extensions: [], referenceTaskIds: [] };
}

export function textPart(value: string, mediaType = 'text/plain', filename = ''): Part {
  return { content: { $case: 'text', value }, metadata: undefined, filename, mediaType };
}

function dataPart(value: unknown): Part {
  return { content: { $case: 'data', value }, metadata: undefined, filename: '', mediaType: 'application/json' };
}

function partOf({ text, data, url, raw, filename = '', mediaType = '', metadata }: MeshPart): Part {
  const common = { metadata, filename, mediaType };
  if (text !== undefined) return { ...common, content: { $case: 'text', value: text } };
  if (url !== undefined) return { ...common, content: { $case: 'url', value: url } };
  if (raw !== undefined) return { ...common, content: { $case: 'raw', value: Buffer.from(raw, 'base64') } };
  return { ...common, content: { $case: 'data', value: data } };
}

const endings: Readonly<Record<string, string>> = {
  typescript: 'ts',
  javascript: 'js',
  python: 'py',
  rust: 'rs',
  markdown: 'md',
  shell: 'sh',
};

/** Id and name of the artifact that is the answer. */
export const ANSWER_ARTIFACT = 'answer';

/** A workflow that ends with a tool answers with what the tool gave: its parts first, then its text. */
export function artifactsOf({
  answer,
  citations,
  code,
  review,
  artifacts: own = {},
  attachments,
  hops,
}: Result): Artifact[] {
  const artifacts: Artifact[] = [];
  const add = (artifactId: string, description: string, parts: Part[]): void => {
    const name = artifactId;
    artifacts.push({ artifactId, name, description, parts, metadata: undefined, extensions: [] });
  };
  if (answer !== '') {
    const sources = citations.length === 0 ? [] : [dataPart({ citations })];
    add(ANSWER_ARTIFACT, 'The answer, and the passages it rests on.', [textPart(answer), ...sources]);
  }
  if (code !== undefined) {
    const file = `code.${endings[code.language] ?? code.language}`;
    const mediaType = code.language === 'json' ? 'application/json' : 'text/plain';
    const about = { language: code.language, attempt: code.attempt, citations: code.citations };
    add('code', code.explanation, [textPart(code.text, mediaType, file), dataPart(about)]);
  }
  if (review !== undefined) add('review', review.summary, [dataPart(review)]);
  for (const [kind, { data, text }] of Object.entries(own))
    add(kind, firstLineOf(text), [textPart(text), dataPart(data)]);
  if (attachments === undefined) return artifacts;
  add('attachments', 'What the tool gave besides text.', attachments.map(partOf));
  return hops.at(-1)?.role === 'tools' ? artifacts.reverse() : artifacts;
}

function firstLineOf(text: string): string {
  return (text.trimStart().split('\n', 1)[0] ?? '').slice(0, 200);
}
