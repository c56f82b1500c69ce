/**
 * Callers of a whole mesh: the gateway's Run by its own TypeScript client. Owns: the order they place. Does not own: the
 * mesh (systems/mesh-up.ts).
 */
import { createMeshClient } from '../../../gateway/client/index.ts';
import type { Job } from '../job.ts';
import type { Program } from '../system.ts';

export const WORKFLOW = 'race';
const TIMEOUT_MS = 120_000;

export function open(address: string, job: Job): Promise<Program> {
  const mesh = createMeshClient({ address });
  return Promise.resolve({
    async run(id: string) {
      const order = { prompt: job.firstText, workflow: WORKFLOW, correlationId: id };
      const { task } = await mesh.run(order, { timeoutMs: TIMEOUT_MS });
      if (task.hops.length !== job.steps) throw new Error(`${task.hops.length} hops: ${JSON.stringify(task.error)}`);
      return task.result?.answer;
    },
  });
}
