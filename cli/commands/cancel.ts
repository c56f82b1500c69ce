/**
 * `mesh cancel ID`. Owns: asking for a cancellation and waiting for its fact. Does not own: cancelling; the
 * orchestrator does.
 */
import type { Command } from 'commander';
import { declare, settingsNow } from '../command.ts';
import { asCaller, withTask } from '../mesh-client.ts';
import { shortId } from '../task-text.ts';
import { print } from '../terminal.ts';

const CALLER = 'mesh cancel';

export function command(): Command {
  return declare({
    name: 'cancel',
    group: 'Tasks',
    summary: 'stop a task',
    details:
      'Exit code 1 when the task has ended another way, before the cancel or meanwhile. Cancelling twice is no error.',
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
  await withTask(settingsNow(), id, async ({ client, taskId }) => {
    const { view } = await client.tasks.cancel(taskId, reason, asCaller(CALLER));
    print(`Task ${shortId(taskId)}: ${view.status}.`);
  });
}
