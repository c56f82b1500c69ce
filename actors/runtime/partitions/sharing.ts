/**
 * How many partitions this host is to have, so that the hosts of a service share the work. Owns: telling the others at
 * each beat how many it has, hearing them, and the arithmetic. Does not own: leases (`ownership.ts`), or how a partition
 * is given away (`hand-over.ts`).
 *
 * What is told is volatile and proves nothing: who has a partition is the lease's word, who writes it the log's (S7, J4).
 * A wrong number here makes work uneven, never wrong.
 *
 * Invariants:
 * 1. The shares of the hosts that hear each other add up to all partitions at least: nothing free is left alone for longer
 *    than a silent host counts as alive.
 * 2. A host that hears nobody has a share of everything. A standby has one of nothing while anybody else is there.
 * 3. A host gives away only what another one has said it lacks: where all have their share, nothing moves.
 * 4. A host that may not take what is free for now counts for nobody: it would be given what lies idle until it may.
 * 5. While hosts of two releases are there, partitions move to the newer: an older one could not go on with what began on
 *    a newer machine (S11). It is given nothing, and takes nothing that is free.
 * 6. Who was heard of is forgotten only by a host that has beaten meanwhile as often as one should: one that is slow hears
 *    late, and the others are not gone for that. Nor is one that has a lease: it is slow to say so, and was not found silent.
 */
import { BEATS_PER_TTL, type Bus } from '../../../bus/port.ts';
import { hostsSubject, PARTITIONS } from '../../../schemas/events/subjects.ts';
import type { Clock } from '../ports.ts';
import type { RoleDefinition } from '../role.ts';

export interface Sharing {
  /** How many partitions this host may take of those that nobody has. */
  share(): number;
  /** How many of its own others are waiting for. */
  surplus(has: number): number;
  /**
   * Tells the others that it lives; to be called at each beat. After `stop` it says nothing: a stop lasts for some beats.
   * @param waits some of what it has not it may not take for now
   */
  tell(has: number, waits: boolean): void;
  /** Tells them that it goes, so that they take at once what it lets go of. */
  stop(): void;
}

export interface SharingOptions {
  readonly service: string;
  readonly name: string;
  /** What it hosts. */
  readonly roles: readonly Pick<RoleDefinition, 'name' | 'versions'>[];
  readonly bus: Pick<Bus, 'publishVolatile' | 'subscribeVolatile'>;
  readonly clock: Clock;
  /** A host that was not heard for so long, and for as many beats as belong into that, does not count. */
  readonly ttlMs: number;
  /** Whether that host has a lease (`ownership.ts`). */
  readonly holds: (host: string) => boolean;
  /** It takes only what nobody else is there for, at the moment. */
  readonly standsBy: () => boolean;
}

/** The newest machine of each role. */
type Machines = Readonly<Record<string, number>>;

interface Told {
  readonly host: string;
  readonly has: number;
  readonly standby: boolean;
  readonly waits: boolean;
  readonly leaves: boolean;
  readonly machines: Machines;
}

interface Heard extends Told {
  readonly atMs: number;
  /** How often this host had beaten by then. */
  readonly ownBeats: number;
}

export function createSharing({ service, name, roles, bus, clock, ttlMs, holds, standsBy }: SharingOptions): Sharing {
  const subject = hostsSubject(service);
  const heard = new Map<string, Heard>();
  let beaten = 0;
  const endListening = bus.subscribeVolatile(subject, (_, data) => {
    const told = parseTold(data);
    if (told === null || told.host === name) return;
    if (told.leaves) heard.delete(told.host);
    else heard.set(told.host, { ...told, atMs: clock.elapsed(), ownBeats: beaten });
  });
  const others = (): Heard[] => {
    const sinceMs = clock.elapsed() - ttlMs;
    for (const [host, { atMs, ownBeats }] of heard)
      if (atMs < sinceMs && beaten - ownBeats >= BEATS_PER_TTL && !holds(host)) heard.delete(host);
    return [...heard.values()];
  };
  const machines: Machines = Object.fromEntries(
    roles.map((role) => [role.name, Math.max(...role.versions.map(({ since }) => since))]),
  );
  /** Those that can go on with whatever began here, now or when they have waited, and standbys where nobody else can. */
  const able = (): Heard[] => others().filter((one) => knows(one.machines, machines));
  /** Of these the ones with a share: standbys have none. */
  const heirs = (): Heard[] => able().filter((one) => !one.waits && !one.standby);
  const isOld = (): boolean => able().some((one) => !knows(machines, one.machines));
  const shareOf = (hosts: number): number => Math.ceil(PARTITIONS / hosts);
  const own = (): number => (standsBy() ? 0 : 1);
  let left = false;
  const tellThat = (that: Pick<Told, 'has' | 'waits' | 'leaves'>): void =>
    bus.publishVolatile(subject, JSON.stringify({ host: name, standby: standsBy(), machines, ...that } satisfies Told));

  return {
    share() {
      if (isOld()) return 0;
      const { length } = heirs();
      return length === 0 ? PARTITIONS : own() * shareOf(length + own());
    },
    surplus(has) {
      const live = heirs();
      if (live.length === 0) return 0;
      const share = shareOf(live.length + own());
      const lacking = live.reduce((sum, one) => sum + Math.max(0, share - one.has), 0);
      return Math.max(0, Math.min(lacking, has - own() * share));
    },
    tell(has, waits) {
      beaten += 1;
      if (!left) tellThat({ has, waits, leaves: false });
    },
    stop() {
      left = true;
      endListening();
      tellThat({ has: 0, waits: false, leaves: true });
    },
  };
}

/** Whether a host with the first machines can go on with what began on the second. */
function knows(known: Machines, wanted: Machines): boolean {
  return Object.entries(wanted).every(([role, since]) => (known[role] ?? 0) >= since);
}

/** Null for what no host of the mesh has said: anybody who may publish there may say anything. */
function parseTold(data: Uint8Array): Told | null {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(data).toString('utf8'));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
  if (typeof value !== 'object' || value === null || !('host' in value) || !('has' in value)) return null;
  const { host, has } = value;
  if (typeof host !== 'string' || !Number.isSafeInteger(has)) return null;
  const is = (key: 'standby' | 'waits' | 'leaves'): boolean => key in value && Reflect.get(value, key) === true;
  // Of a release that did not tell, nothing is known: it counts as older.
  const told: object = 'machines' in value && typeof value.machines === 'object' ? (value.machines ?? {}) : {};
  const machines = Object.fromEntries(Object.entries(told).map(([role, since]) => [role, Number(since)]));
  return { host, has: Number(has), standby: is('standby'), waits: is('waits'), leaves: is('leaves'), machines };
}
