/**
 * The facts of each task, in the order in which watchers first saw them (S4, S8). Owns: putting them in order and
 * holding them against the model.
 */
import type { MeshEvent } from '../../schemas/events/envelope.ts';
import type { Run } from '../simulate.ts';
import { TaskModel } from './task-model.ts';

export function checkFacts({ history, report, catalog, workload, forgotten }: Run): void {
  const forks = new Map(workload.submissions.map(({ correlationId, fork }) => [correlationId, fork]));
  const seen = new Set<string>();
  const models = new Map<string, TaskModel>();
  const said = new Map<string, MeshEvent[]>();
  for (const { event } of history.facts) {
    // Of a task that was forgotten and made anew watchers have seen two lives.
    if (!event || seen.has(event.id) || forgotten.has(event.correlationid)) continue;
    seen.add(event.id);
    const task = event.correlationid;
    const model = models.get(task) ?? new TaskModel(catalog.workflows, forks.get(task) ?? null);
    models.set(task, model);
    said.set(task, [...(said.get(task) ?? []), event]);
    const problem = model.take(event);
    if (problem === null) continue;
    const before = said.get(task)?.map(({ type }) => type.slice('dev.agentmesh.'.length, -'.v1'.length));
    report.violation('S8', `task ${task} ${problem} (${before?.join(' ')})`);
    return;
  }
}
