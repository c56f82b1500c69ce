/**
 * Which tasks the log knows, in the order of their latest change. Owns: that order, read once and kept up by the tail.
 * Does not own: how a task looks (`task-index.ts`), or anything that could be lost: a gateway that starts reads it anew.
 *
 * Invariant: the order holds every task of which the log holds a fact that the tail has heard, or there is no order.
 */
import { type Bus, BusError } from '../bus/port.ts';
import { FACT_FILTER, parseSubject } from '../schemas/events/subjects.ts';
import type { FactTail } from './fact-tail.ts';

export interface OrderEntry {
  readonly correlationId: string;
  /** Of the message with its last fact. */
  readonly seq: number;
}

/** After so many messages of facts the tasks that have left the log are forgotten: about a hundred bytes each. */
const FORGET_AFTER_MESSAGES = 10_000;
/** A log that could not be read in time is not asked for everything again at once. */
const BUILD_PAUSE_MS = 10_000;

export class TaskOrder {
  readonly #bus: Bus;
  /** Insertion order is order of change, the oldest first; null until it has been read. */
  #order: Map<string, number> | null = null;
  #building: Promise<Map<string, number>> | null = null;
  #builtBeforeMs = Number.NEGATIVE_INFINITY;
  /** What the tail brings while the order is being read. */
  #movedMeanwhile: Map<string, number> | null = null;
  #heardSinceForgetting = 0;

  constructor(bus: Bus, tail: FactTail) {
    this.#bus = bus;
    tail.onFacts = (correlationId, { seq }) => this.#moved(correlationId, seq);
  }

  /** The log is another one. */
  reset(): void {
    this.#order = null;
    this.#movedMeanwhile = null;
    this.#builtBeforeMs = Number.NEGATIVE_INFINITY;
  }

  /**
   * False when the log held no fact of the task up to what the tail has heard; whoever listens to the tail by then hears
   * what comes. Null while nobody knows: the order is being read, and the log itself has to be asked.
   */
  knows(correlationId: string): boolean | null {
    if (this.#order !== null) return this.#order.has(correlationId);
    const mayBuild = this.#building === null && performance.now() >= this.#builtBeforeMs + BUILD_PAUSE_MS;
    if (mayBuild) {
      this.#builtBeforeMs = performance.now();
      // Whoever asks has another way; a list that needs the order reads it again and hears the error.
      this.#build().catch(() => undefined);
    }
    return null;
  }

  /** The latest change first, of those that changed before a sequence. @throws BusError */
  async latest(beforeSeq: number): Promise<OrderEntry[]> {
    const order = this.#order ?? (await this.#build());
    const entries: OrderEntry[] = [];
    for (const [correlationId, seq] of order) if (seq < beforeSeq) entries.push({ correlationId, seq });
    return entries.reverse();
  }

  #moved(correlationId: string, seq: number): void {
    for (const order of [this.#order, this.#movedMeanwhile]) {
      order?.delete(correlationId);
      order?.set(correlationId, seq);
    }
    this.#heardSinceForgetting += 1;
    if (this.#order === null || this.#heardSinceForgetting < FORGET_AFTER_MESSAGES) return;
    this.#heardSinceForgetting = 0;
    void this.#forget(this.#order);
  }

  /** Drops the tasks whose last fact has left the log. */
  async #forget(order: Map<string, number>): Promise<void> {
    try {
      const { firstSeq } = await this.#bus.streamInfo();
      for (const [correlationId, seq] of order) {
        if (seq >= firstSeq) return;
        order.delete(correlationId);
      }
    } catch (error) {
      // They are forgotten after as many messages again; until then they only take room.
      if (!(error instanceof BusError)) throw error;
    }
  }

  #build(): Promise<Map<string, number>> {
    this.#building ??= this.#read().finally(() => {
      this.#building = null;
      this.#movedMeanwhile = null;
    });
    return this.#building;
  }

  async #read(): Promise<Map<string, number>> {
    const moved = new Map<string, number>();
    this.#movedMeanwhile = moved;
    const order = new Map<string, number>();
    for (const { subject, seq } of await this.#bus.readLast(FACT_FILTER, 'log', { bare: true })) {
      const parsed = parseSubject(subject);
      if (parsed.kind === 'fact') order.set(parsed.correlationId, seq);
    }
    for (const [correlationId, seq] of moved) {
      order.delete(correlationId);
      order.set(correlationId, seq);
    }
    // When the log broke off meanwhile, this order is of another log than the next list's.
    if (this.#movedMeanwhile === moved) this.#order = order;
    return order;
  }
}
