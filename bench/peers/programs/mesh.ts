/**
 * Callers of the bare host: submit on the bus, and wait for the fact that ends the task. Owns: that no end is missed
 * while the broker is away. Does not own: the broker or the host (systems/mesh.ts).
 */
import { connectBus } from '../../../bus/nats-bus.ts';
import { factSubject, INGRESS_SUBJECT } from '../../../schemas/events/subjects.ts';
import { type Ending, endingIn } from '../facts.ts';
import type { Job } from '../job.ts';
import type { Program } from '../system.ts';

const FACTS = 'mesh.events.';

export async function open(address: string, job: Job): Promise<Program> {
  const bus = await connectBus({ url: address, name: 'race-callers' });
  await bus.ensureTopology();
  const waiting = new Map<string, PromiseWithResolvers<unknown>>();
  const settle = (id: string, ending: Ending | null): void => {
    const run = waiting.get(id);
    if (ending === null || run === undefined) return;
    waiting.delete(id);
    if ('error' in ending) run.reject(new Error(ending.error));
    else run.resolve(ending.answer);
  };
  const look = async (id: string): Promise<void> => {
    const last = await bus.getLast(factSubject(id));
    if (last !== null) settle(id, endingIn(Buffer.from(last.data).toString('utf8')));
  };
  bus.subscribeVolatile(`${FACTS}*`, (subject, data) => {
    const id = subject.slice(FACTS.length);
    if (waiting.has(id)) settle(id, endingIn(Buffer.from(data).toString('utf8')));
  });
  // Facts are not told again to those who were away: after a reconnect the log is asked.
  bus.onConnection((connected) => {
    if (!connected) return;
    for (const [id, run] of waiting) look(id).catch(run.reject);
  });
  return {
    async run(id) {
      const run = Promise.withResolvers<unknown>();
      // A run whose submission failed is still in there: it may have begun all the same, and ended since.
      const again = waiting.has(id);
      waiting.set(id, run);
      try {
        await bus.publish({ subject: INGRESS_SUBJECT, body: JSON.stringify({ id, prompt: job.firstText }) });
        if (again) await look(id);
      } catch (thrown) {
        run.reject(thrown);
      }
      return run.promise;
    },
  };
}
