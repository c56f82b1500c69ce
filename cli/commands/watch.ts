/**
 * `mesh watch`. Owns: showing facts as they come, of one task or of all. Does not own: their words (task-text.ts).
 */
import type { Command } from 'commander';
import type { Bus } from '../../bus/port.ts';
import type { Fact } from '../../schemas/events/fact.ts';
import { FACT_FILTER } from '../../schemas/events/subjects.ts';
import { emptyView, foldTask, isEnded, type TaskView } from '../../schemas/events/task-view.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { followTask } from '../follow-task.ts';
import { followFacts, type KnownTask, withBus, withTask } from '../mesh-client.ts';
import { factLine, questionLines, shortId } from '../task-text.ts';
import { note, out, painter, print } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'watch',
    group: 'Tasks',
    summary: 'show what happens, live: one task until it ends, or all of them',
    examples: [
      ['watch 6f1c2d3e', 'from its beginning to its end'],
      ['watch --all', 'everything from now on, until Ctrl-C'],
      ['watch --all --json', 'one event a line'],
    ],
  })
    .argument('[id]', 'id of a task, or its first six characters or more')
    .option('--all', 'all tasks, from now on')
    .option('--json', 'print one JSON event a line')
    .action((id: string | undefined, options: { all?: true; json?: true }) => watch(id, options));
}

async function watch(id: string | undefined, options: { all?: true; json?: true }): Promise<void> {
  if ((id === undefined) === (options.all === undefined)) {
    throw new CliError(2, 'give the id of a task, or --all; see `mesh watch -h`');
  }
  const leave = new AbortController();
  process.once('SIGINT', () => leave.abort());
  process.once('SIGTERM', () => leave.abort());
  const json = options.json === true;
  if (id === undefined) await withBus(settingsNow(), (bus) => watchAll(bus, leave.signal, json));
  else await withTask(settingsNow(), id, (task) => watchOne(task, leave.signal, json));
}

function show({ event }: Fact, view: TaskView, json: boolean, withId: boolean): void {
  const paint = painter(out);
  const id = withId ? `${paint('dim', shortId(event.correlationid))}  ` : '';
  print(json ? JSON.stringify(event) : `${id}${factLine(event, view, paint)}`);
}

async function watchOne({ bus, taskId }: KnownTask, signal: AbortSignal, json: boolean): Promise<void> {
  const followed = await followTask({ bus, taskId, signal, onFact: (fact, view) => show(fact, view, json, false) });
  if (followed.kind === 'settled' && !json) for (const line of questionLines(followed.view, painter(out))) print(line);
}

async function watchAll(bus: Bus, signal: AbortSignal, json: boolean): Promise<void> {
  const { lastSeq } = await bus.streamInfo();
  if (out.isTTY && !json) note('Watching all tasks; Ctrl-C ends it.');
  const views = new Map<string, TaskView>();
  const told = (fact: Fact): void => {
    const taskId = fact.event.correlationid;
    const before = views.get(taskId) ?? emptyView(taskId);
    const view = foldTask(before, fact);
    if (isEnded(view.status)) views.delete(taskId);
    else views.set(taskId, view);
    if (view !== before) show(fact, view, json, true);
  };
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    followFacts(bus, FACT_FILTER, lastSeq + 1, (facts) => facts.forEach(told), reject).catch(reject);
  });
}
