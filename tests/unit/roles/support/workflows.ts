/**
 * The workflows of the project, and some that only tests have. Owns: the latter.
 */
import { loadRoleDefinitions } from '../../../../actors/roles/index.ts';
import { loadWorkflows, type Workflow } from '../../../../actors/workflows/index.ts';
import { limitsOf } from '../../../../actors/workflows/limits.ts';

export const roles = await loadRoleDefinitions();
export const roleNames: ReadonlySet<string> = new Set(roles.map(({ name }) => name));
export const builtin = loadWorkflows(roleNames, undefined, limitsOf(roles));

export function workflow(name: string): Workflow {
  const found = builtin.get(name);
  if (!found) throw new Error(`no workflow ${name}`);
  return found;
}

/** A tool that a person has to allow. */
export const approvalWorkflow: Workflow = {
  name: 'careful',
  description: 'A tool, after a person has allowed it.',
  steps: [
    { step: 'pay', role: 'tools', timeoutMs: 60_000, approval: true },
    { step: 'respond', role: 'responder', timeoutMs: 60_000, optional: true },
  ],
};

/** More rounds and attempts than a task has hops. */
export const eagerWorkflow: Workflow = {
  name: 'eager',
  description: 'Goes round as often as it may.',
  steps: [
    { step: 'retrieve', role: 'retriever', timeoutMs: 60_000, attempts: 5, optional: true },
    { step: 'code', role: 'coder', timeoutMs: 60_000, attempts: 5 },
    { step: 'review', role: 'reviewer', timeoutMs: 60_000, attempts: 5 },
  ],
  loop: { review: 'review', revise: 'code', maxCycles: 5 },
};
