/**
 * Facts of all tasks as they come, for whoever shows everything. Owns: reading them. Does not own: one task
 * (`task-feed.ts`).
 */
import type { Bus, Reader } from '../bus/port.ts';
import { type Fact, factsIn } from '../schemas/events/fact.ts';
import { FACT_FILTER } from '../schemas/events/subjects.ts';

/** Calls back with the facts of every message from now on: those of one commit together. @throws BusError */
export async function followAll(
  bus: Bus,
  onFacts: (facts: readonly Fact[]) => void,
  onError: (error: Error) => void,
): Promise<Reader> {
  const { lastSeq } = await bus.streamInfo();
  return bus.read({
    filter: FACT_FILTER,
    fromSeq: lastSeq + 1,
    onMessage: (message) => {
      const facts = factsIn(message);
      if (facts.length > 0) onFacts(facts);
    },
    onError,
  });
}
