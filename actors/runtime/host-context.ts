/**
 * What a host is made of, and what its parts share. Owns: the words. Does not own: putting the parts together (`host.ts`).
 */
import type { Bus } from '../../bus/port.ts';
import type { MeshEvent } from '../../schemas/events/envelope.ts';
import type { AtCrashPoint } from './crash-points.ts';
import type { Effects } from './effects/effects.ts';
import type { Timers } from './effects/timers.ts';
import type { FatalError } from './errors.ts';
import type { Journal } from './journal/journal.ts';
import type { Ledger } from './ledger/port.ts';
import type { RuntimeLimits } from './limits.ts';
import type { Ingress } from './messages/receiver.ts';
import type { Sender } from './messages/sender.ts';
import type { Ownership } from './partitions/ownership.ts';
import type { Clock, RuntimeLog, Tracing } from './ports.ts';
import type { Witness } from './recovery/witness.ts';
import type { Role } from './role.ts';

export interface HostOptions {
  /** What this host calls itself, for people. */
  readonly name: string;
  /** Whose tasks these are: the word in the journal's subjects and in leases. */
  readonly service: string;
  readonly roles: readonly Role[];
  /** What is read from outside; each is a lane of its own. */
  readonly ingress?: readonly Ingress[];
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  /** `hop`: every effect waits until both stores have what it rests on, those without a trace outside too. */
  readonly commitMode?: 'group' | 'hop';
  readonly limits?: Partial<RuntimeLimits>;
  /** It takes only partitions that no other host of its service is there for. */
  readonly standby?: boolean;
  /** Shows what happens in traces; absent, nothing is traced. */
  readonly tracing?: Tracing;
  /** Why no new effect may begin now, or null: the process is near a cap of its own. */
  readonly admission?: () => string | null;
  /** Called at every named place where a crash is worth trying. */
  readonly at?: AtCrashPoint;
  /** Tells how far an effect is; as a fact when absent, which not every service may write. */
  readonly tellProgress?: (event: MeshEvent) => void;
  /** Unlike any other process' word; drawn when absent. */
  readonly process?: string;
  /** The host cannot go on; it has stopped working and the process should end. */
  readonly onFatal: (error: FatalError) => void;
}

/** What the parts of a host share. */
export interface HostContext extends Omit<HostOptions, 'limits' | 'at' | 'process' | 'tracing'> {
  readonly tracing: Tracing;
  readonly limits: RuntimeLimits;
  readonly at: AtCrashPoint;
  /** Of this process. */
  readonly process: string;
  readonly journal: Journal;
  readonly sender: Sender;
  readonly timers: Timers;
  readonly effects: Effects;
  readonly ownership: Ownership;
  readonly witness: Witness;
}
