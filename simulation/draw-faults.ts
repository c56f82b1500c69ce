/**
 * Which faults a seed has. Owns: drawing a list of them. Does not own: what they are (`faults.ts`).
 *
 * A seed draws a subset of the kinds first and then faults of those kinds only: runs with few kinds and many of each
 * find what an even mixture hides.
 */
import type { CrashPoint } from '../actors/runtime/crash-points.ts';
import { crashPoints, type Fault, isFurther, LEASE_TTL_MS, troubles } from './faults.ts';
import type { Random } from './random.ts';

/** By then the hosts of a run have started, and have told each other. */
const HOSTS_KNOWN_MS = 500;
/** Points that are passed seldom: the first passings are the ones worth trying. */
const rare: ReadonlySet<CrashPoint> = new Set(['effect-begun', 'effect-done', 'effect-announced', 'timer-due']);

export interface FaultGround {
  /** Names of the hosts that are there. */
  readonly hosts: readonly string[];
  /** What each host reads: its roles, and `ingress`. */
  readonly lanes: (host: string) => readonly string[];
  /** Faults happen until then. */
  readonly untilMs: number;
}

/**
 * Which stores a run may lose: never both wholly, since nothing could survive that. Both may go back to an older state:
 * what no store tells of any more is lost then, and nothing else.
 */
export type Losing = 'nothing' | 'ledgers' | 'log' | 'back' | 'retention';

type Draw = (random: Random, ground: FaultGround) => Fault;

const host = (random: Random, { hosts }: FaultGround) => random.pick(hosts);
const when = (random: Random, { untilMs }: FaultGround) => random.int(0, untilMs);
const hasStandby = ({ hosts }: FaultGround) => hosts.some(isFurther);
/** A log is lost after its hosts have met each other: docs/reliability.md, known limits. */
const whenLost = (random: Random, ground: FaultGround) =>
  Math.max(when(random, ground), hasStandby(ground) ? HOSTS_KNOWN_MS : 0);
/** Mostly short, sometimes longer than a lease lives. */
const downtime = (random: Random) => random.skewed(20, 15_000);
/** Long enough to lose every lease, or not. */
const suspension = (random: Random) =>
  random.chance(0.3) ? random.int(LEASE_TTL_MS + 1, 20_000) : random.skewed(5, LEASE_TTL_MS);
/** Rare points are drawn as often as all others together. */
const somePoint = (random: Random) => random.pick(random.chance(0.5) ? [...rare] : crashPoints);
const nth = (random: Random, point: CrashPoint) => random.skewed(1, rare.has(point) ? 3 : 60);

const always: readonly Draw[] = [
  (random, ground) => {
    const point = somePoint(random);
    const how = random.chance(0.5) ? 'kill' : 'power';
    return { kind: 'crash', host: host(random, ground), point, nth: nth(random, point), how, downMs: downtime(random) };
  },
  (random, ground) => {
    const point = somePoint(random);
    return { kind: 'stall', host: host(random, ground), point, nth: nth(random, point), ms: suspension(random) };
  },
  (random, ground) => {
    const how = random.chance(0.5) ? 'kill' : 'power';
    return { kind: 'kill', host: host(random, ground), atMs: when(random, ground), how, downMs: downtime(random) };
  },
  (random, ground) => ({
    kind: 'pause',
    host: host(random, ground),
    atMs: when(random, ground),
    ms: suspension(random),
  }),
  (random, ground) => ({
    kind: 'stop',
    host: host(random, ground),
    atMs: when(random, ground),
    downMs: downtime(random),
  }),
  (random, ground) => {
    const how = random.pick(['lost', 'ack-lost', 'duplicate'] as const);
    const ms = random.chance(0.3) ? 0 : random.skewed(1, 3000);
    return { kind: 'publish', host: host(random, ground), nth: random.skewed(1, 60), how, ms };
  },
  (random, ground) => {
    const name = host(random, ground);
    const lane = random.pick(ground.lanes(name));
    return { kind: 'slow-lane', host: name, lane, atMs: when(random, ground), ms: random.skewed(5, 8000) };
  },
  (random, ground) => ({
    kind: 'cut',
    host: host(random, ground),
    atMs: when(random, ground),
    ms: random.skewed(5, 10_000),
  }),
  (random, ground) => ({
    kind: 'hang',
    host: host(random, ground),
    atMs: when(random, ground),
    ms: suspension(random),
  }),
  (random, ground) => ({
    kind: 'slow-disk',
    host: host(random, ground),
    atMs: when(random, ground),
    ms: random.skewed(10, 5000),
    extraMs: random.skewed(5, 6000),
  }),
  (random, ground) => ({ kind: 'disk-refuses', host: host(random, ground), nth: random.skewed(1, 40) }),
  (random, ground) => {
    const byMs = random.pick([-1, 1]) * random.skewed(100, 20_000_000);
    return { kind: 'clock', host: host(random, ground), atMs: when(random, ground), byMs };
  },
  (random, ground) => {
    const byMs = random.pick([-1, 1, 1]) * random.skewed(100, 20_000_000);
    return { kind: 'broker-clock', atMs: when(random, ground), byMs };
  },
  (random) => ({
    kind: 'effect',
    nth: random.skewed(1, 24),
    how: random.pick(troubles),
    ms: random.skewed(50, 90_000),
  }),
  (random, ground) => ({ kind: 'broker-restart', atMs: when(random, ground), ms: random.skewed(5, 10_000) }),
];

const twin: Draw = (random, ground) => {
  const how = random.pick(['name', 'ledger', 'both'] as const);
  return { kind: 'twin', host: host(random, ground), atMs: when(random, ground), ms: random.skewed(500, 12_000), how };
};

/** Which stores go back, and how long after the copy. */
const drawRollback = (random: Random, { hosts }: FaultGround) => {
  const log = random.chance(0.6);
  const some = hosts.filter(() => random.chance(0.5));
  const ledgers = log || some.length > 0 ? some : [random.pick(hosts)];
  const laterMs = random.skewed(50, 6000);
  const everyone = random.chance(0.5);
  return { laterMs, ledgers, log, everyone, downMs: random.skewed(20, 4000) };
};

const byLosing: Readonly<Record<Losing, readonly Draw[]>> = {
  nothing: [],
  ledgers: [
    (random, ground) => {
      const how = random.chance(0.5) ? 'deleted' : 'corrupt';
      const name = host(random, ground);
      return { kind: 'ledger-lost', host: name, atMs: when(random, ground), downMs: downtime(random), how };
    },
  ],
  log: [
    (random, ground) => ({
      kind: 'broker-truncated',
      atMs: whenLost(random, ground),
      ms: random.skewed(5, 5000),
      // A short end may be all that a host has read, and nothing that it has sent.
      messages: random.chance(0.4) ? random.int(1, 3) : random.skewed(1, 60),
      quarantined: random.int(0, 2),
      leases: random.int(0, 5),
      everyone: random.chance(0.5),
    }),
    (random, ground) => ({ kind: 'broker-wiped', atMs: whenLost(random, ground), ms: random.skewed(5, 5000) }),
  ],
  back: [(random, ground) => ({ kind: 'rollback', atMs: when(random, ground), ...drawRollback(random, ground) })],
  retention: [
    (random, ground) => ({
      kind: 'retention',
      host: host(random, ground),
      atMs: when(random, ground),
      downMs: random.skewed(200, 4000),
      ledgerToo: random.chance(0.3),
    }),
  ],
};

const withTwins: readonly Draw[] = [...always, twin];

type Aim = (random: Random, ground: FaultGround) => readonly Fault[];

/** Faults aimed at what chance alone hits too seldom: the few moments on which a promise turns. */
const aims: readonly Aim[] = [
  (random) => {
    const how = random.chance(0.5) ? 'kill' : 'power';
    return [{ kind: 'deed', nth: random.int(1, 2), how, laterMs: random.skewed(1, 60), downMs: downtime(random) }];
  },
  (random) => [{ kind: 'announcement', nth: random.int(1, 2), downMs: downtime(random) }],
  (random) => {
    const how = random.pick(troubles);
    return [{ kind: 'effect', nth: random.int(1, 2), how, ms: random.skewed(50, 90_000), once: true }];
  },
  // Messages that get lost one by one: others wait behind them.
  (random, ground) =>
    Array.from({ length: 6 }, () => {
      return { kind: 'publish', host: host(random, ground), nth: random.skewed(1, 60), how: 'lost', ms: 0 };
    }),
];

const aimsAtLog: readonly Aim[] = [
  (random, ground) => {
    const point = random.pick(['in-log', 'in-log', 'before-publish', 'after-publish', 'after-commit'] as const);
    const place = { host: host(random, ground), point, nth: random.skewed(1, 40) };
    return [{ kind: 'broker-cut', ...place, ms: random.skewed(5, 2000), messages: random.int(1, 3) }];
  },
  // What was said to a role is lost before the role has heard it.
  (random, ground) => {
    const name = host(random, ground);
    const atMs = when(random, ground);
    const slow = ground.lanes(name).map((lane): Fault => ({ kind: 'slow-lane', host: name, lane, atMs, ms: 3000 }));
    return [...slow, { kind: 'broker-wiped', atMs: atMs + random.skewed(20, 1500), ms: random.skewed(5, 2000) }];
  },
];

/** What is on its way to a log that loses its end comes into it alone. */
const aloneInLog: Aim = (random, { hosts, lanes }) => {
  const talkers = hosts.filter((name) => lanes(name).includes('orchestrator'));
  const place = { host: random.pick(talkers), point: 'before-publish', nth: random.int(2, 12) } as const;
  const stallMs = random.int(1000, 4000);
  return [{ kind: 'broker-cut', ...place, ms: random.skewed(5, 900), messages: random.int(2, 60), stallMs }];
};

/** The hosts of a service that share its work, one of them or all. */
const starved = (random: Random, { hosts, untilMs }: FaultGround): Fault => {
  const service = hosts.find(isFurther)?.replace(/-\d$/, '') ?? '';
  const all = hosts.filter((name) => name === service || (name.startsWith(`${service}-`) && isFurther(name)));
  const some = random.chance(0.3) ? [random.pick(all)] : all;
  return { kind: 'starved', hosts: some, atMs: random.int(HOSTS_KNOWN_MS, untilMs), stepMs: random.skewed(20, 800) };
};

/** Two put-backs: the second copy is of the time that the first one ends, so that two pasts stand side by side. */
const twoPasts = (random: Random, { hosts }: FaultGround): readonly Fault[] => {
  const some = (share: number) => hosts.filter(() => random.chance(share));
  const how = () => ({ everyone: random.chance(0.5), downMs: random.skewed(20, 800) });
  const atMs = random.int(0, 1800);
  const laterMs = random.int(200, 1500);
  const betweenMs = random.int(20, laterMs);
  const log = random.chance(0.7);
  const ledgers = log ? some(0.3) : [random.pick(hosts)];
  const untilMs = laterMs - betweenMs + random.int(100, 3000);
  return [
    { kind: 'rollback', atMs, laterMs, ledgers: some(0.8), log: true, ...how() },
    { kind: 'rollback', atMs: atMs + betweenMs, laterMs: untilMs, ledgers, log, ...how() },
  ];
};

/** Kinds at once, and faults of one kind at most: more only hide each other. */
const KINDS_MAX = 5;
/** Share of the runs in which one fault is aimed. */
const AIMED = 0.3;
/** Share of those that lose their log in which something is on its way to it then. */
const ALONE = 0.15;
/** Share of those that go back in which the copy is of the moment before a deed is announced. */
const BEFORE_WORD = 0.5;
/** Share of those in which a copy is put back of a past that an earlier put-back has ended. */
const TWO_PASTS = 0.15;
/** Share of the runs with several hosts of a service in which those get little of their processor. */
const STARVED = 0.2;
const EACH_MAX = 4;

export function drawFaults(random: Random, ground: FaultGround, losing: Losing): Fault[] {
  const faults: Fault[] = [];
  const kinds = random.int(0, KINDS_MAX);
  for (let kind = 0; kind < kinds; kind += 1) {
    const draw = random.pick(losing === 'nothing' || losing === 'ledgers' ? withTwins : always);
    for (let count = random.skewed(1, EACH_MAX); count > 0; count -= 1) faults.push(draw(random, ground));
  }
  // Of a log that was cut a standby may have met too little to see it: docs/reliability.md, known limits.
  const losses = byLosing[losing].slice(losing === 'log' && hasStandby(ground) ? 1 : 0);
  if (losses.length > 0) {
    for (let count = random.int(1, losing === 'retention' ? 1 : 2); count > 0; count -= 1)
      faults.push(random.pick(losses)(random, ground));
  }
  const aiming = random.fork('aims');
  if (aiming.chance(AIMED))
    faults.push(...aiming.pick(losing === 'log' ? [...aims, ...aimsAtLog] : aims)(aiming, ground));
  const between = random.fork('before the word');
  if (losing === 'back' && between.chance(BEFORE_WORD))
    faults.push({ kind: 'rollback-before-word', nth: between.int(1, 2), ...drawRollback(between, ground) });
  const pasts = random.fork('two pasts');
  if (losing === 'back' && pasts.chance(TWO_PASTS)) faults.push(...twoPasts(pasts, ground));
  const starving = random.fork('starving');
  // Of a log that was made anew a host is waited for until a limit: docs/reliability.md, known limits.
  if (hasStandby(ground) && losing !== 'log' && starving.chance(STARVED)) faults.push(starved(starving, ground));
  const alone = random.fork('alone in a lost log');
  if (losing === 'log' && !hasStandby(ground) && alone.chance(ALONE)) faults.push(...aloneInLog(alone, ground));
  return faults;
}
