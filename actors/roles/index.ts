/**
 * Finds the roles: every folder here with a `machine.ts` is one, and those that a mesh brings itself are given. Owns:
 * loading them. Does not own: a list; adding a role is adding a folder, or naming it in a `mesh.config.ts` (sdk/).
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createSkillBook, type SkillBook } from '../../prompting/skill-book.ts';
import type { EffectHandlers, Role, RoleDefinition } from '../runtime/role.ts';
import type { RolePorts } from './ports.ts';
import { turnOfActor } from './share.ts';
import type { RoleSimulation, SimulatedEffects, SimulatedSkills } from './simulated.ts';

/** A role with what belongs to it; its effects and their stand-ins are loaded when they are wanted. */
export interface FoundRole extends RoleDefinition {
  loadEffects(ports: RolePorts): Promise<EffectHandlers>;
  /** Stand-ins of its effects and skills for the simulation; none for a role that brings none. */
  loadSimulation(): Promise<RoleSimulation>;
  /** Address of the module that exports its skills (prompting/skill.ts); null for a role that brings none. */
  readonly skills: string | null;
}

interface MachineModule {
  readonly role: RoleDefinition;
}

interface EffectsModule {
  createEffects(ports: RolePorts): EffectHandlers;
}

interface SimulationModule {
  readonly simulation?: SimulatedEffects;
  readonly skills?: SimulatedSkills;
}

/** Folders that hold roles; a test or a benchmark may bring its own. */
const roleFolders: readonly string[] = [import.meta.dirname];

async function load<M>(file: string): Promise<M> {
  return (await import(pathToFileURL(file).href)) as M;
}

/**
 * All roles, the shipped ones first.
 * @param own those that a mesh brings itself
 * @throws when a folder's name and its role's name differ, or two roles have one name
 */
export async function loadRoleDefinitions(
  own: readonly FoundRole[] = [],
  folders: readonly string[] = roleFolders,
): Promise<FoundRole[]> {
  const found = folders.flatMap((folder) =>
    readdirSync(folder)
      .sort()
      .map((name) => join(folder, name))
      .filter((path) => existsSync(join(path, 'machine.ts')) || existsSync(join(path, 'machine.js'))),
  );
  const roles = [...(await Promise.all(found.map(roleOf))), ...own];
  const names = roles.map(({ name }) => name);
  const doubled = names.find((name, at) => names.indexOf(name) < at);
  if (doubled !== undefined) throw new Error(`there are two roles called ${doubled}: give yours another name`);
  return roles;
}

/** Files of a built product end in `.js`. */
function fileIn(folder: string, name: string): string {
  const source = join(folder, `${name}.ts`);
  return existsSync(source) ? source : join(folder, `${name}.js`);
}

async function roleOf(folder: string): Promise<FoundRole> {
  const { role } = await load<MachineModule>(fileIn(folder, 'machine'));
  if (basename(folder) !== role.name) throw new Error(`${folder}: its role is called ${role.name}`);
  const skills = fileIn(folder, 'skills');
  return {
    ...role,
    skills: existsSync(skills) ? pathToFileURL(skills).href : null,
    loadEffects: async (ports) => (await load<EffectsModule>(fileIn(folder, 'effects'))).createEffects(ports),
    async loadSimulation() {
      const file = fileIn(folder, 'simulation');
      const { simulation = {}, skills: stand = {} } = existsSync(file) ? await load<SimulationModule>(file) : {};
      return { effects: simulation, skills: stand };
    },
  };
}

/** The skills that roles bring, by name; their modules are loaded when one is wanted. */
export function skillsOf(roles: readonly Pick<FoundRole, 'skills'>[]): SkillBook {
  return createSkillBook(roles.flatMap(({ skills }) => skills ?? []));
}

/** Those of them that a service hosts, with their effects. */
export function rolesOf(service: string, roles: readonly FoundRole[], ports: RolePorts): Promise<Role[]> {
  const mine = roles.filter((role) => role.service === service);
  return Promise.all(
    mine.map(async ({ loadEffects, loadSimulation: _simulation, skills: _skills, ...definition }) => ({
      ...definition,
      effects: await loadEffects(ports),
      share: turnOfActor,
    })),
  );
}
