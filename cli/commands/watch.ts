/**
 * `mesh watch`. Owns: showing facts as they come, of one task or of all. Does not own: their words (task-text.ts).
 */
import type { Command } from 'commander';
import type { Bus } from '../../bus/port.ts';
import type { Fact } from '../../schemas/events/fact.ts';
import { emptyView, foldTask, isEnded, type TaskView } from '../../schemas/events/task-view.ts';
import { followAll } from '../../task-client/facts.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { asCaller, type KnownTask, withBus, withTask } from '../mesh-client.ts';
import { factLine, questionLines, shortId } from '../task-text.ts';
import { note, out, painter, print, printJsonLine } from '../terminal.ts';

export function command(): Command {
  return declare({
    name: 'watch',
    group: 'Tasks',
    summary: 'show what happens, live: one task until it ends, or all of them',
    examples: [
      ['watch 6f1c2d3e', 'from its beginning to its end, also while it waits for a person'],
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
  if (json) printJsonLine(event);
  else print(`${id}${factLine(event, view, paint)}`);
}

/** Also after a question was answered: by somebody else, maybe, from another terminal. */
async function watchOne({ client, taskId }: KnownTask, signal: AbortSignal, json: boolean): Promise<void> {
  let shownQuestion: string | null = null;
  const tell = (view: TaskView): void => {
    const open = view.question?.questionId ?? null;
    if (open !== null && open !== shownQuestion && !json) {
      for (const line of questionLines(view, painter(out))) print(line);
    }
    shownQuestion = open;
  };
  const until = (view: TaskView): boolean => {
    tell(view);
    return isEnded(view.status);
  };
  const onFact = (fact: Fact, view: TaskView): void => show(fact, view, json, false);
  try {
    await client.tasks.follow(taskId, asCaller('mesh watch', { signal }), { until, onFact });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function watchAll(bus: Bus, signal: AbortSignal, json: boolean): Promise<void> {
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
    followAll(bus, (facts) => facts.forEach(told), reject).catch(reject);
  });
}
