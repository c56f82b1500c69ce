/**
 * What a simulated disk holds: the tables of a ledger as plain maps. Owns: what a batch does to them, and the reads of
 * the ledger's port. Does not own: when a batch becomes durable (`disk.ts`).
 *
 * It is written from the port's words, not from the SQLite code; one contract suite holds both to them.
 */
import type { LedgerBatch, LoadedInstance, OutboxRow, StoredInstance } from '../../actors/runtime/ledger/port.ts';
import type { EffectRow, TimerRow } from '../../actors/runtime/step.ts';

interface Sent {
  readonly row: OutboxRow;
  seq: number | null;
}

type Nested<V> = Map<number, Map<string, V>>;

function inner<V>(table: Nested<V>, instance: number): Map<string, V> {
  let rows = table.get(instance);
  if (!rows) {
    rows = new Map();
    table.set(instance, rows);
  }
  return rows;
}

export class DiskTables {
  readonly instances = new Map<number, StoredInstance>();
  readonly outbox = new Map<number, Sent>();
  readonly cursors = new Map<string, number>();
  readonly meta = new Map<string, string>();
  /** Ids of everything in the outbox, for asking whether an output is remembered. */
  readonly outboxIds = new Set<string>();
  readonly #ids = new Map<string, number>();
  readonly #ended = new Set<string>();
  readonly #inbox: Nested<string> = new Map();
  /** Kept as text, as a disk does: what does not survive JSON does not survive here. */
  readonly #effects: Nested<string> = new Map();
  readonly #timers: Nested<string> = new Map();

  /** Why the batch cannot be stored, or null. */
  refusal(batch: LedgerBatch): string | null {
    for (const { id, role, correlationId } of batch.instances) {
      const other = this.#ids.get(`${role}/${correlationId}`);
      if (other !== undefined && other !== id) return `two rows of ${role} for ${correlationId}: ${other} and ${id}`;
    }
    for (const { n } of batch.outbox) if (this.outbox.has(n)) return `output ${n} is there already`;
    return null;
  }

  apply(batch: LedgerBatch): void {
    for (const row of batch.instances) this.#storeInstance(row);
    for (const { instance, eventId, digest } of batch.inbox) inner(this.#inbox, instance).set(eventId, digest);
    for (const { seq, ...row } of batch.outbox) {
      this.outbox.set(row.n, { row, seq });
      this.outboxIds.add(row.eventId);
    }
    for (const { n, seq } of batch.acked) {
      const sent = this.outbox.get(n);
      if (sent) sent.seq = seq;
    }
    for (const { instance, effect, row } of batch.effects) put(inner(this.#effects, instance), effect, row);
    for (const { instance, timer, row } of batch.timers) put(inner(this.#timers, instance), timer, row);
    for (const { channel, seq } of batch.cursors) this.cursors.set(channel, seq);
    for (const { key, value } of batch.meta) this.meta.set(key, value);
  }

  load(role: string, correlationId: string): LoadedInstance | null {
    const stored = this.instances.get(this.#ids.get(`${role}/${correlationId}`) ?? 0);
    return stored ? this.loaded(stored) : null;
  }

  hasEnded(role: string, correlationId: string): boolean {
    return this.#ended.has(`${role}/${correlationId}`);
  }

  loaded(stored: StoredInstance): LoadedInstance {
    return {
      stored,
      seen: new Map(this.#inbox.get(stored.id)),
      effects: [...(this.#effects.get(stored.id)?.values() ?? [])].map((text) => JSON.parse(text) as EffectRow),
      timers: [...(this.#timers.get(stored.id)?.values() ?? [])].map((text) => JSON.parse(text) as TimerRow),
    };
  }

  /** The actors of tasks that have something running or waiting. */
  atWork(): LoadedInstance[] {
    const busy = this.all().filter(({ effects, timers }) => effects.length + timers.length > 0);
    const tasks = new Set(busy.map(({ stored }) => stored.correlationId));
    return this.all().filter(({ stored }) => !stored.done && tasks.has(stored.correlationId));
  }

  all(): LoadedInstance[] {
    return [...this.instances.values()].sort((a, b) => a.id - b.id).map((stored) => this.loaded(stored));
  }

  sent(wanted: (seq: number | null) => boolean): OutboxRow[] {
    const rows = [...this.outbox.values()].filter(({ seq }) => wanted(seq)).map(({ row }) => row);
    return rows.sort((a, b) => a.n - b.n);
  }

  prune(beforeMs: number, beforeSeq: number): number {
    const waiting = new Set(this.sent((seq) => seq === null).map(({ instance }) => instance));
    let gone = 0;
    for (const { id, role, correlationId, updatedAtMs, done } of [...this.instances.values()]) {
      if (updatedAtMs >= beforeMs || waiting.has(id) || this.#atWork(id)) continue;
      this.instances.delete(id);
      if (done) this.#ended.add(`${role}/${correlationId}`);
      this.#ids.delete(`${role}/${correlationId}`);
      for (const table of [this.#inbox, this.#effects, this.#timers]) table.delete(id);
      gone += 1;
    }
    for (const [n, { seq }] of this.outbox) if (seq !== null && seq < beforeSeq) this.outbox.delete(n);
    return gone;
  }

  #atWork(id: number): boolean {
    return (this.#effects.get(id)?.size ?? 0) + (this.#timers.get(id)?.size ?? 0) > 0;
  }

  /** What has an effect or a timer, and the other actors of those tasks. */
  open(): LoadedInstance[] {
    const tasks = new Set(
      [...this.instances.values()].filter(({ id }) => this.#atWork(id)).map((row) => row.correlationId),
    );
    return this.all().filter(({ stored }) => !stored.done && tasks.has(stored.correlationId));
  }

  #storeInstance(row: StoredInstance): void {
    const known = this.instances.get(row.id);
    const { transitionIndex, hop, loops, done, updatedAtMs, snapshot } = row;
    // What an instance began as stays as it was.
    this.instances.set(row.id, known ? { ...known, transitionIndex, hop, loops, done, updatedAtMs, snapshot } : row);
    this.#ids.set(`${row.role}/${row.correlationId}`, row.id);
  }
}

function put(rows: Map<string, string>, key: string, row: object | null): void {
  if (row === null) rows.delete(key);
  else rows.set(key, JSON.stringify(row));
}
