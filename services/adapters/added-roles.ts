/**
 * Roles beside those that ship: those of a user's own mesh, and folders added to `actors/roles`. Owns: which they are.
 * Does not own: reading them (`own-mesh.ts`), or what they may do on the bus (`bus/identities.ts`).
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type AddedRole, hostedRoles } from '../../bus/identities.ts';
import { meshConfigPath, projectRoot } from '../../config/settings.ts';

const shipped: readonly string[] = Object.values(hostedRoles).flat();

export function addedRolesOf<R extends AddedRole>(roles: readonly R[]): R[] {
  return roles.filter(({ name }) => !shipped.includes(name));
}

/** Reading roles takes time at every start, so they are read only where there may be one that does not ship. */
export async function findAddedRoles(): Promise<readonly AddedRole[]> {
  const folders = readdirSync(join(projectRoot, 'actors', 'roles'), { withFileTypes: true });
  const mayBeMore = folders.some((entry) => entry.isDirectory() && !shipped.includes(entry.name));
  if (meshConfigPath() === null && !mayBeMore) return [];
  const { allRoles } = await import('./own-mesh.ts');
  return addedRolesOf(await allRoles());
}
