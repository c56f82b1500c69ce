/**
 * A process' share of the mesh: it reads the log, applies what it reads and what its effects give, records that in both
 * stores, and sends what follows. Owns: putting the parts together, and the order of start and stop. Does not own: what
 * is done with an input (`inputs.ts`), its meaning (`task.ts`), recording (`journal.ts`), sending (`sender.ts`), opening a
 * partition (`recovery.ts`), effects, timers, leases.
 *
 * Invariants:
 * 1. A start is: open the partitions that this host has, each by the one way there is; read on.
 * 2. Shutdown: stop reading, let unrepeatable effects end and take back those that were only announced, stop the others,
 *    record, send, say so in the journal, release the leases, close the ledger.
 */
import { randomUUID } from 'node:crypto';
import { type Bus, BusError } from '../../bus/port.ts';
import type { MeshEvent } from '../../schemas/events/envelope.ts';
import { factSubject, inboxFilter, partitionOf } from '../../schemas/events/subjects.ts';
import { createCheckpointLog } from './checkpoint-log.ts';
import type { AtCrashPoint } from './crash-points.ts';
import type { EffectStats } from './effect-queues.ts';
import { createEffects, type Effects } from './effects.ts';
import { FatalError } from './errors.ts';
import { createInputs, type Inputs } from './inputs.ts';
import { createJournal, type Journal } from './journal.ts';
import { createLanes, type Lanes } from './lanes.ts';
import type { Ledger } from './ledger/port.ts';
import { defaultLimits, type RuntimeLimits } from './limits.ts';
import { createOwnership, type Ownership } from './ownership.ts';
import { createPartitions, type Partitions } from './partitions.ts';
import { type Clock, type RuntimeLog, type Tracing, untraced } from './ports.ts';
import { preflight } from './preflight.ts';
import { ingressLane, type Ingress, type LaneOf, roleLane } from './receiver.ts';
import { knownBefore, openedLedgers, recallEnded } from './recall.ts';
import type { Role } from './role.ts';
import { createSender, type Sender } from './sender.ts';
import { progress, timerFired } from './settlement.ts';
import { readTask } from './snapshot.ts';
import { createTimers, type Timers } from './timers.ts';
import { createWitness, type Witness } from './witness.ts';

export interface HostOptions {
  /** What this host calls itself, for people. */
  readonly name: string;
  /** Whose tasks these are: the word in the journal's subjects and in leases. */
  readonly service: string;
  readonly roles: readonly Role[];
  readonly ingress?: Ingress;
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  /** `hop`: every effect waits until both stores have what it rests on, those without a trace outside too. */
  readonly commitMode?: 'group' | 'hop';
  readonly limits?: Partial<RuntimeLimits>;
  /** Shows attempts of effects in a trace; absent, nothing is traced. */
  readonly tracing?: Tracing;
  /** Why no new effect may begin now, or null: the process is near a cap of its own. */
  readonly admission?: () => string | null;
  /** Called at every named place where a crash is worth trying. */
  readonly at?: AtCrashPoint;
  /** Unlike any other process' word; drawn when absent. */
  readonly process?: string;
  /** The host cannot go on; it has stopped working and the process should end. */
  readonly onFatal: (error: FatalError) => void;
}

export interface HostStats {
  /** Tasks in memory. */
  readonly instances: number;
  readonly effectsRunning: number;
  readonly effectsQueued: number;
  /** Of every effect that was wanted since the start. */
  readonly effects: readonly EffectStats[];
  /** Limits of time that are waited for. */
  readonly timers: number;
  /** Messages in the log that this host has not read yet, as far as it has heard. */
  readonly cursorLag: number;
  /** Records and messages that are not in the log yet. */
  readonly unacknowledged: number;
  readonly applied: number;
  readonly duplicates: number;
  readonly quarantined: number;
  /** How many partitions of its service the host has, by role. */
  readonly partitions: Readonly<Record<string, number>>;
}

export interface Host {
  /**
   * Resolves when everything stored before the start has been applied and pending work runs, or when a stop has cut the
   * start short. @throws FatalError
   */
  start(): Promise<void>;
  stop(): Promise<void>;
  stats(): HostStats;
  /**
   * What is remembered of an actor: null when nothing, `ended` when only that there was one, `elsewhere` when another
   * host has its partition.
   * @throws FatalError when no machine can read it
   */
  recall(role: string, correlationId: string): RecalledActor | 'ended' | 'elsewhere' | null;
}

export interface RecalledActor {
  /** Of its machine. */
  readonly snapshot: { readonly value: unknown; readonly context: unknown };
  /** When something happened to it for the last time, milliseconds since the epoch. */
  readonly updatedAtMs: number;
}

/** What the parts of a host share. */
export interface HostContext extends Omit<HostOptions, 'limits' | 'at' | 'process'> {
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
