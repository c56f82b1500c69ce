/**
 * `mesh fork ID --hop N`. Owns: asking for a new task that runs another again from one of its hops. Does not own: finding
 * what the hop was given (task-client/fork.ts), or running it.
 */

import type { Command } from 'commander';
import { readNamed } from '../../guards/named-file.ts';
import { readWrittenJson, WrittenJsonError } from '../../schemas/written-json.ts';
import type { ForkInput } from '../../task-client/fork.ts';
import { hint } from '../called.ts';
import { declare, settingsNow, wholeNumber } from '../command.ts';
import { CliError } from '../errors.ts';
import { asCaller, newTaskId, withTask } from '../mesh-client.ts';
import { shortId } from '../task-text.ts';
import { print, printJson } from '../terminal.ts';

interface ForkOptions {
  readonly hop: number;
  readonly prompt?: string;
  readonly input?: string;
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
    details:
      'The new task gets the workflow as it was and what the hops before had made; the old one stays as it is. `mesh show` lists the hops.',
    examples: [
      ['fork 6f1c2d3e --hop 3', 'from the third hop'],
      ['fork 6f1c2d3e --hop 2 --prompt "Write it in Python"', 'with another prompt'],
      [`fork 6f1c2d3e --hop 3 --input '{"note": "keep it short"}'`, 'with another input of that hop'],
    ],
  })
    .argument('<id>', 'id of a task, or its first six characters or more')
    .requiredOption('--hop <n>', 'the hop to run again, counted from 1', wholeNumber(1, HOP_MAX))
    .option('--prompt <text>', 'another prompt for the new task')
    .option(
      '--input <json>',
      'what the hop is given otherwise: a JSON object, or @ and a file; null leaves a field out',
    )
    .option('--id <uuid>', 'id of the new task, a UUID; the same id again gives the same task')
    .option('--json', 'print one JSON object')
    .action((id: string, options: ForkOptions) => fork(id, options));
}

async function fork(id: string, options: ForkOptions): Promise<void> {
  const newId = newTaskId(options.id, '--id');
  const input = options.input === undefined ? undefined : readInput(options.input);
  await withTask(settingsNow(), id, async ({ client, taskId }) => {
    const order = {
      ...{ correlationId: taskId, hop: options.hop },
      ...(options.prompt === undefined ? {} : { prompt: options.prompt }),
      ...(input === undefined ? {} : { input }),
      ...(newId === undefined ? {} : { newCorrelationId: newId }),
    };
    const { view } = await client.tasks.fork(order, asCaller('mesh fork'));
    if (options.json) return printJson({ taskId: view.taskId, forkOf: taskId, hop: options.hop });
    print(`Task ${shortId(taskId)} runs again from hop ${options.hop} as ${view.taskId}.`);
    print(hint(`Follow it with \`mesh watch ${shortId(view.taskId)}\`.`));
  });
}

function written(source: string): unknown {
  try {
    return readWrittenJson(source);
  } catch (error) {
    if (error instanceof WrittenJsonError) throw new CliError(2, `--input: ${error.message}`);
    throw error;
  }
}

/** JSON, or `@` and a file of it. @throws CliError */
function readInput(text: string): ForkInput {
  const source = text.startsWith('@') ? readNamed(text.slice(1)).toString('utf8') : text;
  const value = written(source);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CliError(2, '--input must be a JSON object such as {"note": "use the second one"}');
  return { ...value };
}
