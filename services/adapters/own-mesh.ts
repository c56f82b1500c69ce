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
let brought: OwnMesh | null = null;

/** For a program that embeds the mesh: what it brings stands in place of a `mesh.config.ts`, in all of its process. */
export function bringMesh(own: OwnMesh): void {
  brought = own;
}

/** @throws SettingsError */
export function ownMesh(): Promise<OwnMesh> {
  if (brought !== null) return Promise.resolve(brought);
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
