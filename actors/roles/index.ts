/**
 * Finds the roles: every folder here with a `machine.ts` is one. Owns: loading them. Does not own: a list; adding a role
 * is adding a folder.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EffectHandlers, Role, RoleDefinition } from '../runtime/role.ts';
import type { RolePorts } from './ports.ts';

interface MachineModule {
  readonly role: RoleDefinition;
}

interface EffectsModule {
  createEffects(ports: RolePorts): EffectHandlers;
}

/** Folders that hold roles; a test or a benchmark may bring its own. */
const roleFolders: readonly string[] = [import.meta.dirname];

async function load<M>(file: string): Promise<M> {
  return (await import(pathToFileURL(file).href)) as M;
}

/** The pure halves of all roles. @throws when a folder's name and its role's name differ */
export async function loadRoleDefinitions(
  folders: readonly string[] = roleFolders,
): Promise<(RoleDefinition & { folder: string })[]> {
  const found = folders.flatMap((folder) =>
    readdirSync(folder)
      .sort()
      .map((name) => join(folder, name))
      .filter((path) => existsSync(join(path, 'machine.ts'))),
  );
  return Promise.all(
    found.map(async (folder) => {
      const { role } = await load<MachineModule>(join(folder, 'machine.ts'));
      if (!folder.endsWith(role.name)) throw new Error(`${folder}: its role is called ${role.name}`);
      return { ...role, folder };
    }),
  );
}

/** The roles that a service hosts, with their effects. */
export async function loadRoles(
  service: string,
  ports: RolePorts,
  folders: readonly string[] = roleFolders,
): Promise<Role[]> {
  const definitions = await loadRoleDefinitions(folders);
  const mine = definitions.filter((definition) => definition.service === service);
  return Promise.all(
    mine.map(async ({ folder, ...definition }) => {
      const { createEffects } = await load<EffectsModule>(join(folder, 'effects.ts'));
      return { ...definition, effects: createEffects(ports) };
    }),
  );
}
