/**
 * Leases by compare-and-set. Owns: the rules by which a lease is granted, taken over, confirmed and released. Does not
 * own: where the entries are stored (`RevisionedStore`: a JetStream bucket, or the twin in memory).
 *
 * Entries: `lease.<key>` holds `{holder, fence}`; `beat.<holder>` is written at every beat and its revision counts, so
 * no clock of another machine is ever compared with ours. Who finds a holder silent writes that there, before it takes
 * a lease of it.
 *
 * Invariants:
 * 1. Every grant is one compare-and-set on the lease entry: of many claimants one wins (S7).
 * 2. The fence grows with every grant. It starts from the clock, so that it grows also over the loss of the bucket.
 * 3. A foreign lease is granted only after this claimant has seen its holder silent for the whole time to live, by its
 *    own monotonic clock and on an unbroken connection, and has itself beaten meanwhile as often as a holder should: on a
 *    machine where nobody gets a processor, or where all were suspended, nobody is found silent.
 * 4. A beat is a compare-and-set on the holder's last one: a holder that was found silent learns it at its next beat,
 *    however long that was under way and whatever its clock says.
 */
import type { LeaseClaim, LeaseStore } from './port.ts';
import { BEATS_PER_TTL, BusError } from './port.ts';

/** Lost races are tried again; each one means that another claimant has won, so few are ever needed. */
const CLAIM_ATTEMPTS_MAX = 5;

export interface RevisionedEntry {
  readonly value: string;
  readonly revision: number;
}

/** Reads must see the last write of anyone: they are answered by the stream's leader. */
export interface RevisionedStore {
  /** A deleted entry reads as an empty value with the revision of its deletion, on which the next write rests. */
  read(key: string): Promise<RevisionedEntry | null>;
  /** Resolves with the new revision. */
  put(key: string, value: string): Promise<number>;
  /** Writes only when the entry's last revision is this one (0: no entry); null when it is not, else the new revision. */
  putIfRevision(key: string, value: string, revision: number): Promise<number | null>;
}

export interface LeaseClock {
  /** Grows steadily; milliseconds. */
  monotonicMs(): number;
  /** Milliseconds since the epoch. */
  epochMs(): number;
}

interface LeaseEntry {
  readonly holder: string;
  readonly fence: number;
}

interface Observation {
  readonly beatRevision: number;
  readonly sinceMs: number;
  /** How often the claimant had beaten by then. */
  readonly ownBeats: number;
}

/** A lease whose holder is the empty name is free; the entry stays so that its fence is not forgotten. */
const FREE = '';
/** What stands in the beat of a holder that was found silent. */
const SILENT = 'silent';

export class CasLeases implements LeaseStore {
  readonly ttlMs: number;
  readonly #store: RevisionedStore;
  readonly #clock: LeaseClock;
  readonly #seen = new Map<string, Observation>();
  /** Revision of our last beat, by holder; none after a beat of which nobody knows whether it arrived. */
  readonly #beats = new Map<string, number>();
  #beaten = 0;

  constructor(store: RevisionedStore, clock: LeaseClock, ttlMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.ttlMs = ttlMs;
  }

  /** While the connection was down the holder could not beat either: its silence counts from now. */
  forgetObservations(): void {
    this.#seen.clear();
  }

  async claim(key: string, holder: string, takesFree = true): Promise<LeaseClaim> {
    assertName(holder);
    for (let attempt = 0; attempt < CLAIM_ATTEMPTS_MAX; attempt += 1) {
      const entry = await this.#store.read(leaseKey(key));
      const lease = entry === null ? null : parseLease(entry.value);
      if (lease !== null && lease.holder !== FREE && lease.holder !== holder && !(await this.#isSilent(lease.holder))) {
        return { granted: false, holder: lease.holder };
      }
      if (!takesFree && (lease === null || lease.holder === FREE)) return { granted: false, holder: FREE };
      const fence = Math.max((lease?.fence ?? 0) + 1, this.#clock.epochMs());
      const value = JSON.stringify({ holder, fence });
      if ((await this.#store.putIfRevision(leaseKey(key), value, entry?.revision ?? 0)) !== null)
        return { granted: true, fence };
    }
    throw new BusError('unavailable', `claim of lease ${key}: lost ${CLAIM_ATTEMPTS_MAX} races in a row`);
  }

  async confirm(key: string, holder: string, fence: number): Promise<boolean> {
    const entry = await this.#store.read(leaseKey(key));
    return entry !== null && isHeld(parseLease(entry.value), holder, fence);
  }

  async release(key: string, holder: string, fence: number): Promise<void> {
    const entry = await this.#store.read(leaseKey(key));
    if (entry === null || !isHeld(parseLease(entry.value), holder, fence)) return;
    // Losing this race means that somebody else has the lease already, which is what releasing is for.
    await this.#store.putIfRevision(leaseKey(key), JSON.stringify({ holder: FREE, fence }), entry.revision);
  }

  async beat(holder: string): Promise<boolean> {
    const key = beatKey(holder);
    const before = this.#beats.get(holder);
    this.#beats.delete(holder);
    const unbroken = before === undefined ? null : await this.#store.putIfRevision(key, '', before);
    this.#beats.set(holder, unbroken ?? (await this.#store.put(key, '')));
    this.#beaten += 1;
    return unbroken !== null;
  }

  /** True when the holder was found silent: by this claimant, which watched it for the whole time to live, or by another. */
  async #isSilent(holder: string): Promise<boolean> {
    const beat = await this.#store.read(beatKey(holder));
    if (beat?.value === SILENT) return true;
    const beatRevision = beat?.revision ?? 0;
    const nowMs = this.#clock.monotonicMs();
    const seen = this.#seen.get(holder);
    if (seen === undefined || seen.beatRevision !== beatRevision) {
      this.#seen.set(holder, { beatRevision, sinceMs: nowMs, ownBeats: this.#beaten });
      return false;
    }
    if (nowMs - seen.sinceMs < this.ttlMs || this.#beaten - seen.ownBeats < BEATS_PER_TTL) return false;
    if ((await this.#store.putIfRevision(beatKey(holder), SILENT, beatRevision)) !== null) return true;
    // It has beaten at this very moment, and lives; or another claim found the same.
    return (await this.#store.read(beatKey(holder)))?.value === SILENT;
  }
}

function isHeld(lease: LeaseEntry | null, holder: string, fence: number): boolean {
  return lease !== null && lease.holder === holder && lease.fence === fence;
}

/** Null for an entry that is not of ours: it counts as free, and its revision still guards the write. */
function parseLease(text: string): LeaseEntry | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
  if (typeof value !== 'object' || value === null || !('holder' in value) || !('fence' in value)) return null;
  const { holder, fence } = value;
  return typeof holder === 'string' && Number.isSafeInteger(fence) ? { holder, fence: Number(fence) } : null;
}

function assertName(name: string): void {
  if (name === FREE) throw new BusError('refused', 'a lease needs a key and a holder with a name');
}

function leaseKey(key: string): string {
  return `lease.${keyToken(key)}`;
}

function beatKey(holder: string): string {
  return `beat.${keyToken(holder)}`;
}

/** Any text as one token of a key: what a key cannot hold is written as `=` and two hex digits. Different texts stay different. */
export function keyToken(text: string): string {
  assertName(text);
  return encodeURIComponent(text)
    .replace(/[.!~*'()]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%', '=');
}
