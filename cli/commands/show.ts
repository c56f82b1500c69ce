/**
 * `mesh show ID`. Owns: the whole trail of one task. Does not own: the words of a fact (task-text.ts).
 */
import type { Command } from 'commander';
import type { Fact } from '../../schemas/events/fact.ts';
import { type TaskView, toReport } from '../../schemas/events/task-view.ts';
import { declare, settingsNow } from '../command.ts';
import { wholeTask, withTask } from '../mesh-client.ts';
import { answerLines, factLine, questionLines, statusText } from '../task-text.ts';
import { duration, indent, oneLine, out, type Paint, painter, print, printJson, safeText } from '../terminal.ts';

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
    .action((id: string, options: { json?: true }) => show(id, options.json === true));
}

async function show(id: string, json: boolean): Promise<void> {
  const { facts, view } = await withTask(settingsNow(), id, (task) => wholeTask(task, 'mesh show'));
  const { taskId } = view;
  if (json) return printJson({ ...toReport(view), events: facts.map((fact) => eventJson(fact, view)) });
  const paint = painter(out);
  print(`${paint('bold', taskId)}  ${statusText(view.status, paint)}`);
  if (view.key !== null) print(`  ${paint('dim', 'key')} ${oneLine(view.key, 200)}`);
  print(indent(safeText(view.prompt).trim(), '  '));
  print();
  for (const fact of facts) print(trailLine(fact, view, paint));
  if (view.messages.length > 0) {
    print();
    print(paint('bold', 'Messages between agents'));
    for (const one of view.messages) print(`  ${one.from} → ${one.to}\n${indent(safeText(one.text).trim(), '    ')}`);
  }
  const rest = view.result === null ? questionLines(view, paint) : answerLines(view, paint);
  if (rest.length > 0) print();
  for (const line of rest) print(line);
}

function eventJson({ event, seq, index, atMs }: Fact, view: TaskView): object {
  return { seq, index, at: new Date(atMs).toISOString(), offsetMs: atMs - view.startedAtMs, event };
}

function trailLine({ event, atMs }: Fact, view: TaskView, paint: Paint): string {
  const offset = `+${duration(atMs - view.startedAtMs)}`.padStart(9);
  return `${paint('dim', offset)}  ${factLine(event, view, paint)}`;
}
