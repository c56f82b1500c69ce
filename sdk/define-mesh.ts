/**
 * What a `mesh.config.ts` says. Owns: its form. Does not own: finding and checking it (`load-mesh.ts`).
 */
import type { FoundRole } from '../actors/roles/index.ts';
import type { Tool } from '../actors/roles/tools/builtin/port.ts';

export interface MeshConfig {
  /** Roles beside the shipped ones: `defineRole({ name, machine, effects })`. */
  readonly roles?: readonly FoundRole[];
  /** Files of workflows beside the shipped ones; patterns such as `./workflows/*.json`, from the folder of the config. */
  readonly workflows?: readonly string[];
  /** Tools beside the shipped ones: `defineTool({ name, description, input, fence, run })`. */
  readonly tools?: readonly Tool[];
  /** Files with other instructions for the language model, in place of those of a skill, by its name. */
  readonly prompts?: Readonly<Record<string, string>>;
  /** Files and folders that the first start puts into the knowledge base. */
  readonly knowledge?: readonly string[];
}

/** The `default` export of a `mesh.config.ts`. */
export function defineMesh(config: MeshConfig): MeshConfig {
  return config;
}
