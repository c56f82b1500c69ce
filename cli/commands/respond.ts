/**
 * `mesh respond ID ["<text>"]`. Owns: showing the open question, asking for the answer at a terminal, and saying what
 * became of it. Does not own: what the answer means; the task decides.
 */

import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { QuestionView } from '../../schemas/events/task-view.ts';
import { hint } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { asCaller, type KnownTask, withTask } from '../mesh-client.ts';
import { answerCommand, questionLines, shortId } from '../task-text.ts';
import { ask, err, note, painter, print } from '../terminal.ts';

interface RespondOptions {
  readonly question?: string;
}

export function command(): Command {
  return declare({
    name: 'respond',
    group: 'Tasks',
    summary: 'answer the question of a task that waits for you',
    details:
      'An answer is for one question: the one that --question names, or the only one that the task has asked. Without a text the question is shown, and at a terminal the answer is asked for. Exit code 1 when somebody else was first, 2 when the answer is none of the choices; the question stays open then.',
    examples: [
      ['respond 6f1c2d3e', 'show what it asks, and answer it'],
      ['respond 6f1c2d3e "yes"', 'answer the first question of the task'],
      ['respond 6f1c2d3e --question q2 "yes"', 'answer a later one, which you have seen'],
      ['respond 6f1c2d3e "done: receipt 20417"', 'it happened, and this is what it returned'],
    ],
  })
    .argument('<id>', 'id of a task, or its first six characters or more')
    .argument('[text]', 'your answer')
    .option('-q, --question <id>', 'the question that you saw')
    .action((id: string, text: string | undefined, options: RespondOptions) => respond(id, text, options));
}

async function respond(id: string, text: string | undefined, { question }: RespondOptions): Promise<void> {
  await withTask(settingsNow(), id, async (task) => {
    // What is open is shown, and what is shown is answered: a later question needs its name.
    const answer = text === undefined ? await asked(task, question) : { text: text.trim(), questionId: question };
    const { questionId } = answer;
    const order = {
      correlationId: task.taskId,
      text: answer.text,
      ...(questionId === undefined ? {} : { questionId }),
    };
    await task.client.tasks.respond(order, asCaller(callerName()));
    print(hint(`Answer taken. Follow the task with \`mesh watch ${shortId(task.taskId)}\`.`));
  });
}

/** Shows the open question and takes the answer from the terminal: it is for the question that was shown. */
async function asked(
  { client, taskId }: KnownTask,
  named: string | undefined,
): Promise<{ readonly text: string; readonly questionId: string }> {
  const { view } = await client.tasks.peek(taskId, asCaller(callerName()));
  const { question, status } = view;
  if (question === null) throw new CliError(2, `task ${shortId(taskId)} asks nothing (it is ${status})`);
  for (const line of questionLines(view, painter(err))) note(line);
  const { questionId } = question;
  if (named !== undefined && named !== questionId)
    throw new CliError(1, `the task asks ${questionId} now, not ${named}`);
  if (!process.stdin.isTTY)
    throw new CliError(2, `no answer was given; answer with \`${answerCommand(taskId, question)}\``);
  return { text: await typed(question), questionId };
}

async function typed({ questionId, choices }: QuestionView): Promise<string> {
  return (await ask(`${questionId} ${choices.length > 0 ? `[${choices.join(' | ')}] ` : ''}> `)).trim();
}

/** Who answers, for whoever comes second. */
function callerName(): string {
  try {
    return `${userInfo().username} (mesh respond)`;
  } catch {
    // A user id without a name, in a container say.
    return 'mesh respond';
  }
}
