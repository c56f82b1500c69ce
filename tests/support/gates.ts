/**
 * Tasks with a workflow of a test's own, in a mesh of real processes: what a fork brings along is what the task takes.
 * Owns: the form of such a submission. Does not own: submitting it.
 */
import type { Approve, Workflow } from '../../actors/workflows/index.ts';
import type { TaskSubmittedData } from '../../schemas/events/generated.ts';
import { newCorrelationId } from '../../schemas/events/ids.ts';

/** Tool steps, each of which a person has to allow. */
export function gates(steps: readonly string[], approve: Approve = {}): Workflow {
  return {
    name: 'gates',
    description: 'Of a test: deeds that a person has to allow.',
    steps: steps.map((step) => ({ step, role: 'tools', timeoutMs: 60_000, attempts: 5, approve })),
  };
}

/** A task that takes this workflow from its first step. */
export function taking(workflow: Workflow, prompt: string, more: Partial<TaskSubmittedData> = {}): TaskSubmittedData {
  const step = workflow.steps[0]?.step ?? '';
  const origin = { correlationId: newCorrelationId(), hop: 1 };
  return {
    ...{ prompt, workflow: workflow.name, caller: 'local', ...more },
    fork: { origin, step, remainingLoops: 0, artifacts: {}, workflow: { ...workflow } },
  };
}
