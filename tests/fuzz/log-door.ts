/**
 * The door that is the log itself: whatever is published to `mesh.tasks`. Owns: publishing, and finding what became of
 * each message: taken as a task, in quarantine with a code, or ignored with a reason (said twice, or about no task).
 */
import type { Bus } from '../../bus/port.ts';
import { BusError } from '../../bus/port.ts';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { INGRESS_SUBJECT } from '../../schemas/events/subjects.ts';
import { Random } from '../../simulation/random.ts';
import { entryOf } from '../../task-client/quarantine.ts';
import type { Mesh } from '../support/mesh.ts';
import { hostileBytes, hostileJson } from './hostile.ts';
import { submissions } from './requests.ts';

const HEADER_CHANCE = 0.2;

/** @returns counts by what became of the messages */
export async function sendToLog(mesh: Mesh, inputs: number, seed: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const sent = new Set<number>();
  for (let at = 0; at < inputs; at += 1) {
    const random = new Random(`${seed}/log/${at}`);
    const text = Buffer.from(hostileJson(random, { ...random.pick(submissions), n: at }));
    const body = random.chance(0.2) ? hostileBytes(random, text) : text;
    const headers: Record<string, string> = random.chance(HEADER_CHANCE)
      ? { 'ce-specversion': '1.0', 'ce-id': 'x', 'ce-type': 't' }
      : {};
    try {
      sent.add((await mesh.bus.publish({ subject: INGRESS_SUBJECT, body, headers })).seq);
    } catch (error) {
      if (!(error instanceof BusError) || error.retryable) throw error;
      count(`refused by the log: ${error.code}`);
    }
  }
  // The ingress reads in order: when this one is taken, all before it have been judged.
  const last = await mesh.submit('tool:clock {}', newCorrelationId());
  await mesh.watch.result(last, 600_000);
  // And what was set aside leaves in order: when this one is there, all before it are.
  const poison = await mesh.publish(INGRESS_SUBJECT, '{"prompt"');
  await mesh.watch.refusal(({ originSeq }) => originSeq === poison, 600_000, 'the last message');
  const refused = await refusedOf(mesh.bus);
  for (const seq of sent) count(refused.get(seq) ?? 'taken');
  return counts;
}

async function refusedOf(bus: Bus): Promise<Map<number, string>> {
  const refused = new Map<number, string>();
  const reader = await bus.read({
    stream: 'quarantine',
    filter: 'mesh.quarantine.>',
    fromSeq: 1,
    onMessage: (message) => {
      const { originSeq, code } = entryOf(message);
      refused.set(originSeq, `quarantine: ${code}`);
    },
  });
  await reader.caughtUp;
  await reader.stop();
  return refused;
}
