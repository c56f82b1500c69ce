/**
 * `mesh tasks`. Owns: how the list of tasks looks. Does not own: the list (task-client/list.ts), or removing (tasks-rm.ts).
 */

import type { Command } from 'commander';
import { toReport } from '../../schemas/events/task-view.ts';
import type { TaskClient } from '../../task-client/client.ts';
import type { TaskSummary } from '../../task-client/summary.ts';
import { hint } from '../called.ts';
import { declare, settingsNow, wholeNumber } from '../command.ts';
import { asCaller, withClient } from '../mesh-client.ts';
import { shortId, statusText } from '../task-text.ts';
import { command as removeCommand } from '../tasks-rm.ts';
import { columns, duration, oneLine, out, painter, plural, print, printJson, table } from '../terminal.ts';

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 1000;
/** Each whole task costs a read of its facts. */
const READ_AT_ONCE = 16;

interface TasksOptions {
  readonly limit: number;
  readonly json: boolean;
  readonly waiting: boolean;
}

export function command(): Command {
  const parent = declare({
    name: 'tasks',
    group: 'Tasks',
    summary: 'list the latest tasks, or remove ended ones',
    examples: [
      ['tasks', `the latest ${LIMIT_DEFAULT}`],
      ['tasks --waiting', 'what waits for you'],
      ['tasks rm -h', 'remove what ended'],
      ['tasks --limit 100 --json', 'more, for a program'],
    ],
  })
    .option('--json', 'print a JSON array')
    .option('-n, --limit <n>', 'how many', wholeNumber(1, LIMIT_MAX), LIMIT_DEFAULT)
    .option('--waiting', 'only those that wait for a person, with what they ask')
    .action(({ limit, json, waiting }: { json?: true; waiting?: true; limit: number }) =>
      tasks({ limit, json: json === true, waiting: waiting === true }),
    );
  return parent.addCommand(removeCommand());
}

async function tasks({ limit, json, waiting }: TasksOptions): Promise<void> {
  await withClient(settingsNow(), async (client) => {
    const context = asCaller('mesh tasks');
    const order = { pageSize: limit, ...(waiting ? { statuses: ['input_required' as const] } : {}) };
    const { tasks: found, total } = await client.list(order, context);
    if (json) return printJson(await reports(client, found));
    if (found.length === 0) {
      return print(
        waiting ? 'No task waits for you.' : hint('No tasks yet. Try `mesh run "How does a task survive a crash?"`.'),
      );
    }
    for (const line of lines(found)) print(line);
    if (total > found.length) print(`${plural(total - found.length, 'older task')}; --limit shows more.`);
  });
}

/** Whole tasks, each read from the log: a program that wants them gets what `mesh show` tells. */
async function reports(client: TaskClient, found: readonly TaskSummary[]): Promise<object[]> {
  const all: object[] = [];
  for (let at = 0; at < found.length; at += READ_AT_ONCE) {
    const some = found.slice(at, at + READ_AT_ONCE);
    const read = some.map(({ correlationId }) => client.tasks.peek(correlationId, asCaller('mesh tasks')));
    all.push(...(await Promise.all(read)).map(({ view }) => toReport(view)));
  }
  return all;
}

function lines(found: readonly TaskSummary[]): string[] {
  const paint = painter(out);
  const now = Date.now();
  const rows = found.map((one) => [
    paint('bold', shortId(one.correlationId)),
    statusText(one.status, paint),
    one.route ?? '–',
    plural(one.hops, 'hop'),
    duration(one.updatedAtMs - one.startedAtMs),
    `${duration(now - one.startedAtMs)} ago`,
    oneLine(textOf(one), Math.max(20, columns(out) - 70)),
  ]);
  const head = ['task', 'status', 'route', 'hops', 'took', 'when', 'prompt'].map((text) => paint('dim', text));
  return table([head, ...rows]);
}

/** What a task asks is what matters of one that waits; else what was asked, after the caller's own name for it. */
function textOf({ prompt, key, questionId, question }: TaskSummary): string {
  if (question !== null) return `${questionId}? ${question}`;
  const shown = prompt === '' ? '(its beginning has left the log)' : prompt;
  return key === null ? shown : `[${key}] ${shown}`;
}
