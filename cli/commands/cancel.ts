/**
 * `mesh cancel ID`. Owns: asking for a cancellation and waiting for its fact. Does not own: cancelling; the
 * orchestrator does.
 */
import type { Command } from 'commander';
import { BEGINNING } from '../../schemas/events/fact.ts';
import { foldAll, isEnd, isEnded } from '../../schemas/events/task-view.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { submit, waitForFact, withTask } from '../mesh-client.ts';
import { shortId } from '../task-text.ts';
import { print } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'cancel',
    group: 'Tasks',
    summary: 'stop a task',
    examples: [
      ['cancel 6f1c2d3e', 'the beginning of an id is enough'],
      ['cancel 6f1c2d3e --reason "asked the wrong thing"', 'kept with the task'],
    ],
  })
    .argument('<id>', 'id of a task, or its first six characters or more')
    .option('--reason <text>', 'why')
    .action((id: string, options: { reason?: string }) => cancel(id, options.reason));
}

async function cancel(id: string, reason: string | undefined): Promise<void> {
  await withTask(settingsNow(), id, async ({ bus, taskId, facts }) => {
    const before = foldAll(taskId, facts);
    if (isEnded(before.status)) return print(`Task ${shortId(taskId)} has ended already: ${before.status}.`);
    const data = reason === undefined ? {} : { reason };
    await submit(bus, taskId, 'task.cancel.requested', data, reason ?? '');
    const end = await waitForFact(bus, taskId, facts.at(-1) ?? BEGINNING, ({ event }) => isEnd(event));
    if (end === null)
      throw new CliError(3, 'the request is in the log, but nothing has taken it yet; see `mesh status`');
    print(`Task ${shortId(taskId)}: ${foldAll(taskId, [...facts, end]).status}.`);
  });
}
