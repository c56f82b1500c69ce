/**
 * More than a reader takes. Owns: telling many large facts of a task, and how much memory a process has. Does not own:
 * who reads.
 */
import { readFileSync } from 'node:fs';
import { outputEventId } from '../../schemas/events/ids.ts';
import { factSubject } from '../../schemas/events/subjects.ts';
import type { Mesh } from './mesh.ts';

/** Resident memory of a process, MiB. */
export function residentMb(pid: number): number {
  const [, kb] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1024;
}

/** Tells `batches` times `size` facts of half a kilobyte; the task must have begun a hop. */
export async function flood(mesh: Mesh, correlationId: string, batches: number, size: number): Promise<void> {
  const [started] = mesh.watch.facts(correlationId).filter(({ name }) => name === 'hop.started');
  if (started === undefined) throw new Error('the task has no hop yet');
  const note = 'x'.repeat(480);
  for (let batch = 0; batch < batches; batch += 1) {
    const facts = Array.from({ length: size }, (_one, at) => ({
      ...started.event,
      id: outputEventId(correlationId, 'tools', 1_000_000 + batch, at),
      type: 'dev.agentmesh.hop.progress.v1',
      data: { role: 'tools', effect: 'call', note },
    }));
    await Promise.all(facts.map((fact) => mesh.publish(factSubject(correlationId), JSON.stringify(fact))));
  }
}
