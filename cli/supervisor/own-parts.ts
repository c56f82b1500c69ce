/** What a user's own mesh brings beside what ships, by name. Owns: reading the names, and showing them. Does not own: loading it. */
import { parse } from 'node:path';
import type { OwnMesh } from '../../sdk/load-mesh.ts';
import type { OwnParts } from './run-state.ts';

export function partsOf({ roles, workflows, tools }: OwnMesh): OwnParts {
  return {
    roles: roles.map(({ name }) => name),
    // A workflow is called as its file is: what is called otherwise is refused when it is loaded.
    workflows: workflows.map((path) => parse(path).name),
    tools: tools.map(({ name }) => name),
  };
}

/** Such as `your roles: translator, clerk`; without what there is none of. */
export function partsLines(own: OwnParts | undefined): string[] {
  if (own === undefined) return [];
  return Object.entries({ roles: own.roles, workflows: own.workflows, tools: own.tools })
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `your ${what}: ${names.join(', ')}`);
}
