/**
 * The roles, workflows and effects that a simulation runs: whatever is found in their folders. Owns: finding them.
 * Does not own: a list; a new role, workflow or effect is simulated as soon as it is there, an effect by its role's
 * `simulation.ts`.
 */
import { join } from 'node:path';
import { type AnyStateMachine, type AnyStateNodeConfig, createMachine, emit } from 'xstate';
import { type FoundRole, loadRoleDefinitions, rolesOf, skillsOf } from '../actors/roles/index.ts';
import type { RolePorts } from '../actors/roles/ports.ts';
import type { SimulatedEffects, SimulatedSkill, SimulatedSkills } from '../actors/roles/simulated.ts';
import { out, RELEASE, type Role, WATCHERS } from '../actors/runtime/role.ts';
import { loadWorkflows, type Workflow, workflowsWith } from '../actors/workflows/index.ts';
import { limitsOf } from '../actors/workflows/limits.ts';

export interface Catalog {
  readonly roles: readonly Role[];
  /** The processes of a mesh, each with its roles. */
  readonly services: ReadonlyMap<string, readonly Role[]>;
  readonly workflows: ReadonlyMap<string, Workflow>;
  /** Workflows that callers name; all of them when absent. */
  readonly wished?: readonly string[];
  /** Stand-ins by role and effect. */
  readonly simulated: ReadonlyMap<string, SimulatedEffects>;
  /** Stand-ins of skills, by name. */
  readonly skills: SimulatedSkills;
  /** `role/effect` of every effect without a stand-in, and `skill <name>`: a task that needs one of these effects fails. */
  readonly unsimulated: readonly string[];
}

interface OwnRoles {
  readonly roles: readonly FoundRole[];
  /** Paths of their workflow files. */
  readonly workflows: readonly string[];
}

const shippedRoles = join(import.meta.dirname, '..', 'actors', 'roles');
/** Roles and workflows of the simulation's own, for what no shipped one does yet. */
const folders = [shippedRoles, join(import.meta.dirname, 'roles')];
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
    skills: { find: never, names: never },
    tools: { choose: never, offers: never, check: never, run: never },
    breakers: { run: never, states: () => [] },
    runsExamples: false,
    showText: () => never,
  };
}

/**
 * With a version more: hosts that grow come to know it later than others (S11). It says something when it begins and when it
 * ends, so an actor that is folded or goes on with another version than it began on says other things than it did.
 */
function withNewer(role: Role): Role {
  const newest = role.versions.at(-1);
  if (!newest) return role;
  const { config, implementations } = newest.machine;
  const note = { role: role.name, effect: '', note: 'a newer machine' };
  const says = emit(() => out('hop.progress', WATCHERS, note));
  const ending = (node: AnyStateNodeConfig): AnyStateNodeConfig => ({
    ...node,
    ...(node.type === 'final' && { entry: [says, ...[node.entry ?? []].flat()] }),
    ...(node.states && { states: Object.fromEntries(Object.entries(node.states).map(([k, s]) => [k, ending(s)])) }),
  });
  const machine: AnyStateMachine = createMachine({ ...ending(config), entry: says }, implementations);
  const since = Math.max(RELEASE, newest.since) + 1;
  return { ...role, versions: [...role.versions, { ...newest, since, machine }] };
}

/** What a mesh brings itself is simulated with it. */
export async function loadCatalog(own: OwnRoles = { roles: [], workflows: [] }): Promise<Catalog> {
  const definitions = await loadRoleDefinitions(own.roles, folders);
  const names = new Set(definitions.map(({ name }) => name));
  const limits = limitsOf(definitions);
  const workflows = new Map([
    ...workflowsWith(names, { folder: null, files: own.workflows }, limits),
    ...loadWorkflows(names, ownWorkflows, limits),
  ]);
  const services = new Map<string, readonly Role[]>();
  const ports = unreachable(workflows);
  for (const service of [...new Set(definitions.map((one) => one.service))].sort()) {
    services.set(service, (await rolesOf(service, definitions, ports)).map(withNewer));
  }
  const roles = [...services.values()].flat();
  const simulated = new Map<string, SimulatedEffects>();
  const skills: Record<string, SimulatedSkill> = {};
  for (const { name, loadSimulation } of definitions) {
    const { effects, skills: own } = await loadSimulation();
    simulated.set(name, effects);
    Object.assign(skills, own);
  }
  const unsimulated = roles.flatMap(({ name, effects }) =>
    Object.keys(effects)
      .filter((effect) => simulated.get(name)?.[effect] === undefined)
      .map((effect) => `${name}/${effect}`),
  );
  const bare = (await skillsOf(definitions).names()).filter((name) => skills[name] === undefined);
  return {
    roles,
    services,
    workflows,
    simulated,
    skills,
    unsimulated: [...unsimulated, ...bare.map((name) => `skill ${name}`)],
  };
}
