/**
 * What `import … from 'agent-mesh/runtime'` gives: a mesh in a program of one's own, and the parts of the durable runtime for
 * a process of one's own. Owns: that this is the public surface. Does not own: any of it.
 */
export { createHost, type Host } from '../actors/runtime/host.ts';
export type { HostOptions } from '../actors/runtime/host-context.ts';
export type { Ledger } from '../actors/runtime/ledger/port.ts';
export { openSqliteLedger } from '../actors/runtime/ledger/sqlite-ledger.ts';
export { type Clock, type RuntimeLog, systemClock } from '../actors/runtime/ports.ts';
export { type ConnectOptions, connectBus } from '../bus/nats-bus.ts';
export { type Bus, BusError } from '../bus/port.ts';
export { SettingsError } from '../config/settings.ts';
export type { Fact } from '../schemas/events/fact.ts';
export type { TaskStatus, TaskView } from '../schemas/events/task-view.ts';
export { MeshError, type MeshErrorCode } from '../task-client/errors.ts';
export type { Submission } from '../task-client/submissions.ts';
export type { TokenItem } from '../task-client/token-tap.ts';
export type { WatchItem } from '../task-client/watch.ts';
export {
  type CallOptions,
  type EmbeddedMesh,
  type MeshOptions,
  type RespondOptions,
  startMesh,
  type TaskOutcome,
} from './start-mesh.ts';
