/**
 * A role of a user's own. Owns: what its author says of it, and checking that. Does not own: running it; it gets what a
 * shipped role gets, since it is one (`actors/roles/index.ts`).
 */
import type { AnyStateMachine } from 'xstate';
import type { FoundRole } from '../actors/roles/index.ts';
import type { RolePorts } from '../actors/roles/ports.ts';
import type { SimulatedEffects, SimulatedSkills } from '../actors/roles/simulated.ts';
import type { EffectHandlers, RoleDefinition, RoleVersion } from '../actors/runtime/role.ts';

/** Words of subjects and envelopes that are no role. */
const TAKEN: ReadonlySet<string> = new Set(['watchers', 'ingress', 'person', 'agents']);
const NAME = /^[a-z][a-z0-9]{0,31}$/;
/** The process in which a role is hosted that says nothing else. */
const SERVICE_DEFAULT = 'agents';
const SERVICES: readonly string[] = [SERVICE_DEFAULT, 'llm', 'tools'];

export interface RoleOptions extends Partial<Omit<RoleDefinition, 'name' | 'versions' | 'countsFromOne'>> {
  /** Lower-case letters and digits; the role's word in workflows, subjects and traces. */
  readonly name: string;
  /** A plain XState v5 machine, pure (docs/roles.md). */
  readonly machine: AnyStateMachine;
  /**
   * Number of the machine, 1 unless told. A change that a task under way could not follow takes the next one, and the
   * machine before it goes into `earlier` until no task is open on it.
   */
  readonly version?: number;
  /** Machines of earlier versions: tasks that began on one stay on it. */
  readonly earlier?: readonly { readonly version: number; readonly machine: AnyStateMachine }[];
  /** One handler for each effect that the machine invokes. */
  readonly effects?: EffectHandlers | ((ports: RolePorts) => EffectHandlers);
  /** Stand-ins of the effects, for `mesh sim`. */
  readonly simulation?: SimulatedEffects;
  /**
   * Module that exports `skills`: what a model is told for this role, what its reply becomes, and what is said without one
   * (`new URL('./skills.ts', import.meta.url)`). It is loaded where models run, and in workers for long texts.
   */
  readonly skills?: URL;
  /** Stand-ins of the skills, for `mesh sim`. */
  readonly simulatedSkills?: SimulatedSkills;
}

/** A mistake in what an author wrote; the message names what it is about. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError';
}

/** @throws DefinitionError */
export function defineRole(options: RoleOptions): FoundRole {
  const {
    name,
    machine,
    version = 1,
    earlier = [],
    effects = {},
    simulation = {},
    skills,
    simulatedSkills = {},
    ...rest
  } = options;
  if (!NAME.test(name))
    throw new DefinitionError(`a role's name is lower-case letters and digits, at most 32, and not ${name}`);
  if (TAKEN.has(name)) throw new DefinitionError(`a role cannot be called ${name}: the word means something else`);
  const { service = SERVICE_DEFAULT } = rest;
  if (!SERVICES.includes(service))
    throw new DefinitionError(`role ${name}: its service is one of ${SERVICES.join(', ')}, and not ${service}`);
  return {
    ...{ service: SERVICE_DEFAULT, startsOn: ['hop.requested'] },
    ...rest,
    name,
    versions: versionsOf(name, [...earlier, { version, machine }]),
    countsFromOne: true,
    loadEffects: (ports) => Promise.resolve(typeof effects === 'function' ? effects(ports) : effects),
    loadSimulation: () => Promise.resolve({ effects: simulation, skills: simulatedSkills }),
    skills: skills?.href ?? null,
  };
}

/** @throws DefinitionError */
function versionsOf(name: string, machines: readonly { version: number; machine: AnyStateMachine }[]): RoleVersion[] {
  const sorted = machines.toSorted((one, other) => one.version - other.version);
  for (const [at, { version }] of sorted.entries()) {
    if (!Number.isSafeInteger(version) || version < 1)
      throw new DefinitionError(`role ${name}: a version is a whole number from 1, and not ${version}`);
    if (version === sorted[at - 1]?.version)
      throw new DefinitionError(`role ${name}: there are two machines ${version}`);
  }
  if (sorted.at(-1) !== machines.at(-1))
    throw new DefinitionError(`role ${name}: the version of its machine is higher than those of the earlier ones`);
  return sorted.map(({ version, machine }) => ({ since: version, machine }));
}
