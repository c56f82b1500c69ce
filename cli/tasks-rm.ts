/**
 * `mesh tasks rm`. Owns: which tasks are meant, and what is said of each. Does not own: removing one
 * (task-client/removal.ts).
 */

import { Command, InvalidArgumentError, Option } from 'commander';
import type { Bus } from '../bus/port.ts';
import { parseAge } from '../config/retention.ts';
import { lastFacts, removalNote, removeTask, statusOf } from '../task-client/removal.ts';
import { meshCommand } from './called.ts';
import { settingsNow } from './command.ts';
import { CliError } from './errors.ts';
import { withClient } from './mesh-client.ts';
import { matchId, wholeId } from './task-id.ts';
import { shortId } from './task-text.ts';
import { note, plural, print, printJson } from './terminal.ts';

const ENDED = ['completed', 'failed', 'cancelled'] as const;

interface RemoveOptions {
  readonly older?: number;
  readonly state?: (typeof ENDED)[number];
  readonly dryRun?: true;
  readonly json?: true;
}

export function command(): Command {
  return new Command('rm')
    .summary('remove the trails of tasks that have ended')
    .description(
      'Remove the trails of tasks that have ended.\n\nTheir events leave the log, with the artifacts in them; a task that goes on is refused. An id stays taken for ever: it is never run anew. What a task was told stays in the journal until the log drops it by age (`mesh retention`).',
    )
    .argument('[ids...]', 'ids of tasks, or their first six characters or more')
    .option('--older <age>', 'all that ended longer ago than this: 30m, 12h, 7d', age)
    .addOption(new Option('--state <state>', 'with --older: only those that ended so').choices(ENDED))
    .option('--dry-run', 'say what would be removed')
    .option('--json', 'print one JSON object')
    .option('--verbose', 'show the cause of an error')
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `\nExamples:\n  ${meshCommand()} tasks rm 6f1c2d3e                          one\n  ${meshCommand()} tasks rm --older 7d --state completed      many`,
    )
    .action((ids: string[], options: RemoveOptions) => remove(ids, options));
}

function age(text: string): number {
  const ms = parseAge(text);
  if (ms === null) throw new InvalidArgumentError('an age such as 30m, 12h or 7d is needed.');
  return ms;
}

async function remove(words: readonly string[], options: RemoveOptions): Promise<void> {
  if (words.length > 0 === (options.older !== undefined))
    throw new CliError(2, 'name the tasks, or say --older <age>: one of the two; see `mesh tasks rm -h`');
  if (options.state !== undefined && options.older === undefined) throw new CliError(2, '--state goes with --older');
  await withClient(settingsNow(), async (client, bus) => {
    await bus.ensureTopology();
    const ids = options.older === undefined ? await named(bus, words) : await old(bus, options.older, options.state);
    const done = { removed: [] as string[], refused: [] as { taskId: string; reason: string }[] };
    for (const taskId of ids) {
      const reason = await removeOne(bus, taskId, options.dryRun === true);
      if (reason === null) {
        if (!options.dryRun) await client.forget(taskId);
        done.removed.push(taskId);
      } else done.refused.push({ taskId, reason });
    }
    if (done.refused.length > 0) process.exitCode = 1;
    if (options.json) return printJson({ ...done, dryRun: options.dryRun === true });
    for (const { taskId, reason } of done.refused) note(`${shortId(taskId)} stays: ${reason}`);
    print(`${plural(done.removed.length, 'task')} ${options.dryRun ? 'would be removed' : 'removed'}.`);
  });
}

async function named(bus: Bus, words: readonly string[]): Promise<string[]> {
  const known = words.every((word) => wholeId(word) !== null) ? [] : (await lastFacts(bus)).map(({ taskId }) => taskId);
  return [...new Set(words.map((word) => wholeId(word) ?? matchId(word, known)))];
}

/** Those that ended, and only those: the others were not named, so that they stay is no refusal. */
async function old(bus: Bus, olderMs: number, state: RemoveOptions['state']): Promise<string[]> {
  const ids: string[] = [];
  for (const { taskId, atMs } of await lastFacts(bus)) {
    if (Date.now() - atMs < olderMs) continue;
    const status = await statusOf(bus, taskId);
    if (state === undefined ? ENDED.some((one) => one === status) : status === state) ids.push(taskId);
  }
  return ids;
}

/** Null when it was removed, or would be, else why not. */
async function removeOne(bus: Bus, taskId: string, dryRun: boolean): Promise<string | null> {
  const removal = await removeTask(bus, taskId, { dryRun });
  switch (removal.kind) {
    case 'removed':
      return null;
    case 'goes_on':
      return goesOn(removal.status);
    case 'unknown':
      return (await removalNote(bus, taskId)) === null ? 'there is no such task in the log' : 'it was removed before';
    default:
      throw new Error(`unhandled: ${String(removal satisfies never)}`);
  }
}

function goesOn(status: string): string {
  return `it is ${status.replace('_', ' ')}; \`mesh cancel\` it first, or let it end`;
}
