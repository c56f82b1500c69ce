/**
 * The roles, workflows and effects that a simulation runs: whatever is found in their folders. Owns: finding them.
 * Does not own: a list; a new role, workflow or effect is simulated as soon as it is there, an effect by its role's
 * `simulation.ts`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadRoleDefinitions, loadRoles } from '../../actors/roles/index.ts';
import type { RolePorts } from '../../actors/roles/ports.ts';
import type { SimulatedEffects } from '../../actors/roles/simulated.ts';
import type { Role } from '../../actors/runtime/role.ts';
import { loadWorkflows, type Workflow } from '../../actors/workflows/index.ts';
import { limitsOf } from '../../actors/workflows/limits.ts';

export interface Catalog {
  readonly roles: readonly Role[];
  /** The processes of a mesh, each with its roles. */
  readonly services: ReadonlyMap<string, readonly Role[]>;
  readonly workflows: ReadonlyMap<string, Workflow>;
  /** Stand-ins by role and effect. */
  readonly simulated: ReadonlyMap<string, SimulatedEffects>;
  /** `role/effect` of every effect without a stand-in: a task that needs one fails. */
  readonly unsimulated: readonly string[];
}

const shippedRoles = join(import.meta.dirname, '..', '..', 'actors', 'roles');
/** Roles and workflows of the simulation's own, for what no shipped one does yet. */
const ownRoles = join(import.meta.dirname, 'roles');
const ownWorkflows = join(import.meta.dirname, 'workflows');

/** Where the real effects would reach out; only their metadata is used, so nothing here is ever called. */
function unreachable(workflows: ReadonlyMap<string, Workflow>): RolePorts {
  const never = (): never => {
    throw new Error('a simulated run reaches nothing outside');
  };
  return {
    router: { decide: never },
    workflows,
    readWorkflow: never,
    knowledge: never,
    llm: { engine: null, kind: 'extractive', timeoutMs: 20_000, parallel: 2, queueMax: 64 },
    tools: { choose: never, offers: never, check: never, run: never },
    breakers: { run: never, states: () => [] },
    showText: () => never,
  };
}

export async function loadCatalog(
  folders: readonly string[] = [shippedRoles, ownRoles],
  workflowFolders: readonly (string | undefined)[] = [undefined, ownWorkflows],
): Promise<Catalog> {
  const definitions = await loadRoleDefinitions(folders);
  const names = new Set(definitions.map(({ name }) => name));
  const workflows = new Map(
    workflowFolders.flatMap((folder) => [...loadWorkflows(names, folder, limitsOf(definitions))]),
  );
  const services = new Map<string, readonly Role[]>();
  for (const service of [...new Set(definitions.map((one) => one.service))].sort()) {
    services.set(service, await loadRoles(service, unreachable(workflows), folders));
  }
  const roles = [...services.values()].flat();
  const simulated = new Map<string, SimulatedEffects>();
  for (const { name, folder } of definitions) simulated.set(name, await loadSimulation(folder));
  const unsimulated = roles.flatMap(({ name, effects }) =>
    Object.keys(effects)
      .filter((effect) => simulated.get(name)?.[effect] === undefined)
      .map((effect) => `${name}/${effect}`),
  );
  return { roles, services, workflows, simulated, unsimulated };
}

async function loadSimulation(folder: string): Promise<SimulatedEffects> {
  const file = join(folder, 'simulation.ts');
  if (!existsSync(file)) return {};
  const { simulation } = (await import(pathToFileURL(file).href)) as { simulation: SimulatedEffects };
  return simulation;
}
