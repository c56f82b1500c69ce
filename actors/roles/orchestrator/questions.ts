/**
 * What a task asks a person, and whether an answer fits. Owns: the form of questions, and judging answers: pure functions.
 * Does not own: what an answer leads to (`decisions.ts`), waiting, or saying any of it (`machine.ts`).
 *
 * Invariants:
 * 1. A question is answered once. Its id is unique in its task, and an answer that names another one is not for it.
 * 2. An answer that names no question is for the first one that the task asked, and for no later one: whoever answers a
 *    later one without having seen it would approve what nobody has read.
 * 3. Where there are choices, the answer is one of them, case and blanks aside, in any script. Nothing is guessed.
 * 4. A yes to a tool that acts outside comes from somebody whom a door of the mesh knows.
 */

import { isClaimed } from '../../../schemas/events/callers.ts';
import type {
  TaskInputProvidedData,
  TaskInputRefusedData,
  TaskInputRequiredData,
  ToolConsent,
} from '../../../schemas/events/generated.ts';
import { foldedChoice } from '../../workflows/choices.ts';
import type { WorkflowStep } from '../../workflows/index.ts';
import { ARGUMENTS_SHOWN_MAX } from '../consent.ts';

export interface Question {
  readonly reason: TaskInputRequiredData['reason'];
  readonly text: string;
  readonly choices: readonly string[];
  /** Absent in tasks of before release 4, as all that follows. */
  readonly id?: string;
  readonly accepts?: NonNullable<TaskInputRequiredData['accepts']>;
  readonly timeoutMs?: number;
  /** What counts as the answer when nobody gives one in time. */
  readonly default?: string;
  readonly remindAfterMs?: number;
  readonly remindTo?: string;
}

/** What a question was answered with. */
export interface Answered {
  readonly questionId: string;
  readonly text: string;
  readonly caller?: string;
}

/** What can be read off a task about its questions. */
export interface Asking {
  readonly question: Question | null;
  /** Questions asked so far. */
  readonly asked?: number;
  readonly answers?: readonly Answered[];
}

const APPROVE_CHOICES: readonly [string, string] = ['yes', 'no'];
const OUTCOME_CHOICES = ['done', 'not done', 'retry', 'abort'] as const;
/** Of an answer, kept with the task and shown to others. */
const ANSWER_SHOWN_MAX = 500;
const CALLER_MAX = 200;

/** The question before a step that needs an approval. */
export function approvalQuestion(step: WorkflowStep, id: string): Question {
  const { question, choices = APPROVE_CHOICES, timeoutMs, remindAfterMs, remindTo, ...rest } = step.approve ?? {};
  const whole = `May the step ${step.step} (${step.role}) run?`;
  return {
    ...{ reason: 'approval', text: question ?? whole, choices, id, accepts: choices.length > 0 ? 'choice' : 'text' },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(rest.default === undefined ? {} : { default: rest.default }),
    ...(remindAfterMs === undefined ? {} : { remindAfterMs }),
    ...(remindTo === undefined ? {} : { remindTo }),
  };
}

/** The question before a tool acts outside. */
export function consentQuestion({ name, arguments: given, chosenBy }: ToolConsent, id: string): Question {
  const whole = JSON.stringify(given);
  const cut = `${whole.slice(0, ARGUMENTS_SHOWN_MAX).toWellFormed()} … (${whole.length} characters in all)`;
  const who = chosenBy === undefined ? '' : `, chosen by ${chosenBy}`;
  return {
    reason: 'consent',
    text: `May the tool ${name}${who} act outside of the mesh, with ${whole.length > ARGUMENTS_SHOWN_MAX ? cut : whole}?`,
    choices: APPROVE_CHOICES,
    ...{ id, accepts: 'choice' },
  };
}

/** The question after an effect that may not be repeated and was cut off. */
export function outcomeQuestion(step: string, why: string, id: string): Question {
  return {
    reason: 'outcome_unknown',
    text: `The step ${step} may or may not have happened: ${why}. Answer "done" if it happened, or "done:" and what it returned; "not done" if it did not; "retry" to run it again, whatever happened; "abort" to stop.`,
    choices: OUTCOME_CHOICES,
    ...{ id, accepts: 'choice_or_result' },
  };
}

/** What an answer says. */
export interface Reading {
  /** As the question has it; null where anything may be answered. */
  readonly choice: string | null;
  /** What the step returned, where the answer says so. */
  readonly result: string | null;
}

/** Null when it is none of the choices. */
export function readAnswer({ choices, accepts = 'choice' }: Question, text: string): Reading | null {
  if (accepts === 'text') return { choice: null, result: null };
  const whole = foldedChoice(text);
  const choice = choices.find((one) => foldedChoice(one) === whole);
  if (choice !== undefined) return { choice, result: null };
  const [, word = '', result = ''] = /^([^:：]*)[:：]\s*(.*)$/su.exec(text.trim()) ?? [];
  if (accepts !== 'choice_or_result' || foldedChoice(word) !== OUTCOME_CHOICES[0] || result === '') return null;
  return { choice: OUTCOME_CHOICES[0], result };
}

type Refusal = Pick<TaskInputRefusedData, 'code' | 'reason' | 'answered'>;

/** Why an answer to a task that asks is not taken; null when it is. */
export function refusalOf(task: Asking, { text, questionId, caller }: TaskInputProvidedData): Refusal | null {
  const { question } = task;
  if (question?.id === undefined) return null;
  const { id, choices } = question;
  const asks = `the task asks ${id}: ${JSON.stringify(question.text)}`;
  if (questionId === undefined && (task.asked ?? 0) > 1) {
    return { code: 'not_named', reason: `name the question that is answered: ${asks}` };
  }
  if (questionId !== undefined && questionId !== id) {
    const before = answerTo(task, questionId);
    if (before !== null) return alreadyAnswered(before, `; now ${asks}`);
    return { code: 'other_question', reason: `the answer is for the question ${questionId}, but ${asks}` };
  }
  const read = readAnswer(question, text);
  if (read !== null) return question.reason === 'consent' && read.choice === choices[0] ? mayConsent(caller) : null;
  const result = question.accepts === 'choice_or_result' ? ' (or "done:" and what the step returned)' : '';
  const given = JSON.stringify(text.slice(0, ANSWER_SHOWN_MAX));
  return { code: 'not_a_choice', reason: `${given} is none of the choices: ${choices.join(', ')}${result}` };
}

/** Whoever may submit a task must not thereby be able to let it act: a yes is taken from who a door knows. */
function mayConsent(caller: string | undefined): Refusal | null {
  if (!isClaimed(caller)) return null;
  const reason =
    'a yes to a tool that acts outside is not taken from mesh.tasks, where anybody may write: say it by `mesh respond`, the dashboard or the gateway';
  return { code: 'not_allowed', reason };
}

export function alreadyAnswered({ questionId, text, caller }: Answered, more = ''): Refusal {
  const who = caller === undefined ? '' : ` by ${caller}`;
  return {
    code: 'answered',
    reason: `the question ${questionId} was answered already${who}: ${JSON.stringify(text)}${more}`,
    answered: { text, ...(caller === undefined ? {} : { caller }) },
  };
}

/** What a question of the task was answered with. */
export function answerTo({ answers = [] }: Asking, questionId: string | undefined): Answered | null {
  return answers.find((one) => one.questionId === questionId) ?? null;
}

/** An answer as the task remembers it. */
export function remembered(questionId: string, { text, caller }: TaskInputProvidedData): Answered {
  const shown = text.slice(0, ANSWER_SHOWN_MAX);
  return { questionId, text: shown, ...(caller === undefined ? {} : { caller: caller.slice(0, CALLER_MAX) }) };
}

/** The fact that says that an answer was not taken. */
export function refusedData(
  { question }: Asking,
  { text, messageId, caller, questionId }: TaskInputProvidedData,
  refusal: Refusal,
): TaskInputRefusedData {
  const open =
    question?.id === undefined
      ? {}
      : { open: { questionId: question.id, question: question.text, choices: [...question.choices] } };
  return {
    text,
    ...(messageId === undefined ? {} : { messageId }),
    ...(caller === undefined ? {} : { caller }),
    ...(questionId === undefined ? {} : { questionId }),
    ...refusal,
    ...open,
  };
}

/** The fact that asks. */
export function requiredData({ text, reason, choices, ...more }: Question): TaskInputRequiredData {
  const { id, accepts, timeoutMs } = more;
  return {
    ...{ question: text, reason, choices: [...choices] },
    ...(id === undefined ? {} : { questionId: id }),
    ...(accepts === undefined ? {} : { accepts }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(more.default === undefined ? {} : { default: more.default }),
  };
}
