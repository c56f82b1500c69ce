/**
 * `mesh run`. Owns: submitting a prompt, showing the way of the task as it goes, and the answer. Does not own: reading
 * facts (follow-task.ts) or their words (task-text.ts).
 *
 * The answer goes to standard output, everything else to standard error, so that `mesh run … > answer.md` works.
 */
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Bus } from '../../bus/port.ts';
import { livingServices } from '../../bus/registry.ts';
import type { Settings } from '../../config/settings.ts';
import type { Fact } from '../../schemas/events/fact.ts';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { isCorrelationId } from '../../schemas/events/subjects.ts';
import { foldAll, type TaskView, toReport } from '../../schemas/events/task-view.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { type Followed, followTask } from '../follow-task.ts';
import { readFacts, submit, withBus } from '../mesh-client.ts';
import { ensureUp } from '../supervisor/launch.ts';
import { answerLines, factLine, questionLines, shortId, workingLine } from '../task-text.ts';
import { type TaskWishes, wishesIn, wishOptions } from '../task-wishes.ts';
import { columns, duration, err, note, oneLine, out, painter, print, printJson, statusLine } from '../terminal.ts';

interface RunOptions extends TaskWishes {
  readonly json?: true;
  readonly workflow?: string;
  readonly id?: string;
}

/** After this time without a sign of life a person deserves a hint. */
const SILENCE_MS = 8000;
/** Exit code of a program that Ctrl-C ended, by convention of shells. */
const INTERRUPTED = 130;
/** Exit code of a task that completed with nothing of what was asked for. */
const WITHOUT_SUCCESS = 4;

export function command(): Command {
  const declared = declare({
    name: 'run',
    group: 'Tasks',
    summary: 'submit a task and follow it; starts the mesh if it is not up',
    details:
      'The answer goes to standard output, the progress to standard error. Ctrl-C stops following, not the task. Exit code 0 when the task completed or waits for an answer of yours (status input_required), 1 when it failed or was cancelled, 4 when it completed without what was asked: no model answered (degraded.instead is "nothing"), or the code was not accepted (outcome exhausted).',
    examples: [
      ['run "How does a task survive a crash?"', 'ask'],
      ['run "Write a debounce function" --workflow build', 'choose the workflow'],
      ['run - < question.txt', 'read the prompt from standard input'],
      ['run "…" --deadline 10m --wait-for-model', 'ten minutes of work at most, and no answer without the model'],
      ['run "…" --json | jq -r .answer', 'one JSON object at the end'],
    ],
  })
    .argument('<prompt>', 'what to do; - reads it from standard input')
    .option('--json', 'print one JSON object at the end')
    .option('-w, --workflow <name>', 'use this workflow instead of asking the router')
    .option('--id <uuid>', 'id of the task (UUIDv4); the same id again gives the same task')
    .action((prompt: string, options: RunOptions) => run(prompt, options));
  for (const option of wishOptions()) declared.addOption(option);
  return declared;
}

async function run(argument: string, options: RunOptions): Promise<void> {
  const settings = settingsNow();
  const taskId = options.id?.toLowerCase() ?? newCorrelationId();
  if (!isCorrelationId(taskId)) throw new CliError(2, `--id must be a UUIDv4: ${oneLine(options.id ?? '', 60)}`);
  const prompt = argument === '-' ? (await readAll(process.stdin)).trim() : argument;
  wishesIn(options);
  if (prompt.trim() === '') throw new CliError(2, 'the prompt is empty; see `mesh run -h`');
  await ensureMesh(settings);
  await withBus(settings, async (bus) => {
    if (options.id !== undefined) await checkKnown(bus, taskId, prompt);
    const followed = await submitAndFollow(bus, taskId, prompt, options);
    process.exitCode = conclude(followed, taskId, options.json === true);
  });
}

/** With a server of the user's the services may run elsewhere; otherwise they run here. */
export async function ensureMesh(settings: Settings): Promise<void> {
  if (settings.NATS_URL !== undefined) {
    const elsewhere = await withBus(settings, async (bus) => {
      await bus.ensureTopology();
      return livingServices(bus);
    });
    if (elsewhere.some((one) => one.roles.includes('orchestrator'))) return;
  }
  const paint = painter(err);
  const { started } = await ensureUp(settings, (text) => note(paint('dim', `· ${text}`)));
  if (started) note(paint('dim', '· the mesh was started in the background; `mesh down` stops it'));
}

async function checkKnown(bus: Bus, taskId: string, prompt: string): Promise<void> {
  const known = foldAll(taskId, await readFacts(bus, taskId));
  if (known.prompt !== '' && known.prompt !== prompt) {
    throw new CliError(2, `task ${shortId(taskId)} exists with another prompt: ${oneLine(known.prompt, 80)}`);
  }
}

async function submitAndFollow(bus: Bus, taskId: string, prompt: string, options: RunOptions): Promise<Followed> {
  const quarantine = await bus.streamInfo('quarantine');
  const data = {
    prompt,
    caller: 'mesh run',
    ...(options.workflow === undefined ? {} : { workflow: options.workflow }),
    ...wishesIn(options),
  };
  const ack = await submit(bus, taskId, 'task.submitted', data, '');
  const leave = new AbortController();
  const onInterrupt = (): void => leave.abort();
  process.once('SIGINT', onInterrupt);
  const progress = options.json ? { show: () => undefined, end: () => undefined } : showProgress(bus);
  try {
    return await followTask({
      bus,
      taskId,
      onFact: progress.show,
      signal: leave.signal,
      submission: { seq: ack.seq, quarantineFromSeq: quarantine.lastSeq + 1 },
    });
  } catch (error) {
    progress.end();
    note(`Task ${shortId(taskId)} is in the log and goes on; see it later with \`mesh show ${shortId(taskId)}\`.`);
    throw error;
  } finally {
    progress.end();
    process.off('SIGINT', onInterrupt);
  }
}

/** What the overwritten line shows, and the question, which comes at the end. */
const shownOtherwise: ReadonlySet<string> = new Set([
  'dev.agentmesh.hop.started.v1',
  'dev.agentmesh.hop.progress.v1',
  'dev.agentmesh.hop.waiting.v1',
  'dev.agentmesh.task.input.required.v1',
]);

/** Lines for what happened, one overwritten line for what is happening. */
function showProgress(bus: Bus): { show: (fact: Fact, view: TaskView) => void; end: () => void } {
  const paint = painter(err);
  const line = statusLine(err);
  const silence = setTimeout(
    () => line.print(paint('yellow', '  nothing has taken the task yet; `mesh status` and `mesh doctor` may tell why')),
    SILENCE_MS,
  );
  const unlisten = bus.onConnection((connected) => {
    if (!connected) line.print(paint('yellow', '  the connection to NATS was lost; waiting for it to come back'));
  });
  return {
    show: ({ event }, view) => {
      clearTimeout(silence);
      line.clear();
      if (!shownOtherwise.has(event.type)) line.print(factLine(event, view, paint));
      line.set(workingLine(view, paint, columns(err)));
    },
    end: () => {
      clearTimeout(silence);
      unlisten();
      line.clear();
    },
  };
}

function conclude(followed: Followed, taskId: string, json: boolean): number {
  switch (followed.kind) {
    case 'refused':
      if (json) printJson({ taskId, correlationId: taskId, status: 'refused', reason: followed.reason });
      throw new CliError(1, `the mesh did not accept the task: ${followed.reason}`);
    case 'left':
      if (json) printJson(toReport(followed.view));
      note(
        `The task goes on. Follow it with \`mesh watch ${shortId(taskId)}\`, see it with \`mesh show ${shortId(taskId)}\`.`,
      );
      return INTERRUPTED;
    case 'settled':
      return settled(followed.view, json);
    default:
      throw new Error(`unhandled: ${String(followed satisfies never)}`);
  }
}

function settled(view: TaskView, json: boolean): number {
  if (json) printJson(toReport(view));
  else show(view);
  return exitCodeOf(view);
}

/** 0 also while the task waits for an answer of a person's. */
export function exitCodeOf({ status, result }: Pick<TaskView, 'status' | 'result'>): number {
  if (status === 'input_required') return 0;
  if (status !== 'completed') return 1;
  return result?.outcome === 'exhausted' || result?.degraded?.instead === 'nothing' ? WITHOUT_SUCCESS : 0;
}

function show(view: TaskView): void {
  if (view.status === 'input_required') {
    for (const line of questionLines(view, painter(err))) note(line);
    return;
  }
  note(
    painter(err)(
      'dim',
      `  ${duration(view.updatedAtMs - view.startedAtMs)} in all; \`mesh show ${shortId(view.taskId)}\` has the whole trail`,
    ),
  );
  const lines = answerLines(view, painter(out));
  if (lines.length > 0 && err.isTTY) note();
  for (const line of lines) print(line);
}
