/**
 * The actors alive in this process. Owns: the map of live instances, loading one from the ledger, writing changes of
 * rows, and forgetting those that need no memory. Does not own: deciding anything about an event.
 *
 * Invariant: an instance is forgotten only after its last change is durable, so the ledger always has what memory lacks.
 */
import { partitionOf } from '../../schemas/events/subjects.ts';
import type { CommitQueue } from './commit-queue.ts';
import { FatalError } from './errors.ts';
import { freeze, thaw } from './interpreter.ts';
import type { Ledger, LoadedInstance, StoredInstance } from './ledger/port.ts';
import type { Role, RoleDefinition } from './role.ts';
import type { EffectRow, Instance } from './step.ts';

/** Live instances kept although nothing happens to them; one takes a few KiB. */
const IDLE_INSTANCES_MAX = 2000;

/** An instance at its place in memory. */
export interface Slot {
  readonly id: number;
  readonly role: Role;
  readonly partition: number;
  instance: Instance;
  /** Batch of its last change. */
  batch: number;
}

export interface Instances {
  find(role: Role, correlationId: string): Slot | null;
  /** True for an instance that was done, and of which only that is left. */
  hasEnded(role: Role, correlationId: string): boolean;
  create(role: Role, instance: Instance): Slot;
  /** Replaces the instance and writes every row that differs. */
  update(slot: Slot, next: Instance, atMs: number): void;
  /** Replaces one effect's row, between events. */
  updateEffect(slot: Slot, row: EffectRow): void;
  all(): Iterable<Slot>;
  readonly size: number;
  /** Forgets what is durable and done or idle; called when a batch became durable. */
  forget(durable: number): void;
  /** Forgets the instances of a partition that another host has taken. */
  drop(role: string, partition: number): Slot[];
}

/** Loads a stored instance into its machine. @throws MachineError, FatalError */
export function revive(role: RoleDefinition, loaded: LoadedInstance): Instance {
  const { stored } = loaded;
  const version = role.versions.find(({ since }) => since === stored.machineSince);
  if (!version)
    throw new FatalError(`no machine of ${role.name} since release ${stored.machineSince}`, { exitCode: 2 });
  return {
    role: stored.role,
    correlationId: stored.correlationId,
    release: stored.release,
    machineSince: stored.machineSince,
    machine: version.machine,
    snapshot: thaw(version.machine, stored.snapshot),
    transitionIndex: stored.transitionIndex,
    hop: stored.hop,
    loops: stored.loops,
    traceparent: stored.traceparent,
    done: stored.done,
    seen: loaded.seen,
    effects: new Map(loaded.effects.map((row) => [row.effect, row])),
    timers: new Map(loaded.timers.map((row) => [row.timer, row])),
  };
}

export function createInstances(ledger: Ledger, commits: () => CommitQueue): Instances {
  const slots = new Map<string, Slot>();
  let lastId = ledger.highest().instance;

  const keep = (slot: Slot): Slot => {
    slots.set(`${slot.role.name}/${slot.instance.correlationId}`, slot);
    return slot;
  };
  const stored = (slot: Slot, atMs: number): StoredInstance => {
    const { instance } = slot;
    const { role, correlationId, release, machineSince, transitionIndex, hop, loops, traceparent, done } = instance;
    const snapshot = freeze(instance.machine, instance.snapshot);
    return {
      ...{ id: slot.id, role, correlationId, partition: slot.partition, release, machineSince, transitionIndex },
      ...{ hop, loops, traceparent, done, updatedAtMs: atMs, snapshot },
    };
  };
  const writeRows = <R>(
    before: ReadonlyMap<string, R>,
    after: ReadonlyMap<string, R>,
    write: (key: string, row: R | null) => void,
  ) => {
    if (before === after) return;
    for (const key of before.keys()) if (!after.has(key)) write(key, null);
    for (const [key, row] of after) if (before.get(key) !== row) write(key, row);
  };

  return {
    find(role, correlationId) {
      const live = slots.get(`${role.name}/${correlationId}`);
      if (live) return live;
      const loaded = ledger.load(role.name, correlationId);
      if (!loaded) return null;
      const { id, partition } = loaded.stored;
      return keep({ id, role, partition, instance: revive(role, loaded), batch: 0 });
    },
    hasEnded: (role, correlationId) => ledger.hasEnded(role.name, correlationId),
    create(role, instance) {
      lastId += 1;
      // Rows are written by the update that follows: until then the instance has none.
      const bare = { ...instance, seen: new Map(), effects: new Map(), timers: new Map() };
      return keep({ id: lastId, role, partition: partitionOf(instance.correlationId), instance: bare, batch: 0 });
    },
    update(slot, next, atMs) {
      const queue = commits();
      const before = slot.instance;
      slot.instance = next;
      slot.batch = queue.current;
      queue.instance(slot.id, () => stored(slot, atMs));
      for (const [eventId, digest] of next.seen) {
        if (before.seen.get(eventId) !== digest) queue.inbox(slot.id, eventId, digest);
      }
      writeRows(before.effects, next.effects, (effect, row) => queue.effect(slot.id, effect, row));
      writeRows(before.timers, next.timers, (timer, row) => queue.timer(slot.id, timer, row));
    },
    updateEffect(slot, row) {
      slot.instance = { ...slot.instance, effects: new Map(slot.instance.effects).set(row.effect, row) };
      slot.batch = commits().current;
      commits().effect(slot.id, row.effect, row);
    },
    all: () => slots.values(),
    get size() {
      return slots.size;
    },
    forget(durable) {
      const idle = (slot: Slot) => slot.instance.effects.size === 0 && slot.instance.timers.size === 0;
      let excess = slots.size - IDLE_INSTANCES_MAX;
      for (const [key, slot] of slots) {
        if (excess <= 0) return;
        if (slot.batch > durable || !idle(slot)) continue;
        slots.delete(key);
        excess -= 1;
      }
    },
    drop(role, partition) {
      const dropped: Slot[] = [];
      for (const [key, slot] of slots) {
        if (slot.role.name !== role || slot.partition !== partition) continue;
        slots.delete(key);
        dropped.push(slot);
      }
      return dropped;
    },
  };
}
