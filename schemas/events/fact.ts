/**
 * A public fact as the log stored it. Owns: a fact's place in the log, and reading the facts of a message. Does not own:
 * what they mean for a task (`task-view.ts`), or the form of a message (`envelope.ts`).
 *
 * Invariants:
 * 1. The facts of a message have its sequence and an index each, in the order of happening: no two facts of the log have
 *    the same place, and places are in the order of the log.
 * 2. An event that this release does not understand is left out and changes no other fact's place: two releases that read
 *    the same message mean the same by a place.
 */
import { type MeshEvent, parseEach } from './envelope.ts';

/** Where a fact stands in the log. */
export interface Place {
  /** Of its message in the stream. */
  readonly seq: number;
  /** In its message, from 0. */
  readonly index: number;
}

/** Before every fact. */
export const BEGINNING: Place = { seq: 0, index: 0 };

export function isAfter(one: Place, other: Place): boolean {
  return one.seq > other.seq || (one.seq === other.seq && one.index > other.index);
}

export interface Fact extends Place {
  readonly event: MeshEvent;
  /** When it happened, milliseconds since the epoch. */
  readonly atMs: number;
  /** When the log got it: it waits for the commit that it rests on, and comes again to a log that was lost. */
  readonly storedAtMs: number;
}

interface StoredFacts {
  readonly seq: number;
  readonly atMs: number;
  readonly data: Uint8Array;
}

/** The last message that was read: an index and each call that follows its task read the same one, in turn. */
let last: { readonly message: StoredFacts; readonly facts: readonly Fact[] } | null = null;

/** The facts of a stored message; none when it holds nothing of ours (another release wrote it, say). */
export function factsIn(message: StoredFacts): readonly Fact[] {
  if (last?.message !== message) last = { message, facts: read(message) };
  return last.facts;
}

function read({ seq, atMs, data }: StoredFacts): Fact[] {
  const each = parseEach(data);
  if (!each.ok) return [];
  return each.value.flatMap((parsed, index) =>
    parsed.ok ? [factFrom(parsed.value, { seq, index, storedAtMs: atMs })] : [],
  );
}

export function factFrom(event: MeshEvent, place: Place & { readonly storedAtMs: number }): Fact {
  const { seq, index, storedAtMs } = place;
  return { event, seq, index, atMs: Date.parse(event.time), storedAtMs };
}
