/**
 * Answers of people, as a door passes them on. Owns: which question an answer is for, its name, and reading what became of
 * it from the facts. Does not own: the judgement; the task alone takes or refuses an answer
 * (`actors/roles/orchestrator/questions.ts`).
 *
 * Invariants:
 * 1. An answer that names no question is for the first one of its task. By A2A, which has no field for the name, it is for
 *    the one that its caller was shown last by that door and could have read, never for one that was asked since.
 * 2. Who answers is told what happened to that answer, and not what happened to the question.
 */
import type { Conversation } from '../schemas/events/generated.ts';
import { contentHash } from '../schemas/events/ids.ts';
import { isEnded, type RefusalView, type TaskView, type TurnView } from '../schemas/events/task-view.ts';
import type { Caller } from './caller.ts';
import { MeshError } from './errors.ts';
import type { CallContext } from './ports.ts';
import type { RefusedMessage } from './refused-messages.ts';

export interface AnswerOrder {
  readonly correlationId: string;
  readonly text: string;
  /** The question that the person saw; absent: the first one, or by A2A the one that the caller was shown last. */
  readonly questionId?: string;
  /** Names the answer, so that it can be given again: of the A2A message that it comes in. */
  readonly messageId?: Conversation['messageId'];
}

/** An answer under way. */
export interface Answer {
  readonly text: string;
  /** Null when it names none. */
  readonly questionId: string | null;
  /** The question that it can only be about: the one it names, or that was open when it was given; empty for none. */
  readonly about: string;
  readonly messageId: string;
}

/** Tasks whose question is remembered for a caller: some hundred bytes each. */
const SHOWN_MAX = 10_000;
/** Nobody reads a question and decides in less: an answer that comes sooner is a second press of the one before. */
const READ_MS_MIN = 2000;

/**
 * The question of each task that a caller was shown last by A2A, and has had the time to read. At every other door an answer
 * can name its question, so what another client of the same caller was shown says nothing.
 */
export class ShownQuestions {
  readonly #shown = new Map<string, { readonly questionId: string; readonly sinceMs: number }>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  note({ caller, door }: Pick<CallContext, 'caller' | 'door'>, { taskId, question }: TaskView): void {
    if (door !== 'a2a' || question === null || question.questionId === '') return;
    const { questionId } = question;
    const key = `${taskId}/${caller.name}`;
    const before = this.#shown.get(key);
    this.#shown.delete(key);
    this.#shown.set(key, before?.questionId === questionId ? before : { questionId, sinceMs: this.#nowMs() });
    for (const oldest of this.#shown.keys()) {
      if (this.#shown.size <= SHOWN_MAX) break;
      this.#shown.delete(oldest);
    }
  }

  of({ caller, door }: Pick<CallContext, 'caller' | 'door'>, taskId: string): string | null {
    const shown = door === 'a2a' ? this.#shown.get(`${taskId}/${caller.name}`) : undefined;
    if (shown === undefined || this.#nowMs() - shown.sinceMs < READ_MS_MIN) return null;
    return shown.questionId;
  }
}

/**
 * The answer of a caller to a task as it is. The same caller's same answer to the same question has the same name: given
 * twice it is one. Refused because it named no question, or one that was not asked yet, it has another name when it is given
 * again: it may be taken now.
 */
export function answerOf(order: AnswerOrder, view: TaskView, caller: Caller, shown: string | null): Answer {
  const { text } = order;
  const questions = view.turns.filter(({ kind }) => kind === 'question');
  // Whoever answers a task that has asked once means that question, however late.
  const only = questions.length === 1 ? (questions[0]?.questionId ?? null) : null;
  const questionId = order.questionId ?? shown ?? only;
  const about = questionId ?? questions.at(-1)?.questionId ?? view.question?.questionId ?? '';
  const before = view.refusals.filter((refusal) => mayBeTakenLater(refusal, about, text)).length;
  const derived = `answer-${contentHash(JSON.stringify([about, caller.name, text, ...(before > 0 ? [before] : [])]))}`;
  return { text, questionId, about, messageId: order.messageId ?? derived };
}

function mayBeTakenLater({ code, questionId, open, text }: RefusalView, about: string, given: string): boolean {
  if (text !== given) return false;
  return code === 'not_named' ? open?.questionId === about : code === 'other_question' && questionId === about;
}

/** What became of an answer: `taken`, the error that its caller is told, or null while nobody knows. */
export function verdictOn(view: TaskView, answer: Answer): 'taken' | MeshError | null {
  const given = view.turns.filter(({ kind }) => kind === 'answer');
  if (given.some((turn) => isIt(turn, answer))) return 'taken';
  const refusal = view.refusals.findLast((one) => isRefusalOf(one, answer));
  if (refusal !== undefined) return refusedBy(view, refusal);
  const other = given.findLast(({ questionId }) => questionId === answer.about);
  if (other !== undefined) return answeredBy(view, other);
  return isEnded(view.status) ? nothingAsked(view) : null;
}

/** The same name with another text is another answer; one that came without a name, by `mesh.tasks` say, is its text. */
function isIt({ messageId, questionId, text }: TurnView, answer: Answer): boolean {
  if (messageId !== null && messageId !== answer.messageId) return false;
  return questionId === answer.about && text === answer.text;
}

function isRefusalOf({ messageId, text, questionId, open }: RefusalView, answer: Answer): boolean {
  if (messageId !== answer.messageId || text !== answer.text) return false;
  return [questionId, open?.questionId].includes(answer.about);
}

/** An answer to a task that asks nothing at the moment. */
export function nothingAsked({ status, taskId }: TaskView): MeshError {
  const text = `the task asks nothing; it is ${status}`;
  return new MeshError('failed_precondition', 'NOTHING_ASKED', text, { metadata: { correlation_id: taskId } });
}

/** A model calls the tools of an MCP client: its yes to what it wants to do itself is nobody's. */
export function forPeople({ taskId }: TaskView): MeshError {
  const text = `whether a tool may act outside is for a person to say: mesh respond ${taskId} yes, or no, or on the dashboard`;
  return new MeshError('permission_denied', 'FOR_PEOPLE', text, { metadata: { correlation_id: taskId } });
}

/** Somebody else was first. */
function answeredBy(view: TaskView, { questionId, text, caller, byDefault }: TurnView): MeshError {
  const who = byDefault ? 'by nobody in time, so its default counts' : `by ${caller ?? 'somebody else'}`;
  const message = `the question ${questionId} was answered already, ${who}: ${JSON.stringify(shownText(text))}`;
  return new MeshError('failed_precondition', 'ANSWERED_ALREADY', message, {
    metadata: {
      ...{ correlation_id: view.taskId, question_id: questionId, answer: shownText(text) },
      ...(caller === null ? {} : { answered_by: caller }),
    },
  });
}

/** Error details travel in headers. */
const SHOWN_CHARACTERS_MAX = 500;

function shownText(text: string): string {
  return text.slice(0, SHOWN_CHARACTERS_MAX);
}

function refusedBy(view: TaskView, { code, reason, open, answered }: RefusalView): MeshError {
  const metadata = {
    correlation_id: view.taskId,
    ...(open === undefined ? {} : { question_id: open.questionId, choices: open.choices.join(' | ') }),
    ...(answered === undefined ? {} : { answer: shownText(answered.text) }),
    ...(answered?.caller === undefined ? {} : { answered_by: answered.caller }),
  };
  switch (code) {
    case 'not_a_choice':
      return new MeshError('invalid_argument', 'NOT_A_CHOICE', reason, {
        metadata,
        fields: [{ field: 'text', description: reason }],
      });
    case 'other_question':
      return new MeshError('failed_precondition', 'OTHER_QUESTION', reason, { metadata });
    case 'not_named':
      return new MeshError('failed_precondition', 'QUESTION_NOT_NAMED', reason, { metadata });
    case 'not_allowed':
      return new MeshError('permission_denied', 'NOT_ALLOWED', reason, { metadata });
    case 'answered':
      return new MeshError('failed_precondition', 'ANSWERED_ALREADY', reason, { metadata });
    default:
      throw new Error(`unhandled refusal: ${String(code satisfies never)}`);
  }
}

/** A request that went into quarantine. */
export function quarantined({ code, reason }: RefusedMessage, correlationId: string): MeshError {
  const metadata = { correlation_id: correlationId };
  if (code === 'nothing_asked') return new MeshError('failed_precondition', 'NOTHING_ASKED', reason, { metadata });
  if (code === 'conflicting_duplicate') {
    const text = `this correlation id is taken by another task; choose another (${reason})`;
    return new MeshError('already_exists', 'ID_TAKEN', text, { metadata });
  }
  return new MeshError('invalid_argument', 'REFUSED', `the mesh did not accept it: ${reason}`, { metadata });
}
