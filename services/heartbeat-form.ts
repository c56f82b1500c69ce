/**
 * A heartbeat from what a process knows of itself. Owns: adding up what its parts say, judging whether it is saturated,
 * and the size of the whole. Does not own: when it is sent (`heartbeat.ts`), or what readers understand
 * (`registry/registry.ts`).
 *
 * Invariant: a heartbeat is never larger than `HEARTBEAT_MAX_BYTES` and its making never throws, whatever a part says:
 * a service that cannot describe itself is still alive.
 */

import type { EffectStats } from '../actors/runtime/effects/effect-queues.ts';
import type { HostStats } from '../actors/runtime/host.ts';
import type { BreakerState } from '../resilience/breakers.ts';
import type { Part, PartStatus } from './adapters/part.ts';

/** Read by every process every two seconds; far below what any server takes as a message. */
export const HEARTBEAT_MAX_BYTES = 65_536;
const TAGS_MAX = 200;
const TAG_MAX_CHARACTERS = 80;
const BREAKERS_MAX = 50;
const REASON_MAX_CHARACTERS = 200;
const PROBLEMS_MAX = 10;
const PROBLEM_MAX_CHARACTERS = 300;
/** A queue that is as full as this counts as saturated: others are asked before it refuses. */
const SATURATED_SHARE = 0.8;

export interface ShownRole {
  readonly name: string;
  readonly effects: Readonly<Record<string, { readonly concurrencyMax: number }>>;
}

export interface HeartbeatFacts {
  readonly service: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly state: 'starting' | 'ready';
  /** RFC 3339. */
  readonly startedAt: string;
  readonly roles: readonly ShownRole[];
  /** Of the host that runs the roles; null where there is none. */
  readonly stats: HostStats | null;
  readonly parts: readonly Pick<Part<unknown>, 'status'>[];
  readonly breakers: readonly BreakerState[];
  /** Threads of the process itself; parts add theirs. */
  readonly threads: number;
  readonly memoryMb: number;
  readonly memoryLimitMb: number;
  /** By how much its clock is ahead of the log server's, negative when behind. */
  readonly clockSkewMs: number;
  /** Why the process takes nothing new, or null. */
  readonly admission: string | null;
}

/** The heartbeat as JSON. */
export function heartbeatText(facts: HeartbeatFacts): string {
  const whole = formOf(facts);
  const text = JSON.stringify(whole);
  if (Buffer.byteLength(text) <= HEARTBEAT_MAX_BYTES) return text;
  // Strange letters take several bytes each: what only people read goes first.
  const short = { ...whole, capabilities: [], problems: ['the service has more to say than a heartbeat may hold'] };
  return JSON.stringify({ ...short, breakers: whole.breakers.filter(({ state }) => state !== 'closed').slice(0, 5) });
}

function formOf(facts: HeartbeatFacts) {
  const { service, host, pid, version, state, startedAt, stats } = facts;
  const parts = facts.parts.map(statusOf);
  return {
    ...{ service, host, pid, version, state, startedAt },
    roles: facts.roles.map(({ name }) => name),
    ...(stats === null ? {} : countsOf(stats)),
    memoryMb: facts.memoryMb,
    clockSkewMs: facts.clockSkewMs,
    saturated: saturation(facts, parts),
    capabilities: unique(parts.flatMap(({ capabilities = [] }) => capabilities)).slice(0, TAGS_MAX),
    capacity: capacityOf(facts, parts),
    breakers: breakersOf(facts.breakers),
    problems: unique(
      parts.flatMap(({ problems = [] }) => problems),
      PROBLEM_MAX_CHARACTERS,
    ).slice(0, PROBLEMS_MAX),
  };
}

function countsOf(stats: HostStats) {
  return {
    instances: stats.instances,
    partitions: stats.partitions,
    cursorLag: stats.cursorLag,
    pendingEffects: stats.effectsRunning + stats.effectsQueued,
    unacknowledged: stats.unacknowledged,
    applied: stats.applied,
    duplicates: stats.duplicates,
    quarantined: stats.quarantined,
  };
}

/** What a part says of itself; one that throws says that. */
export function statusOf(part: Pick<Part<unknown>, 'status'>): PartStatus {
  try {
    return part.status();
  } catch (error) {
    return { problems: [`a part cannot describe itself: ${error instanceof Error ? error.message : String(error)}`] };
  }
}

function unique(texts: readonly string[], maxCharacters = TAG_MAX_CHARACTERS): string[] {
  return [...new Set(texts.map((text) => text.slice(0, maxCharacters)))];
}

/** Those that are not closed first: they are what somebody looks for. */
function breakersOf(breakers: readonly BreakerState[]): BreakerState[] {
  const order = { open: 0, half_open: 1, closed: 2 };
  return breakers
    .toSorted((one, other) => order[one.state] - order[other.state])
    .slice(0, BREAKERS_MAX)
    .map((one) => ({
      ...one,
      name: one.name.slice(0, TAG_MAX_CHARACTERS),
      reason: one.reason?.slice(0, REASON_MAX_CHARACTERS) ?? null,
    }));
}

/**
 * Threads, queues and tokens add up; of free slots the scarcest counts, as a request goes through all parts. Memory is
 * the process': parts cannot be told apart in it.
 */
function capacityOf(facts: HeartbeatFacts, parts: readonly PartStatus[]) {
  const told = parts.map(({ capacity = {} }) => capacity);
  const sum = (values: readonly (number | undefined)[]): number =>
    values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const tokens = told.flatMap(({ tokensPerSecond }) => (tokensPerSecond === undefined ? [] : [tokensPerSecond]));
  const slots = told.flatMap(({ freeSlots }) => (freeSlots === undefined ? [] : [freeSlots]));
  const free = facts.stats === null ? slots : [freeSlotsOf(facts.roles, facts.stats), ...slots];
  return {
    threads: facts.threads + sum(told.map(({ threads }) => threads)),
    memoryMb: facts.memoryMb,
    memoryLimitMb: facts.memoryLimitMb,
    queueDepth: (facts.stats?.effectsQueued ?? 0) + sum(told.map(({ queueDepth }) => queueDepth)),
    ...(free.length === 0 ? {} : { freeSlots: Math.min(...free) }),
    ...(tokens.length === 0 ? {} : { tokensPerSecond: Math.round(sum(tokens) * 10) / 10 }),
  };
}

function freeSlotsOf(roles: HeartbeatFacts['roles'], stats: HostStats): number {
  let free = 0;
  for (const { effects } of roles) for (const { concurrencyMax } of Object.values(effects)) free += concurrencyMax;
  return free - stats.effectsRunning;
}

function saturation({ admission, stats }: HeartbeatFacts, parts: readonly PartStatus[]): string | null {
  const full = stats?.effects.find(isFull);
  const queue = full && `queue of ${full.role}/${full.effect}: ${full.waiting} of ${full.queueMax}`;
  const reason = admission ?? queue ?? parts.find(({ saturated }) => saturated != null)?.saturated ?? null;
  return reason?.slice(0, REASON_MAX_CHARACTERS) ?? null;
}

function isFull({ waiting, queueMax }: EffectStats): boolean {
  return waiting >= queueMax * SATURATED_SHARE;
}
