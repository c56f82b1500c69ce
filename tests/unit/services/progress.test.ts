/** Progress of hosts that write no facts: what becomes a fact, and what does not. */
import { expect, it } from 'vitest';
import { createMemoryBus, createMemoryLog } from '../../../bus/memory-bus.ts';
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import { newCorrelationId } from '../../../schemas/events/ids.ts';
import { factSubject, progressSubject } from '../../../schemas/events/subjects.ts';
import { relayProgress, tellProgress } from '../../../services/progress.ts';
import { eventOf } from '../runtime/support/events.ts';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

it('becomes a fact; what only looks like it does not', async () => {
  const [task, other] = [newCorrelationId(), newCorrelationId()];
  const agents = createMemoryBus(createMemoryLog());
  await agents.ensureTopology();
  const end = relayProgress(agents, silent);
  const note = eventOf('hop.progress', { role: 'llm', effect: 'generate', note: 'half' }, { correlationId: task });
  const forged: MeshEvent = eventOf('hop.progress', { role: 'llm', effect: 'x', note: 'y' }, { correlationId: other });
  const cancelled = eventOf('task.cancel.requested', {}, { correlationId: other });
  agents.publishVolatile(progressSubject(task), JSON.stringify(forged));
  agents.publishVolatile(progressSubject(other), JSON.stringify(cancelled));
  agents.publishVolatile(progressSubject(other), 'no event');
  tellProgress(agents, note);
  const told: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const reader = await agents.read({
    ...{ filter: 'mesh.events.*', fromSeq: 1 },
    onMessage: ({ data }) => {
      told.push(JSON.parse(new TextDecoder().decode(data)));
      resolve();
    },
  });
  await promise;
  await reader.stop();
  end();
  expect(told).toEqual([note]);
  expect(await agents.getLast(factSubject(other))).toBeNull();
  await agents.close();
});
