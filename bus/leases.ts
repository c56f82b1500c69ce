/**
 * Leases by compare-and-set. Owns: the rules by which a lease is granted, taken over, confirmed and released. Does not
 * own: where the entries are stored (`RevisionedStore`: a JetStream bucket, or the twin in memory).
 *
 * Entries: `lease.<key>` holds `{holder, fence}`; `beat.<holder>` is written at every beat and only its revision counts,
 * so no clock of another machine is ever compared with ours.
 *
 * Invariants:
 * 1. Every grant is one compare-and-set on the lease entry: of many claimants one wins (S7).
 * 2. The fence grows with every grant. It starts from the clock, so that it grows also over the loss of the bucket.
 * 3. A foreign lease is granted only after this claimant has seen its holder silent for the whole time to live, by its
 *    own monotonic clock and on an unbroken connection.
 */
import type { LeaseClaim, LeaseStore } from './port.ts';
import { BusError } from './port.ts';

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
  put(key: string, value: string): Promise<unknown>;
  /** Writes only when the entry's last revision is this one (0: no entry); false when it is not. */
  putIfRevision(key: string, value: string, revision: number): Promise<boolean>;
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
}

/** A lease whose holder is the empty name is free; the entry stays so that its fence is not forgotten. */
const FREE = '';

export class CasLeases implements LeaseStore {
  readonly ttlMs: number;
  readonly #store: RevisionedStore;
  readonly #clock: LeaseClock;
  readonly #seen = new Map<string, Observation>();

  constructor(store: RevisionedStore, clock: LeaseClock, ttlMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.ttlMs = ttlMs;
  }

  /** While the connection was down the holder could not beat either: its silence counts from now. */
  forgetObservations(): void {
    this.#seen.clear();
  }

  async claim(key: string, holder: string): Promise<LeaseClaim> {
    assertName(holder);
    for (let attempt = 0; attempt < CLAIM_ATTEMPTS_MAX; attempt += 1) {
      const entry = await this.#store.read(leaseKey(key));
      const lease = entry === null ? null : parseLease(entry.value);
      if (lease !== null && lease.holder !== FREE && lease.holder !== holder && !(await this.#isSilent(lease.holder))) {
        return { granted: false, holder: lease.holder };
      }
      const fence = Math.max((lease?.fence ?? 0) + 1, this.#clock.epochMs());
      const value = JSON.stringify({ holder, fence });
      if (await this.#store.putIfRevision(leaseKey(key), value, entry?.revision ?? 0)) return { granted: true, fence };
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

  async beat(holder: string): Promise<void> {
    await this.#store.put(beatKey(holder), '');
  }

  /** True when this claimant has watched the holder for the whole time to live and saw no beat. */
  async #isSilent(holder: string): Promise<boolean> {
    const beat = await this.#store.read(beatKey(holder));
    const beatRevision = beat?.revision ?? 0;
    const nowMs = this.#clock.monotonicMs();
    const seen = this.#seen.get(holder);
    if (seen !== undefined && seen.beatRevision === beatRevision) return nowMs - seen.sinceMs >= this.ttlMs;
    this.#seen.set(holder, { beatRevision, sinceMs: nowMs });
    return false;
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
