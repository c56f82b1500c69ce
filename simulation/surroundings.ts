/**
 * What a simulated host is given. Owns: the words. Does not own: any of it.
 */
import type { LedgerBatch } from '../actors/runtime/ledger/port.ts';
import type { RuntimeLimits } from '../actors/runtime/limits.ts';
import type { MemoryLog } from '../bus/memory-bus.ts';
import type { PublishRequest } from '../bus/port.ts';
import type { Catalog } from './catalog.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { Fault } from './faults.ts';
import type { History } from './history.ts';
import type { HostProcess } from './hosts.ts';
import type { Random } from './random.ts';
import type { Report } from './report.ts';
import type { Scheduler } from './scheduler.ts';
import type { World } from './world.ts';

/** What all processes of a run share. */
export interface Surroundings {
  readonly scheduler: Scheduler;
  readonly report: Report;
  readonly plan: FaultPlan;
  readonly catalog: Catalog;
  readonly log: MemoryLog;
  readonly world: World;
  readonly history: History;
  readonly afterwards: (request: PublishRequest) => void;
  /** Called when a process commits. */
  readonly onCommit: (host: HostProcess, batch: LedgerBatch) => void;
  /** Called when a process is about to apply a message. */
  readonly onRead: (host: HostProcess) => void;
  /** Called before a process sends a message. */
  readonly onSend: (host: HostProcess, request: PublishRequest, connection: 'certain' | 'disturbed') => void;
  /** Called when a process has stopped in order. */
  readonly onStopped: (host: HostProcess) => void;
  readonly onBrokerCut: (fault: Extract<Fault, { kind: 'broker-cut' }>) => void;
}

export interface HostTraits {
  readonly name: string;
  /** Tells its lives from those of another one with the same name; the name when absent. */
  readonly process?: string;
  readonly service: string;
  readonly random: Random;
  readonly leaseTtlMs: number;
  readonly commitMode: 'group' | 'hop';
  /** Small ones show what large ones hide (J8). */
  readonly limits: Partial<RuntimeLimits>;
  /** Until its second life it lacks the newest version of each machine: what began before stays where it is (S11). */
  readonly grows: boolean;
  /** Its queues are short and now and then it is near a cap of its own: effects are refused (S8). */
  readonly narrow: boolean;
  /** It takes only what no other host of its service is there for. */
  readonly isStandby?: boolean;
  /** It ends when it has ended by itself: nobody meant it to run. */
  readonly isTwin?: boolean;
}
