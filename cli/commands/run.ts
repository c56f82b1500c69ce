/**
 * `mesh run`. Owns: submitting a prompt, showing the way of the task as it goes, and the answer. Does not own: any
 * rule about tasks (task-client/), or the words of facts (task-text.ts).
 *
 * The answer goes to standard output, everything else to standard error, so that `mesh run … > answer.md` works.
 */

import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Bus } from '../../bus/port.ts';
import type { Settings } from '../../config/settings.ts';
import type { Fact } from '../../schemas/events/fact.ts';
import { emptyView, type TaskView, toReport } from '../../schemas/events/task-view.ts';
import type { TaskClient } from '../../task-client/client.ts';
import { MeshError } from '../../task-client/errors.ts';
import type { Submission } from '../../task-client/submissions.ts';
import { isSettled } from '../../task-client/tasks.ts';
import { hint } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { asCaller, hindranceOf, newTaskId, withBus, withClient } from '../mesh-client.ts';
import { ensureUp } from '../supervisor/launch.ts';
import { answerLines, factLine, questionLines, shortId, workingLine } from '../task-text.ts';
import { type TaskWishes, wishesIn, wishOptions } from '../task-wishes.ts';
import { columns, duration, err, note, out, painter, print, printJson, statusLine } from '../terminal.ts';

interface RunOptions extends TaskWishes {
  readonly json?: true;
  readonly workflow?: string;
  readonly id?: string;
  readonly key?: string;
}

/** Whose tasks these are: keys are looked up among them. */
const CALLER = 'mesh run';
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
    .option('--id <uuid>', 'id of the task, a UUID; the same id again gives the same task')
    .option('--key <text>', 'in its place, a name of your own; the same key again gives the same task')
    .action((prompt: string, options: RunOptions) => run(prompt, options));
  for (const option of wishOptions()) declared.addOption(option);
  return declared;
}

async function run(argument: string, options: RunOptions): Promise<void> {
  const settings = settingsNow();
  const { key } = options;
  if (key !== undefined && options.id !== undefined) throw new CliError(2, 'give --id or --key, not both');
  const taskId = newTaskId(options.id, '--id');
  const prompt = argument === '-' ? (await readAll(process.stdin)).trim() : argument;
  const wishes = wishesIn(options);
  if (prompt.trim() === '') throw new CliError(2, 'the prompt is empty; see `mesh run -h`');
  await ensureMesh(settings);
  await withClient(settings, async (client, bus) => {
    const submission = {
      prompt,
      ...(taskId === undefined ? {} : { correlationId: taskId }),
      ...(key === undefined ? {} : { key }),
      ...(options.workflow === undefined ? {} : { workflow: options.workflow }),
      ...wishes,
    };
    process.exitCode = await submitAndFollow({ client, bus, settings }, submission, options.json === true);
  });
}

/**
 * With a server of the user's the services may run elsewhere; otherwise they run here. Whoever is heard of says that they do:
 * agents that are away at the moment are started again by their own keeper, and a second mesh is not made beside them.
 */
export async function ensureMesh(settings: Settings): Promise<void> {
  if (settings.NATS_URL !== undefined) {
    const { livingServices } = await import('../../registry/registry.ts');
    const elsewhere = await withBus(settings, async (bus) => {
      await bus.ensureTopology();
      return livingServices(bus);
    });
    if (elsewhere.length > 0) return;
  }
  const paint = painter(err);
  const { started } = await ensureUp(settings, (text) => note(paint('dim', `· ${text}`)));
  if (started) note(paint('dim', hint('· the mesh was started in the background; `mesh down` stops it')));
}

/** Returns the exit code. */
async function submitAndFollow(
  { client, bus, settings }: { client: TaskClient; bus: Bus; settings: Settings },
  submission: Submission,
  json: boolean,
): Promise<number> {
  const leave = new AbortController();
  const { signal } = leave;
  const onInterrupt = (): void => leave.abort();
  process.once('SIGINT', onInterrupt);
  const progress = json ? { show: () => undefined, end: () => undefined } : showProgress(bus);
  let latest: TaskView | null = null;
  let taskId = submission.correlationId ?? null;
  let hindrance: CliError | null = null;
  // A task that nobody takes may wait for something that only a person can mend.
  const looking = setInterval(() => {
    hindrance = latest === null ? hindranceOf(settings) : null;
    if (hindrance !== null) leave.abort();
  }, SILENCE_MS);
  try {
    // Whoever sits before it decides how long is too long.
    const patient = asCaller(CALLER, { signal, takenWithinMs: Number.POSITIVE_INFINITY });
    const begun = await client.tasks.submit(submission, patient, (id) => {
      taskId = id;
    });
    const onFact = (fact: Fact, view: TaskView): void => {
      latest = view;
      progress.show(fact, view);
    };
    const { view } = await client.tasks.follow(begun.view.taskId, asCaller(CALLER, { signal }), {
      until: isSettled,
      onFact,
    });
    progress.end();
    return settled(view, json);
  } catch (error) {
    progress.end();
    if (hindrance !== null) throw hindrance;
    if (signal.aborted) return left(latest ?? emptyView(taskId ?? ''), json);
    throw refusal(error, taskId, json);
  } finally {
    progress.end();
    clearInterval(looking);
    process.off('SIGINT', onInterrupt);
  }
}

/** What a submission that was not accepted is told by; for any other error, that the task goes on. */
function refusal(error: unknown, taskId: string | null, json: boolean): unknown {
  if (error instanceof MeshError && error.reason === 'REFUSED') {
    if (json) printJson({ taskId, correlationId: taskId, status: 'refused', reason: error.message });
    return new CliError(1, error.message, { cause: error });
  }
  const isOurs = error instanceof MeshError && error.code !== 'unavailable';
  if (taskId !== null && !isOurs) {
    note(
      hint(`Task ${shortId(taskId)} is in the log and goes on; see it later with \`mesh show ${shortId(taskId)}\`.`),
    );
  }
  return error;
}

function left(view: TaskView, json: boolean): number {
  if (json) printJson(toReport(view));
  const id = shortId(view.taskId);
  note(hint(`The task goes on. Follow it with \`mesh watch ${id}\`, see it with \`mesh show ${id}\`.`));
  return INTERRUPTED;
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
    () =>
      line.print(
        paint('yellow', hint('  nothing has taken the task yet; `mesh status` and `mesh doctor` may tell why')),
      ),
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
      hint(
        `  ${duration(view.updatedAtMs - view.startedAtMs)} in all; \`mesh show ${shortId(view.taskId)}\` has the whole trail`,
      ),
    ),
  );
  const lines = answerLines(view, painter(out));
  if (lines.length > 0 && err.isTTY) note();
  for (const line of lines) print(line);
}
