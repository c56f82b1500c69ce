/**
 * `mesh export ID`. Owns: writing the trail of a task to a file or to standard output. Does not own: its form
 * (trail-file.ts).
 */
import type { Command } from 'commander';
import { writeNamed } from '../../guards/named-file.ts';
import manifest from '../../package.json' with { type: 'json' };
import { declare, settingsNow } from '../command.ts';
import { CliError, pathProblem } from '../errors.ts';
import { wholeTask, withTask } from '../mesh-client.ts';
import { shortId } from '../task-text.ts';
import { note, plural, printJsonText } from '../terminal.ts';
import { trailText } from '../trail-file.ts';

export function command(): Command {
  return declare({
    name: 'export',
    group: 'Tasks',
    summary: 'write the whole trail of a task as one file',
    details:
      '`mesh import` shows it elsewhere. With --no-secrets, keys and tokens of known forms, and values that are called password, token or the like, are replaced by [left out]; read the file before you pass it on, as no list of forms is complete.',
    examples: [
      ['export 6f1c2d3e trail.json', 'to a file'],
      ['export 6f1c2d3e --no-secrets | less', 'to standard output'],
    ],
  })
    .argument('<id>', 'id of a task, or its first six characters or more')
    .argument('[file]', 'file to write; standard output without it, or for -')
    .option('--no-secrets', 'leave out what looks like a key, a token or a password')
    .action((id: string, file: string | undefined, options: { secrets: boolean }) => write(id, file, !options.secrets));
}

async function write(id: string, file: string | undefined, leaveOut: boolean): Promise<void> {
  const { facts, view } = await withTask(settingsNow(), id, (task) => wholeTask(task, 'mesh export'));
  const { taskId } = view;
  const text = trailText(taskId, facts, `agent-mesh ${manifest.version}`, leaveOut);
  if (file === undefined || file === '-') {
    return printJsonText(text.trimEnd());
  }
  try {
    writeNamed(file, text);
  } catch (error) {
    throw new CliError(2, `${file} cannot be written: ${pathProblem(error) ?? String(error)}`, { cause: error });
  }
  note(`The trail of task ${shortId(taskId)}, ${plural(facts.length, 'event')}, is in ${file}.`);
}
