/**
 * Workflows for the model at hand. Owns: giving steps that wait for a language model the time that it may take. Does not
 * own: how long that is (roles/llm/budget.ts).
 */
import type { Workflow } from './index.ts';

/** They do without a model, and ask one where it is configured. */
const MAY_ASK: readonly string[] = ['reviewer', 'tools'];

/** @param asking roles that cannot do without a model's reply; their steps get at least `leastMs` */
export function withModelTime(
  workflows: ReadonlyMap<string, Workflow>,
  asking: ReadonlySet<string>,
  leastMs: number,
): ReadonlyMap<string, Workflow> {
  return new Map(
    [...workflows].map(([name, workflow]) => {
      const steps = workflow.steps.map((step) =>
        asking.has(step.role) || MAY_ASK.includes(step.role)
          ? { ...step, timeoutMs: Math.max(step.timeoutMs, leastMs) }
          : step,
      );
      return [name, { ...workflow, steps }];
    }),
  );
}
