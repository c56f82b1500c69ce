/**
 * How tasks look on a terminal. Owns: the words and signs for facts, answers and questions. Does not own: reading the
 * log, or where the lines are written. Everything here is pure; text from outside is made safe before it is shown.
 */

import type { MeshEvent } from '../schemas/events/envelope.ts';
import { nameOf } from '../schemas/events/envelope.ts';
import type {
  Citation,
  HopRecord,
  LoopAdvancedData,
  Part,
  Result,
  Route,
  TaskInputAcceptedData,
  TaskInputRemindedData,
  TaskRoutedData,
} from '../schemas/events/generated.ts';
import { hasLines } from '../schemas/events/place.ts';
import { messageText, type QuestionView, type TaskStatus, type TaskView } from '../schemas/events/task-view.ts';
import { hint, meshCommand } from './called.ts';
import { duration, indent, oneLine, type Paint, plural, type Style, safeText, wholeText } from './terminal.ts';

/** Enough of an id to name a task. */
export function shortId(taskId: string): string {
  return taskId.slice(0, 8);
}

const statusStyles: Readonly<Record<TaskStatus, Style>> = {
  accepted: 'blue',
  running: 'blue',
  input_required: 'yellow',
  completed: 'green',
  failed: 'red',
  cancelled: 'gray',
};

export function statusText(status: TaskStatus, paint: Paint): string {
  return paint(statusStyles[status], status);
}

const hopSigns: Readonly<Record<HopRecord['status'], readonly [sign: string, style: Style]>> = {
  completed: ['✓', 'green'],
  failed: ['✗', 'red'],
  unknown: ['?', 'yellow'],
  cancelled: ['–', 'gray'],
};

/** Engines in words a newcomer understands. */
function engineText(engine: string): string {
  return engine === 'extractive' ? 'extractive, no language model' : engine;
}

function hopLine({ hop, error }: MeshEvent<'hop.finished'>['data'], paint: Paint): string {
  const [sign, style] = hopSigns[hop.status];
  const what = error === undefined ? hop.summary : error.message;
  const engine = hop.engine === '' ? '' : paint('dim', `  ${engineText(hop.engine)}`);
  const again = hop.attempt > 1 ? ` (attempt ${hop.attempt})` : '';
  return `${paint(style, sign)} ${hop.index} ${paint('bold', hop.role.padEnd(9))} ${oneLine(what, 200)}${again}${engine}  ${paint('dim', duration(hop.ms))}`;
}

function loopLine({ loops, next, findings }: LoopAdvancedData, paint: Paint): string {
  const where = `review loop ${loops.used}/${loops.max}`;
  const errors = plural(findings, 'error');
  switch (next) {
    case 'revise':
      return `${paint('yellow', '↻')} ${where}: changes requested (${errors}), the coder revises`;
    case 'accepted':
      return `${paint('green', '✓')} ${loops.used === 0 ? 'approved at the first review' : `${where}: approved`}`;
    case 'exhausted':
      return `${paint('yellow', '!')} ${where}: still ${errors}, the best attempt so far is the result`;
    default:
      throw new Error(`unhandled loop: ${String(next satisfies never)}`);
  }
}

/** Alternatives that are shown: the likeliest, and none that is hardly one. */
const ALTERNATIVES_MAX = 2;
const ALTERNATIVE_MIN = 0.05;

const percent = (probability: number): string => `${Math.round(probability * 100)} %`;

function routeLine({ route, steps, phase = 'start', next = 'begin' }: TaskRoutedData, paint: Paint): string {
  const way = steps.map((step) => step.role).join(' → ');
  const known = route.engine === 'caller' || (route.engine === 'policy' && phase === 'health_changed');
  const sure = known ? '' : ` ${percent(route.confidence)}`;
  const why = paint(
    'dim',
    `  ${route.fallback ? 'fallback: ' : ''}${oneLine(route.reason, 160)}${alternatives(route)}`,
  );
  const sign = paint('cyan', '→');
  if (next === 'begin') return `${sign} ${paint('bold', route.decision)}${sure}: ${way}${why}`;
  const what = next === 'finish' ? 'ends its loop' : 'goes on';
  return `${sign} ${paint('bold', route.decision)} ${what}${sure}${why}`;
}

function alternatives({ decision, probabilities }: Route): string {
  const others = Object.entries(probabilities)
    .filter(([name, probability]) => name !== decision && probability >= ALTERNATIVE_MIN)
    .sort(([, one], [, other]) => other - one)
    .slice(0, ALTERNATIVES_MAX);
  const known = Object.hasOwn(probabilities, decision);
  return others.length === 0 || !known
    ? ''
    : `; else ${others.map(([name, one]) => `${name} ${percent(one)}`).join(', ')}`;
}

/** What made the answer: for code the coder's engine, not that of the check which came last. */
function answeringEngine(result: Result): string {
  const coder = result.code === undefined ? undefined : result.hops.findLast((hop) => hop.role === 'coder');
  return coder?.engine ?? result.engine;
}

function endLine(event: MeshEvent<'task.completed' | 'task.failed' | 'task.cancelled'>, paint: Paint): string {
  const { result } = event.data;
  const status = event.type.split('.')[3] as 'completed' | 'failed' | 'cancelled';
  const why = result.error === undefined ? '' : `: ${oneLine(result.error.message, 200)}`;
  const hops = plural(result.hops.length, 'hop');
  const by = answeringEngine(result);
  const engine = by === '' ? '' : `, answered by ${engineText(by)}`;
  return `${paint(statusStyles[status], '●')} ${statusText(status, paint)}${why} ${paint('dim', `(${result.outcome}, ${hops}${engine})`)}`;
}

function messageLine(event: MeshEvent<'agent.message'>, view: TaskView, paint: Paint): string {
  const known = view.messages.find((one) => one.message.messageId === event.data.messageId);
  const [from, to] = known === undefined ? [event.senderrole, event.recipientrole] : [known.from, known.to];
  return `${paint('magenta', '✉')} ${from} → ${to}: ${oneLine(messageText(event.data), 160)}`;
}

function acceptedLine({ text, caller, byDefault }: TaskInputAcceptedData, paint: Paint): string {
  const who = byDefault ? ' (nobody answered in time)' : caller === undefined ? '' : ` (${oneLine(caller, 60)})`;
  return `${paint('blue', '●')} answer taken: ${oneLine(text, 120)}${paint('dim', who)}`;
}

function reminderText({ question, waitedMs, to }: TaskInputRemindedData): string {
  const whom = to === undefined ? '' : `, for ${oneLine(to, 60)}`;
  return `still open after ${duration(waitedMs)}${whom}: ${oneLine(wholeText(question), 200)}`;
}

/** One line for a fact. @param view of the task, with this fact folded in */
export function factLine(event: MeshEvent, view: TaskView, paint: Paint): string {
  switch (event.type) {
    case 'dev.agentmesh.task.accepted.v1':
      return `${paint('blue', '●')} ${paint('bold', shortId(event.correlationid))} ${oneLine(event.data.prompt, 100)}`;
    case 'dev.agentmesh.task.routed.v1':
      return routeLine(event.data, paint);
    case 'dev.agentmesh.hop.started.v1':
      return `${paint('dim', '·')} ${event.data.index} ${paint('bold', event.data.role.padEnd(9))} ${paint('dim', 'started')}`;
    case 'dev.agentmesh.hop.progress.v1':
      return `${paint('dim', '·')}   ${paint('bold', event.data.role.padEnd(9))} ${paint('dim', oneLine(event.data.note, 120))}`;
    case 'dev.agentmesh.hop.waiting.v1':
      return `${paint('dim', '·')}   ${paint('bold', event.data.role.padEnd(9))} ${paint('dim', event.data.waiting ? waitingText(event.data) : 'its turn has come')}`;
    case 'dev.agentmesh.hop.finished.v1':
      return hopLine(event.data, paint);
    case 'dev.agentmesh.agent.message.v1':
      return messageLine(event, view, paint);
    case 'dev.agentmesh.loop.advanced.v1':
      return loopLine(event.data, paint);
    case 'dev.agentmesh.task.input.required.v1':
      return `${paint('yellow', '?')} ${oneLine(wholeText(event.data.question), 300)}`;
    case 'dev.agentmesh.task.input.accepted.v1':
      return acceptedLine(event.data, paint);
    case 'dev.agentmesh.task.input.refused.v1':
      return `${paint('yellow', '!')} answer not taken: ${oneLine(event.data.reason, 300)}`;
    case 'dev.agentmesh.task.input.reminded.v1':
      return `${paint('yellow', '?')} ${reminderText(event.data)}`;
    case 'dev.agentmesh.task.completed.v1':
    case 'dev.agentmesh.task.failed.v1':
    case 'dev.agentmesh.task.cancelled.v1':
      return endLine(event, paint);
    default:
      return `${paint('dim', '·')} ${nameOf(event.type) ?? event.type}`;
  }
}

function waitingText({ role, ahead }: { readonly role: string; readonly ahead: number }): string {
  return `waiting for ${role}${ahead === 0 ? ', next in line' : `, ${ahead} before it`}`;
}

/**
 * The role at work now, for the line that is overwritten while a step runs; empty when none runs.
 * @param max columns of the window: a line that wraps could not be overwritten
 */
export function workingLine(view: TaskView, paint: Paint, max: number): string {
  const hop = view.hops.findLast((one) => one.status === 'running');
  if (hop === undefined) return '';
  const doing = hop.waiting === undefined ? (hop.note ?? 'working') : waitingText(hop.waiting);
  const note = oneLine(doing, Math.max(8, max - 18));
  return `${paint('blue', '…')} ${hop.index} ${paint('bold', hop.role.padEnd(9))} ${paint('dim', note)}`;
}

/** The heading beside it names the place in what has no lines. */
export function citationText(citation: Pick<Citation, 'path' | 'startLine' | 'endLine'>): string {
  if (!hasLines(citation.path)) return citation.path;
  const lines =
    citation.endLine > citation.startLine ? `${citation.startLine}-${citation.endLine}` : String(citation.startLine);
  return `${citation.path}:${lines}`;
}

/** Lines of a text from outside. */
function linesOf(text: string, by = ''): string[] {
  return indent(safeText(text), by).split('\n');
}

/** The answer with its citations, as it goes to standard output. */
export function answerLines(view: TaskView, paint: Paint): string[] {
  const { result } = view;
  if (result === null) return [];
  const lines: string[] = [];
  if (result.answer.trim() !== '') lines.push(...linesOf(result.answer.trim()));
  if (result.code !== undefined && !result.answer.includes(result.code.text.trim())) {
    lines.push('', `\`\`\`${oneLine(result.code.language, 40)}`, ...linesOf(result.code.text.trimEnd()), '```');
  }
  for (const { text } of Object.values(result.artifacts ?? {}))
    if (!result.answer.includes(text.trim())) lines.push('', ...linesOf(text.trim()));
  const findings = (result.review?.findings ?? []).filter((one) => !result.answer.includes(one.message));
  if (findings.length > 0 && result.outcome !== 'reviewed') {
    lines.push('', paint('bold', 'Findings that remain'));
    for (const one of findings) lines.push(`  ${one.line}: ${one.severity} ${one.rule} ${oneLine(one.message, 200)}`);
  }
  const attached = result.attachments ?? [];
  if (attached.length > 0) {
    lines.push('', paint('bold', 'Attached'));
    for (const one of attached) lines.push(`  ${oneLine(attachmentText(one), 200)}`);
    lines.push(paint('dim', hint(`  \`mesh show ${shortId(view.taskId)} --json\` has them, under attachments`)));
  }
  if (result.citations.length > 0) {
    lines.push('', paint('bold', 'Sources'));
    for (const one of result.citations) {
      lines.push(`  [${one.marker}] ${citationText(one)}${paint('dim', one.heading === '' ? '' : `  ${one.heading}`)}`);
    }
  }
  return lines;
}

function attachmentText({ url, raw, data, text = '', filename = '', mediaType = '' }: Part): string {
  const what =
    url ??
    (data === undefined ? `${raw === undefined ? text.length : Math.floor((raw.length * 3) / 4)} bytes` : 'data');
  return [filename, mediaType, what].filter((one) => one !== '').join('  ');
}

/** The open question and how to answer it. */
export function questionLines(view: TaskView, paint: Paint): string[] {
  const { question } = view;
  if (question === null) return [];
  const lines = [
    `${paint('yellow', '?')} The task waits for you:`,
    ...linesOf(wholeText(question.question.trim()), '  '),
  ];
  if (question.choices.length > 0)
    lines.push(`  Answers: ${question.choices.map((one) => oneLine(one, 80)).join(' | ')}`);
  if (question.timeoutMs !== undefined) {
    const then = question.default === undefined ? 'it fails' : `${JSON.stringify(question.default)} counts`;
    lines.push(`  Without an answer within ${duration(question.timeoutMs)} ${then}.`);
  }
  lines.push(`  Answer with:  ${answerCommand(view.taskId, question)}`);
  return lines;
}

/** Names the question: it is this one that is answered, whatever is asked by then. */
export function answerCommand(taskId: string, { questionId, choices }: QuestionView): string {
  const named = questionId === '' ? '' : ` --question ${questionId}`;
  return `${meshCommand()} respond ${shortId(taskId)}${named} ${shellWord(oneLine(choices[0] ?? '…', 80))}`;
}

/** As a person copies it into a shell, which takes nothing in it for its own. */
function shellWord(text: string): string {
  return /^[\w …,.:-]*$/u.test(text) ? `"${text}"` : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
