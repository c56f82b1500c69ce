/**
 * `mesh respond ID "<text>"`. Owns: answering the open question of a task. Does not own: what the answer means; the
 * orchestrator decides.
 */
import type { Command } from 'commander';
import { BEGINNING, type Fact } from '../../schemas/events/fact.ts';
import { foldAll, isEnd } from '../../schemas/events/task-view.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { submit, waitForFact, withTask } from '../mesh-client.ts';
import { shortId } from '../task-text.ts';
import { print } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'respond',
    group: 'Tasks',
    summary: 'answer the question of a task that waits for you',
    examples: [
      ['respond 6f1c2d3e "retry"', 'the task goes on with your answer'],
      ['show 6f1c2d3e', 'what it asks'],
    ],
  })
    .argument('<id>', 'id of a task, or its first six characters or more')
    .argument('<text>', 'your answer')
    .action((id: string, text: string) => respond(id, text));
}

async function respond(id: string, text: string): Promise<void> {
  await withTask(settingsNow(), id, async ({ bus, taskId, facts }) => {
    const { question, status } = foldAll(taskId, facts);
    if (question === null) throw new CliError(2, `task ${shortId(taskId)} asks nothing (it is ${status})`);
    // The question is part of the event's id: the same answer to a later question of the task is another event.
    const asked = facts.findLast(({ event }) => event.type === 'dev.agentmesh.task.input.required.v1');
    const answer = text.trim();
    await submit(bus, taskId, 'task.input.provided', { text: answer }, `${asked?.event.id ?? ''}/${answer}`);
    const taken = await waitForFact(bus, taskId, asked ?? BEGINNING, isTaken);
    if (taken === null)
      throw new CliError(3, 'the answer is in the log, but nothing has taken it yet; see `mesh status`');
    print(`Answer taken. Follow the task with \`mesh watch ${shortId(taskId)}\`.`);
  });
}

function isTaken({ event }: Fact): boolean {
  return event.type === 'dev.agentmesh.task.input.accepted.v1' || isEnd(event);
}
