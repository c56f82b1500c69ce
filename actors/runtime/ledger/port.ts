/**
 * The durable memory of a host. Owns: what is remembered. Does not own: how; `sqlite-ledger.ts` is the real one,
 * tests bring a simulated disk.
 *
 * Invariants:
 * 1. A batch is committed whole or not at all, and is durable when `commit` resolves (S3).
 * 2. Batches are committed in the order of the calls.
 * 3. Reads see committed batches only.
 */
import type { EffectRow, TimerRow } from '../step.ts';

export interface StoredInstance {
  /** Row number, given by the host. */
  readonly id: number;
  readonly role: string;
  readonly correlationId: string;
  readonly partition: number;
  readonly release: number;
  readonly machineSince: number;
  readonly transitionIndex: number;
  readonly hop: number;
  readonly loops: number;
  readonly traceparent: string;
  readonly done: boolean;
  readonly updatedAtMs: number;
  /** JSON of XState's persisted snapshot. */
  readonly snapshot: string;
}

export interface LoadedInstance {
  readonly stored: StoredInstance;
  readonly seen: ReadonlyMap<string, string>;
  readonly effects: readonly EffectRow[];
  readonly timers: readonly TimerRow[];
}

export interface OutboxRow {
  /** Order of sending in this ledger. */
  readonly n: number;
  /** Row of the instance that said it; 0 for the ingress. */
  readonly instance: number;
  readonly eventId: string;
  readonly subject: string;
  readonly msgId: string;
  /** The CloudEvent as sent. */
  readonly body: string;
}

export interface LedgerBatch {
  readonly instances: readonly StoredInstance[];
  readonly inbox: readonly { instance: number; eventId: string; digest: string }[];
  /** With the sequence under which the log has stored it already, or null. */
  readonly outbox: readonly (OutboxRow & { readonly seq: number | null })[];
  /** Outputs that the log has stored, with their sequence there. */
  readonly acked: readonly { n: number; seq: number }[];
  /** A null row deletes. */
  readonly effects: readonly { instance: number; effect: string; row: EffectRow | null }[];
  readonly timers: readonly { instance: number; timer: string; row: TimerRow | null }[];
  readonly cursors: readonly { channel: string; seq: number }[];
  readonly meta: readonly { key: string; value: string }[];
}

/** What a ledger was found to be when it was opened. */
export type LedgerCondition =
  | { readonly kind: 'intact' }
  | { readonly kind: 'new' }
  /** Unreadable: the files were renamed and a new ledger begun. */
  | { readonly kind: 'set_aside'; readonly movedTo: string; readonly reason: string };

export interface Ledger {
  readonly condition: LedgerCondition;
  /** @throws FatalError when the disk refuses: nothing of the batch is stored */
  commit(batch: LedgerBatch): Promise<void>;
  load(role: string, correlationId: string): LoadedInstance | null;
  /** True for an actor that was done and has been pruned: what comes for it came before, or comes too late (S5). */
  hasEnded(role: string, correlationId: string): boolean;
  /**
   * The actors of tasks at work, oldest first: those with an effect or a timer, and the others of their tasks. An actor
   * that has neither is only reached by an event, and loaded then; so a start does not grow with what has been done.
   */
  open(): LoadedInstance[];
  cursors(): ReadonlyMap<string, number>;
  meta(key: string): string | null;
  /** Outputs the log has not acknowledged, in order. */
  unacked(): OutboxRow[];
  /** Outputs that the log acknowledged after that sequence, in order: what a truncated log has lost. */
  ackedAfter(seq: number): OutboxRow[];
  /** Largest row numbers in use. */
  highest(): { instance: number; outbox: number };
  /**
   * Deletes instances that nothing happened to since `beforeMs` and nothing waits in, and outputs that the log no longer
   * holds (sequences before `beforeSeq`). Of those that were done it is remembered that they were. Returns how many
   * instances went.
   */
  prune(beforeMs: number, beforeSeq: number): Promise<number>;
  /** A consistent copy, made while the ledger is in use. */
  backup(path: string): Promise<void>;
  /** Checkpoints the write-ahead log and closes. */
  close(): Promise<void>;
}
