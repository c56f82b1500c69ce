/**
 * `mesh tasks`. Owns: the list of tasks. Does not own: reading facts (mesh-client.ts), or removing them (tasks-rm.ts).
 */
import type { Command } from 'commander';
import { parseSubject } from '../../schemas/events/subjects.ts';
import { foldAll, type TaskView, toReport } from '../../schemas/events/task-view.ts';
import { declare, settingsNow, wholeNumber } from '../command.ts';
import { lastMessages, readFacts, withBus } from '../mesh-client.ts';
import { shortId, statusText } from '../task-text.ts';
import { command as removeCommand } from '../tasks-rm.ts';
import { columns, duration, oneLine, out, painter, plural, print, printJson, table } from '../terminal.ts';

const LIMIT_DEFAULT = 20;
/** Each task costs a read of its facts. */
const LIMIT_MAX = 1000;

export function command(): Command {
  const parent = declare({
    name: 'tasks',
    group: 'Tasks',
    summary: 'list the latest tasks, or remove ended ones',
    examples: [
      ['tasks', `the latest ${LIMIT_DEFAULT}`],
      ['tasks rm -h', 'remove what ended'],
      ['tasks --limit 100 --json', 'more, for a program'],
    ],
  })
    .option('--json', 'print a JSON array')
    .option('-n, --limit <n>', 'how many', wholeNumber(1, LIMIT_MAX), LIMIT_DEFAULT)
    .action((options: { json?: true; limit: number }) => tasks(options.limit, options.json === true));
  return parent.addCommand(removeCommand());
}

async function tasks(limit: number, json: boolean): Promise<void> {
  const { views, total } = await withBus(settingsNow(), async (bus) => {
    const last = await lastMessages(bus);
    const views: TaskView[] = [];
    for (const message of last.slice(0, limit)) {
      const subject = parseSubject(message.subject);
      if (subject.kind !== 'fact') continue;
      views.push(foldAll(subject.correlationId, await readFacts(bus, subject.correlationId)));
    }
    return { views, total: last.length };
  });
  if (json) return printJson(views.map(toReport));
  if (views.length === 0) return print('No tasks yet. Try `mesh run "How does a task survive a crash?"`.');
  for (const line of lines(views)) print(line);
  if (total > views.length) print(`${plural(total - views.length, 'older task')}; --limit shows more.`);
}

function lines(views: readonly TaskView[]): string[] {
  const paint = painter(out);
  const now = Date.now();
  const rows = views.map((view) => [
    paint('bold', shortId(view.taskId)),
    statusText(view.status, paint),
    view.route?.decision ?? '–',
    plural(view.hops.length, 'hop'),
    duration(view.updatedAtMs - view.startedAtMs),
    `${duration(now - view.startedAtMs)} ago`,
    oneLine(named(view), Math.max(20, columns(out) - 70)),
  ]);
  const head = ['task', 'status', 'route', 'hops', 'took', 'when', 'prompt'].map((text) => paint('dim', text));
  return table([head, ...rows]);
}

/** What was asked, after the caller's own name for it. */
function named({ key, prompt }: TaskView): string {
  const shown = prompt === '' ? '(its beginning has left the log)' : prompt;
  return key === null ? shown : `[${key}] ${shown}`;
}
