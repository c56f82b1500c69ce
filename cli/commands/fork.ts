/**
 * `mesh fork ID --hop N`. Owns: asking for a new task that runs another again from one of its hops. Does not own: finding
 * what the hop was given (gateway/core/fork.ts), or running it.
 */
import type { Command } from 'commander';
import { MeshError } from '../../gateway/core/errors.ts';
import { forkOf } from '../../gateway/core/fork.ts';
import { BEGINNING } from '../../schemas/events/fact.ts';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { readCorrelationId } from '../../schemas/events/subjects.ts';
import { foldAll } from '../../schemas/events/task-view.ts';
import { declare, settingsNow, wholeNumber } from '../command.ts';
import { CliError } from '../errors.ts';
import { type KnownTask, submit, waitForFact, withTask } from '../mesh-client.ts';
import { shortId } from '../task-text.ts';
import { oneLine, print, printJson } from '../terminal.ts';

interface ForkOptions {
  readonly hop: number;
  readonly prompt?: string;
  readonly id?: string;
  readonly json?: true;
}

/** More than any task takes. */
const HOP_MAX = 1000;

export function command(): Command {
  return declare({
    name: 'fork',
    group: 'Tasks',
    summary: 'run a task again from one of its hops, as a new task',
    details: 'The new task gets what the hops before had made; the old one stays as it is. `mesh show` lists the hops.',
    examples: [
      ['fork 6f1c2d3e --hop 3', 'from the third hop'],
      ['fork 6f1c2d3e --hop 2 --prompt "Write it in Python"', 'with another prompt'],
    ],
  })
    .argument('<id>', 'id of a task, or its first six characters or more')
    .requiredOption('--hop <n>', 'the hop to run again, counted from 1', wholeNumber(1, HOP_MAX))
    .option('--prompt <text>', 'another prompt for the new task')
    .option('--id <uuid>', 'id of the new task, a UUID; the same id again gives the same task')
    .option('--json', 'print one JSON object')
    .action((id: string, options: ForkOptions) => fork(id, options));
}

async function fork(id: string, options: ForkOptions): Promise<void> {
  const newId = options.id === undefined ? newCorrelationId() : readCorrelationId(options.id);
  if (newId === null) throw new CliError(2, `--id must be a UUID: ${oneLine(options.id ?? '', 60)}`);
  await withTask(settingsNow(), id, async (task) => {
    const { prompt } = foldAll(task.taskId, task.facts);
    const data = { prompt: options.prompt ?? prompt, caller: 'mesh fork', ...(await beginning(task, options.hop)) };
    await submit(task.bus, newId, 'task.submitted', data, '');
    const accepted = await waitForFact(task.bus, newId, BEGINNING, () => true);
    if (accepted === null) {
      throw new CliError(3, 'the request is in the log, but nothing has taken it yet; see `mesh status`');
    }
    if (options.json) return printJson({ taskId: newId, forkOf: task.taskId, hop: options.hop });
    print(`Task ${shortId(task.taskId)} runs again from hop ${options.hop} as ${newId}.`);
    print(`Follow it with \`mesh watch ${shortId(newId)}\`.`);
  });
}

async function beginning({ bus, taskId, facts }: KnownTask, hop: number) {
  try {
    return await forkOf(bus, foldAll(taskId, facts), hop);
  } catch (thrown) {
    if (thrown instanceof MeshError) throw new CliError(2, thrown.message, { cause: thrown });
    throw thrown;
  }
}
