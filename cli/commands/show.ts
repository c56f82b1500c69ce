/**
 * `mesh show ID`. Owns: the whole trail of one task. Does not own: the words of a fact (task-text.ts).
 */
import type { Command } from 'commander';
import type { Settings } from '../../config/settings.ts';
import type { Fact } from '../../schemas/events/fact.ts';
import { foldAll, type TaskView, toReport } from '../../schemas/events/task-view.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError, toFailure } from '../errors.ts';
import { wholeTask, withTask } from '../mesh-client.ts';
import { matchId, wholeId } from '../task-id.ts';
import { answerLines, factLine, questionLines, statusText } from '../task-text.ts';
import {
  duration,
  indent,
  oneLine,
  out,
  type Paint,
  painter,
  print,
  printJson,
  printText,
  safeText,
} from '../terminal.ts';
import { type ImportedTrail, importedIds, importedTrail } from '../trail-file.ts';

export function command(): Command {
  return declare({
    name: 'show',
    group: 'Tasks',
    summary: 'show what happened in a task, step by step, and its result',
    examples: [
      ['show 6f1c2d3e', 'the beginning of an id is enough'],
      ['show 6f1c2d3e --json', 'with every event'],
    ],
  })
    .argument('<id>', 'id of a task, or its first six characters or more')
    .option('--json', 'print one JSON object with all events')
    .option('--imported', 'show the trail that `mesh import` brought, also when the log has the task')
    .action((id: string, options: { json?: true; imported?: true }) => show(settingsNow(), id, options));
}

async function show(settings: Settings, id: string, options: { json?: true; imported?: true }): Promise<void> {
  const { taskId, facts, imported } = options.imported
    ? fromImported(settings, id)
    : await fromLog(settings, id).catch((error: unknown) => insteadOf(error, settings, id));
  const view = foldAll(taskId, facts);
  if (options.json) {
    const events = unique(facts).map((fact) => eventJson(fact, view));
    return printJson({ ...toReport(view), ...(imported === null ? {} : { imported }), events });
  }
  const paint = painter(out);
  if (imported !== null) for (const line of importedLines(imported)) print(paint('yellow', line));
  print(`${paint('bold', taskId)}  ${statusText(view.status, paint)}`);
  if (view.key !== null) print(`  ${paint('dim', 'key')} ${oneLine(view.key, 200)}`);
  printText(indent(safeText(view.prompt).trim(), '  '));
  print();
  for (const fact of facts) print(trailLine(fact, view, paint));
  if (view.messages.length > 0) {
    print();
    print(paint('bold', 'Messages between agents'));
    for (const one of view.messages) {
      print(`  ${one.from} → ${one.to}`);
      printText(indent(safeText(one.text).trim(), '    '));
    }
  }
  const rest = view.result === null ? questionLines(view, paint) : answerLines(view, paint);
  if (rest.length > 0) print();
  for (const line of rest) print(line);
}

interface Shown {
  readonly taskId: string;
  readonly facts: readonly Fact[];
  /** Null for a task of this mesh. */
  readonly imported: Pick<ImportedTrail, 'exportedAt' | 'secretsLeftOut'> | null;
}

async function fromLog(settings: Settings, id: string): Promise<Shown> {
  const { facts, view } = await withTask(settings, id, (task) => wholeTask(task, 'mesh show'));
  return { taskId: view.taskId, facts, imported: null };
}

function fromImported(settings: Settings, id: string): Shown {
  const taskId = wholeId(id) ?? matchId(id, importedIds(settings, id));
  if (importedIds(settings, taskId).length === 0)
    throw new CliError(2, `no trail of ${taskId} was imported; see \`mesh import -h\``);
  const { facts, exportedAt, secretsLeftOut } = importedTrail(settings, taskId);
  return { taskId, facts, imported: { exportedAt, secretsLeftOut } };
}

/** A task that the log does not have, or a log that is away: an imported trail needs neither. */
function insteadOf(error: unknown, settings: Settings, id: string): Shown {
  if (toFailure(error).expected && importedIds(settings, id).length > 0) return fromImported(settings, id);
  throw error;
}

function importedLines({ exportedAt, secretsLeftOut }: NonNullable<Shown['imported']>): string[] {
  const what = secretsLeftOut ? ', without its secrets' : '';
  return [`IMPORTED: it ran elsewhere and was exported ${exportedAt}${what}. Nothing of it runs here.`, ''];
}

/** A fact stored twice is one fact. */
function unique(facts: readonly Fact[]): Fact[] {
  const seen = new Set<string>();
  return facts.filter(({ event }) => {
    const fresh = !seen.has(event.id);
    seen.add(event.id);
    return fresh;
  });
}

function eventJson({ event, seq, index, atMs }: Fact, view: TaskView): object {
  return { seq, index, at: new Date(atMs).toISOString(), offsetMs: atMs - view.startedAtMs, event };
}

function trailLine({ event, atMs }: Fact, view: TaskView, paint: Paint): string {
  const offset = `+${duration(atMs - view.startedAtMs)}`.padStart(9);
  return `${paint('dim', offset)}  ${factLine(event, view, paint)}`;
}
