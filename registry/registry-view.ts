/**
 * The registry as one process sees it: who lives, and which roles can take work. Owns: following heartbeats and judging
 * their age. Does not own: the form of a heartbeat (`registry.ts`), or what is done about a role that is not well.
 *
 * 1. Answers come from memory, at once; nothing here waits for the log.
 * 2. Not knowing is no verdict: while the registry cannot be heard, every role counts as healthy. A view that hears
 *    nobody, not even its own process, is deaf, not alone.
 * 3. Silence is measured by this process' own clock, from when a beat arrived, so clocks of machines may differ.
 */
import type { Bus } from '../bus/port.ts';
import { BusError } from '../bus/port.ts';
import { HEARTBEAT_MAX_AGE_MS, type Heartbeat, type HeartbeatData, parseHeartbeat } from './registry.ts';

/** Between attempts to follow a registry that cannot be read. */
const RETRY_MS = 500;
/** Processes remembered, those gone included: a mesh has a handful, and each start on another ledger is a new name. */
const SEEN_MAX = 1000;

/** A role as the whole mesh offers it: one process that can take work is enough. */
export interface RoleState {
  readonly role: string;
  /** False when every process that had the role has stopped or fallen silent. */
  readonly healthy: boolean;
  /** Every process that has the role is near a cap: it takes work later than others would. */
  readonly saturated: boolean;
  /** Capability tags of the processes that live, such as `tool:calculator` or `engine:llama`. */
  readonly tags: readonly string[];
  /** Names of breakers that are open or try one call, in the processes that live. */
  readonly openBreakers: readonly string[];
  /** Why it is not healthy, saturated, or of unknown health; null when all is well. */
  readonly reason: string | null;
}

export interface RegistryView {
  /** Resolves when the registry was read for the first time. */
  readonly ready: Promise<void>;
  /** Those that beat lately. */
  services(): Heartbeat[];
  /** Every role that was ever heard of, and those that were expected, by name. */
  roles(): RoleState[];
  close(): void;
}

export interface RegistryViewOptions {
  /** Roles that the mesh cannot do without; one of which nothing is heard for `maxAgeMs` is not healthy. */
  readonly expected?: readonly string[];
  readonly maxAgeMs?: number;
  /** For tests: time that only goes on, and the time of day. */
  readonly monotonicMs?: () => number;
  readonly epochMs?: () => number;
}

interface Seen {
  readonly beat: HeartbeatData;
  readonly heardAtMs: number;
  /** It has taken its entry back: it stopped in order. */
  readonly stopped: boolean;
}

/** Follows the registry from now on. Never fails: what cannot be read is tried again. */
export function openRegistryView(bus: Bus, options: RegistryViewOptions = {}): RegistryView {
  return new FollowedRegistry(bus, options);
}

class FollowedRegistry implements RegistryView {
  readonly ready: Promise<void>;
  readonly #bus: Bus;
  readonly #expected: readonly string[];
  readonly #maxAgeMs: number;
  readonly #monotonicMs: () => number;
  readonly #epochMs: () => number;
  readonly #seen = new Map<string, Seen>();
  readonly #unlisten: () => void;
  #connected = false;
  /** From here on silence counts: the opening, the latest reconnect, or when this process was the one that heard nobody. */
  #listeningSinceMs: number;
  #lastHeardAtMs: number;
  #unwatch: (() => void) | null = null;
  #retry: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(bus: Bus, options: RegistryViewOptions) {
    this.#bus = bus;
    this.#expected = options.expected ?? [];
    this.#maxAgeMs = options.maxAgeMs ?? HEARTBEAT_MAX_AGE_MS;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#epochMs = options.epochMs ?? (() => Date.now());
    this.#listeningSinceMs = this.#monotonicMs();
    this.#lastHeardAtMs = this.#listeningSinceMs;
    this.#unlisten = bus.onConnection((connected) => {
      if (connected && !this.#connected) this.#listeningSinceMs = this.#monotonicMs();
      this.#connected = connected;
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    void this.#follow(resolve);
  }

  services(): Heartbeat[] {
    const nowMs = this.#monotonicMs();
    const living = [...this.#seen.values()].filter((seen) => this.#lives(seen, nowMs));
    return living
      .map(({ beat, heardAtMs }) => ({ ...beat, ageMs: Math.max(0, Math.round(nowMs - heardAtMs)) }))
      .sort((a, b) => a.service.localeCompare(b.service) || a.host.localeCompare(b.host));
  }

  roles(): RoleState[] {
    const names = new Set(this.#expected);
    for (const { beat } of this.#seen.values()) for (const role of beat.roles) names.add(role);
    const deaf = this.#deaf();
    return [...names].sort().map((role) => (deaf === null ? this.#roleState(role) : unknownState(role, deaf)));
  }

  close(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#unwatch?.();
    this.#unlisten();
  }

  /** Why nothing can be said of anybody; null when the registry is heard. */
  #deaf(): string | null {
    if (!this.#connected) return 'the registry cannot be reached';
    const silentMs = this.#monotonicMs() - Math.max(this.#lastHeardAtMs, this.#listeningSinceMs);
    return silentMs > this.#maxAgeMs ? `the registry has been silent for ${seconds(silentMs)}` : null;
  }

  #lives(seen: Seen, nowMs: number): boolean {
    return !seen.stopped && nowMs - seen.heardAtMs <= this.#maxAgeMs;
  }

  #roleState(role: string): RoleState {
    const nowMs = this.#monotonicMs();
    const all = [...this.#seen.values()].filter(({ beat }) => beat.roles.includes(role));
    const living = all.filter((seen) => this.#lives(seen, nowMs)).map(({ beat }) => beat);
    if (living.length === 0) return this.#absent(role, all, nowMs);
    const full = living.map(({ saturated }) => saturated).filter((reason) => reason != null);
    const saturated = full.length === living.length;
    const breakers = living.flatMap((beat) => beat.breakers ?? []).filter(({ state }) => state !== 'closed');
    return {
      role,
      healthy: true,
      saturated,
      tags: [...new Set(living.flatMap(({ capabilities }) => capabilities ?? []))],
      openBreakers: [...new Set(breakers.map(({ name }) => name))],
      reason: saturated ? (full[0] ?? null) : null,
    };
  }

  /** Nobody beats for it. Right after the opening and after a reconnect, silence proves nothing yet. */
  #absent(role: string, all: readonly Seen[], nowMs: number): RoleState {
    const latest = all.toSorted((one, other) => other.heardAtMs - one.heardAtMs)[0];
    const listenedMs = nowMs - this.#listeningSinceMs;
    if (latest?.stopped) return absentState(role, `${latest.beat.service} has stopped`);
    if (listenedMs <= this.#maxAgeMs) return unknownState(role, `nothing was heard of ${role} so far`);
    if (latest === undefined) return absentState(role, `no service offers ${role}`);
    return absentState(role, `${latest.beat.service} has been silent for ${seconds(nowMs - latest.heardAtMs)}`);
  }

  async #follow(onReady: () => void): Promise<void> {
    try {
      const registry = this.#bus.kv('registry');
      const unwatch = await registry.watch((key, value) => this.#heard(key, value));
      if (this.#closed) return unwatch();
      this.#unwatch = unwatch;
      for (const { key, value, atMs } of await registry.entries()) {
        // A beat that came by the watch meanwhile is the newer one.
        if (!this.#seen.has(key)) this.#remember(key, value, Math.max(0, this.#epochMs() - atMs));
      }
      onReady();
    } catch (error) {
      if (this.#closed || (error instanceof BusError && error.code === 'closed')) return;
      this.#unwatch?.();
      this.#unwatch = null;
      this.#retry = setTimeout(() => void this.#follow(onReady), RETRY_MS);
      this.#retry.unref();
    }
  }

  #heard(key: string, value: string | null): void {
    // What the others said meanwhile comes next; a process that was suspended has not lost them.
    if (this.#deaf() !== null) this.#listeningSinceMs = this.#monotonicMs();
    this.#lastHeardAtMs = this.#monotonicMs();
    const known = this.#seen.get(key);
    if (value !== null) this.#remember(key, value, 0);
    else if (known !== undefined) this.#seen.set(key, { ...known, stopped: true, heardAtMs: this.#lastHeardAtMs });
  }

  #remember(key: string, value: string, ageMs: number): void {
    const beat = parseHeartbeat(value);
    if (beat === null) return;
    // Put at the end, so that the first one is the one that was silent for longest.
    this.#seen.delete(key);
    this.#seen.set(key, { beat, heardAtMs: this.#monotonicMs() - ageMs, stopped: false });
    const oldest = this.#seen.keys().next().value;
    if (this.#seen.size > SEEN_MAX && oldest !== undefined) this.#seen.delete(oldest);
  }
}

function unknownState(role: string, reason: string): RoleState {
  return { role, healthy: true, saturated: false, tags: [], openBreakers: [], reason };
}

function absentState(role: string, reason: string): RoleState {
  return { role, healthy: false, saturated: false, tags: [], openBreakers: [], reason };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
