/**
 * Nothing lost, nothing twice (S4, S5): every task that was submitted ends once, every fact that watchers ever saw is in
 * the log and says the same, and there is no task that nobody submitted.
 */
import type { MeshEvent } from '../../schemas/events/envelope.ts';
import type { Stored } from '../history.ts';
import type { Run } from '../simulate.ts';
import { submissionsIn } from './submissions.ts';

const ending = /\.task\.(completed|failed|cancelled)\.v1$/;
const progress = 'dev.agentmesh.hop.progress.v1';

/** What an event says, without what may differ between two sendings; its keys keep the order in which it was made. */
function contentOf(event: MeshEvent): string {
  const { time: _time, traceparent: _trace, causationid: _cause, ...content } = event;
  return JSON.stringify(content);
}

function isEvent(stored: Stored): stored is Stored & { event: MeshEvent } {
  return stored.event !== null;
}

export function checkTasks(run: Run): void {
  const { history, report, forgotten } = run;
  const now = history.now().filter(isEvent);
  const { expectedTasks, everSubmitted } = submissionsIn(run);
  const endings = new Map<string, Set<string>>();
  const acceptances = new Map<string, Set<string>>();
  for (const { event, message } of now) {
    if (!message.subject.startsWith('mesh.events.')) continue;
    if (ending.test(event.type)) note(endings, event);
    if (event.type === 'dev.agentmesh.task.accepted.v1') note(acceptances, event);
  }
  for (const task of expectedTasks) {
    for (const [what, ids] of [
      ['accepted', acceptances.get(task)],
      ['ended', endings.get(task)],
    ] as const) {
      // It may have come to another end before that was forgotten, and have told it since.
      if (ids && ids.size > 1 && forgotten.has(task)) continue;
      if (ids?.size !== 1) report.violation('S5', `task ${task} was ${what} ${ids?.size ?? 0} times`);
    }
  }
  for (const task of endings.keys()) {
    if (!everSubmitted.has(task)) report.violation('S1', `task ${task} ended, and nobody submitted it`);
  }
  checkSeen(run, now);
}

function note(table: Map<string, Set<string>>, { correlationid, id }: MeshEvent): void {
  const ids = table.get(correlationid) ?? new Set();
  table.set(correlationid, ids.add(id));
}

/** What watchers saw is still true: same id, same words, still in the log (S4, S10). */
function checkSeen(
  { history, report, forgotten, catalog }: Run,
  now: readonly (Stored & { event: MeshEvent })[],
): void {
  const serviceOf = new Map([...catalog.services].flatMap(([name, roles]) => roles.map((role) => [role.name, name])));
  const isForgotten = ({ correlationid, source }: MeshEvent): boolean =>
    forgotten.has(correlationid, serviceOf.get(source.slice('/mesh/'.length)));
  const contents = new Map<string, string>();
  for (const { event } of history.facts.filter(isEvent)) {
    const content = contentOf(event);
    const before = contents.get(event.id) ?? content;
    contents.set(event.id, content);
    if (before !== content && !isForgotten(event)) {
      report.violation('S4', `fact ${event.type} ${event.id} was seen with two contents: ${before} and ${content}`);
      return;
    }
  }
  const present = new Set(
    now.filter(({ message }) => message.subject.startsWith('mesh.events.')).map(({ event }) => event.id),
  );
  for (const { event } of history.facts.filter(isEvent)) {
    if (event.type === progress || present.has(event.id) || isForgotten(event)) continue;
    report.violation('S10', `fact ${event.type} of ${event.correlationid} was seen and is gone from the log`);
    return;
  }
}
