/**
 * Deeds outside (S6): an unrepeatable one happens at most once for a request, and a task believes only what the world
 * answered. Owns: these checks, and by which request a deed is known.
 *
 * A key says where in the history of its actor an effect began. After the stores of that actor were put back, another
 * request of the same task may come to the same place: when a person has asked for the deed again, it is another deed under
 * the same key.
 */
import { canonicalJson, type MeshEvent } from '../../schemas/events/envelope.ts';
import { partitionOf } from '../../schemas/events/subjects.ts';
import type { Gate } from '../gate.ts';
import { decoded } from '../history.ts';
import type { Run } from '../simulate.ts';
import { timesDone } from '../world.ts';
import { journalOnDisk } from './journal-state.ts';

export function checkEffects(run: Run): void {
  const { world, report, history, forgotten } = run;
  const settled = new Map<string, MeshEvent<'effect.finished'>>();
  for (const { event } of history.now()) {
    if (event?.type === 'dev.agentmesh.effect.finished.v1' && !settled.has(event.data.key))
      settled.set(event.data.key, event);
  }
  for (const dealing of world.dealings.values()) {
    const { key, fence, onceDeeds, runs } = dealing;
    report.count(`effect runs (${fence})`, runs);
    const times = Math.max(0, ...onceDeeds.map((request) => timesDone(dealing, request)));
    if (times > 1 && !forgotten.mayRepeat(key)) report.violation('S6', `${key} was done ${times} times`);
    if (onceDeeds.length > times) report.count('another deed under the same key');
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
      if (dealing?.fence === 'once' && timesDone(dealing, dealing.request) > 0 && !forgotten.mayRepeat(data.key))
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

/** The last request that the actor was told by another host when it said that the effect begins; empty for none. */
export function requestOf(
  { history, hosts }: Pick<Run, 'history' | 'hosts'>,
  { key, gate }: { key: string; gate: Gate },
): string {
  const [task = '', role] = key.split('/');
  const host = hosts.find((one) => one.gate === gate);
  let told = '';
  let asked = '';
  for (const { body } of host ? journalOnDisk(history, host.disk.tables.partition(partitionOf(task))) : []) {
    for (const input of decoded(body).inputs) {
      if (input.kind !== 'event' || input.role !== role || input.event.correlationid !== task) continue;
      const { event } = input;
      if (event.type === 'dev.agentmesh.hop.requested.v1') told = event.id;
      if (event.type === 'dev.agentmesh.effect.started.v1' && event.data.key === key) asked = told;
    }
  }
  return asked;
}
