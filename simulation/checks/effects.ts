/**
 * Deeds outside (S6): an unrepeatable one happens at most once a key, a task believes only what the world answered, and
 * there are no more keys than there were reasons to act.
 */
import { canonicalJson, type MeshEvent } from '../../schemas/events/envelope.ts';
import type { Run } from '../simulate.ts';

export function checkEffects(run: Run): void {
  const { world, report, history, forgotten } = run;
  const settled = new Map<string, MeshEvent<'effect.finished'>>();
  for (const { event } of history.now()) {
    if (event?.type === 'dev.agentmesh.effect.finished.v1' && !settled.has(event.data.key))
      settled.set(event.data.key, event);
  }
  for (const { key, fence, onceDeeds, runs } of world.dealings.values()) {
    report.count(`effect runs (${fence})`, runs);
    if (onceDeeds > 1 && !forgotten.mayRepeat(key)) report.violation('S6', `${key} was done ${onceDeeds} times`);
    if (fence === 'once' && settled.get(key)?.data.status === 'unknown') report.count('outcome unknown');
  }
  for (const event of settled.values()) checkBelief(run, event);
}

function checkBelief({ world, report, forgotten }: Run, { data }: MeshEvent<'effect.finished'>): void {
  const { status } = data;
  const dealing = world.dealings.get(data.key);
  switch (status) {
    case 'done': {
      const said = [...(dealing?.answers ?? [])].map((text) => canonicalJson(JSON.parse(text)));
      if (!said.includes(canonicalJson(data.output ?? null)))
        report.violation('S6', `${data.key} is believed done with an output that nobody gave`);
      return;
    }
    case 'failed':
      if (dealing?.fence === 'once' && dealing.onceDeeds > 0 && !forgotten.mayRepeat(data.key))
        report.violation('S6', `${data.key} is believed to have failed, but was done`);
      return;
    case 'unknown':
      // What was forgotten may have been something else under the same key.
      if (dealing && dealing.fence !== 'once' && !forgotten.has(taskOf(data.key)))
        report.violation('S6', `${data.key} may be repeated, and is unknown`);
      return;
    default:
      throw new Error(`unknown status ${JSON.stringify(status satisfies never)}`);
  }
}

function taskOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}
