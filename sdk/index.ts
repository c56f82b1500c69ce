/**
 * What `import … from 'agent-mesh'` gives: everything to write roles, tools and a mesh of one's own with. Owns: that this
 * is the public surface. Does not own: any of it.
 */

/** The parts of XState that machines are made of; one copy for the product and whoever builds on it. */
export { assign, emit, enqueueActions, setup } from 'xstate';
export { type ArtifactKind, type ArtifactOptions, defineArtifact } from '../actors/roles/artifact.ts';
export {
  completed,
  errorOf,
  failed,
  type HopContext,
  type HopEvents,
  idleHop,
  isForHop,
  requestOf,
  stepWaits,
} from '../actors/roles/hop.ts';
export type { RolePorts } from '../actors/roles/ports.ts';
export { type SimulatedEffects, simulated } from '../actors/roles/simulated.ts';
export {
  type Tool,
  type ToolAnswer,
  type ToolContext,
  ToolError,
  type ToolErrorCode,
} from '../actors/roles/tools/builtin/port.ts';
export { EffectError } from '../actors/runtime/errors.ts';
export {
  type EffectContext,
  type EffectHandler,
  type EffectHandlers,
  type EffectWaiting,
  effect,
  effectLogic,
  type Fence,
  type Incoming,
  type Outgoing,
  out,
  WATCHERS,
} from '../actors/runtime/role.ts';
export type { ErrorInfo, HopInput, HopOutput, HopRequestedData, Passage } from '../schemas/events/generated.ts';
export { defineMesh, type MeshConfig } from './define-mesh.ts';
export { DefinitionError, defineRole, type RoleOptions } from './define-role.ts';
export { defineTool, type ToolOptions } from './define-tool.ts';
export { type ModelOptions, modelMachine } from './model-machine.ts';
export { workMachine } from './work-machine.ts';
