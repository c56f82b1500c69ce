/**
 * How a caller on the bus learns that its task has ended. Owns: finding the end in the body of a fact's message, which
 * is one CloudEvent or a batch of them (a JSON array). Does not own: the subscription.
 */
import { z } from 'zod';

export type Ending = { readonly answer: string } | { readonly error: string };

const COMPLETED = 'dev.agentmesh.task.completed.v1';
const FAILED = 'dev.agentmesh.task.failed.v1';
const ended = z.object({ type: z.string(), data: z.object({ result: z.object({ answer: z.string().optional() }) }) });

/** Null while the task goes on. Bodies that hold no end, most of them, are not parsed. */
export function endingIn(body: string): Ending | null {
  if (!body.includes(COMPLETED) && !body.includes(FAILED)) return null;
  const parsed: unknown = JSON.parse(body);
  for (const event of Array.isArray(parsed) ? parsed : [parsed]) {
    const { success, data } = ended.safeParse(event);
    if (!success) continue;
    const { answer = '' } = data.data.result;
    if (data.type === COMPLETED) return { answer };
    if (data.type === FAILED) return { error: `the task failed: ${JSON.stringify(event).slice(0, 500)}` };
  }
  return null;
}
