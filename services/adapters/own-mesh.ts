/**
 * What a mesh of the user's own brings, beside what ships. Owns: that it is read once in a process, and what there is of
 * roles and workflows with it. Does not own: reading it (sdk/load-mesh.ts).
 */
import { type FoundRole, loadRoleDefinitions } from '../../actors/roles/index.ts';
import { type Workflow, workflowsWith } from '../../actors/workflows/index.ts';
import type { WorkflowLimits } from '../../actors/workflows/limits.ts';
import { meshConfigPath, type Settings, workflowsFolder } from '../../config/settings.ts';
import { loadMesh, nothingOwn, type OwnMesh } from '../../sdk/load-mesh.ts';

const read = new Map<string, Promise<OwnMesh>>();

/** @throws SettingsError */
export function ownMesh(): Promise<OwnMesh> {
  const path = meshConfigPath();
  if (path === null) return Promise.resolve(nothingOwn);
  const known = read.get(path) ?? loadMesh(path);
  read.set(path, known);
  return known;
}

/** All roles of this mesh. @throws SettingsError */
export async function allRoles(): Promise<FoundRole[]> {
  return loadRoleDefinitions((await ownMesh()).roles);
}

/** All workflows of this mesh. @throws SettingsError, WorkflowError */
export async function allWorkflows(
  settings: Settings,
  roles: readonly FoundRole[],
  limits?: WorkflowLimits,
): Promise<ReadonlyMap<string, Workflow>> {
  const names = new Set(roles.map(({ name }) => name));
  const { workflows } = await ownMesh();
  return workflowsWith(names, { folder: workflowsFolder(settings), files: workflows }, limits);
}
