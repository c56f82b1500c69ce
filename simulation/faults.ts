/**
 * What can go wrong in a run. Owns: the kinds of fault, and the name under which each is counted. Does not own: which ones
 * a seed has (`draw-faults.ts`), or making them happen (`fault-plan.ts`, `hosts.ts`).
 */
import type { CrashPoint } from '../actors/runtime/crash-points.ts';

/** Time to live of a lease in a run: who is silent for longer has lost it to a standby. */
export const LEASE_TTL_MS = 5000;

export type Fault =
  /** The process dies, or is suspended for a while, at the n-th passing of a point. */
  | { kind: 'crash'; host: string; point: CrashPoint; nth: number; how: 'kill' | 'power'; downMs: number }
  | { kind: 'stall'; host: string; point: CrashPoint; nth: number; ms: number }
  /** The same at a moment. */
  | { kind: 'kill'; host: string; atMs: number; how: 'kill' | 'power'; downMs: number }
  | { kind: 'pause'; host: string; atMs: number; ms: number }
  | { kind: 'stop'; host: string; atMs: number; downMs: number }
  /** From the n-th publish on the stream takes nothing for a while, or this one only; or its acknowledgement is lost; or it arrives twice. */
  | { kind: 'publish'; host: string; nth: number; how: 'lost' | 'ack-lost' | 'duplicate'; ms: number }
  /** What one role reads comes late, the others' does not. */
  | { kind: 'slow-lane'; host: string; lane: string; atMs: number; ms: number }
  | { kind: 'cut'; host: string; atMs: number; ms: number }
  /** The connection stays, and nothing passes it for a while. */
  | { kind: 'hang'; host: string; atMs: number; ms: number }
  /** From then on whatever passes the border of these processes takes so long each: others have their processor. */
  | { kind: 'starved'; hosts: readonly string[]; atMs: number; stepMs: number }
  | { kind: 'slow-disk'; host: string; atMs: number; ms: number; extraMs: number }
  | { kind: 'disk-refuses'; host: string; nth: number }
  | { kind: 'ledger-lost'; host: string; atMs: number; downMs: number; how: 'deleted' | 'corrupt' }
  | { kind: 'clock'; host: string; atMs: number; byMs: number }
  | { kind: 'broker-clock'; atMs: number; byMs: number }
  /** `once`: only effects that may not be repeated are counted. */
  | { kind: 'effect'; nth: number; how: EffectTrouble; ms: number; once?: true }
  /** Soon after the n-th deed that may not be repeated, before anybody was told of it, its process dies. */
  | { kind: 'deed'; nth: number; how: 'kill' | 'power'; laterMs: number; downMs: number }
  /** A process is stopped in order when it says for the n-th time that such a deed begins. */
  | { kind: 'announcement'; nth: number; downMs: number }
  | { kind: 'broker-restart'; atMs: number; ms: number }
  /** The broker comes back without its newest messages; `everyone`: the hosts lose power with it. */
  | {
      kind: 'broker-truncated';
      atMs: number;
      ms: number;
      messages: number;
      quarantined: number;
      leases: number;
      everyone: boolean;
    }
  | { kind: 'broker-wiped'; atMs: number; ms: number }
  /** The broker loses its newest messages at the n-th passing of a point; the process may be suspended there meanwhile. */
  | { kind: 'broker-cut'; host: string; point: CrashPoint; nth: number; ms: number; messages: number; stallMs?: number }
  /** Stores are copied, and some time later they are what they were then. */
  | {
      kind: 'rollback';
      atMs: number;
      laterMs: number;
      ledgers: readonly string[];
      log: boolean;
      everyone: boolean;
      downMs: number;
    }
  /**
   * The same for a copy of the moment in which an effect that may not be repeated is asked for, and nobody has said yet
   * that it begins: the n-th such moment.
   */
  | {
      kind: 'rollback-before-word';
      nth: number;
      laterMs: number;
      ledgers: readonly string[];
      log: boolean;
      everyone: boolean;
      downMs: number;
    }
  /** Somebody starts a second process with the name of one that runs, or with a copy of its ledger, or both. */
  | { kind: 'twin'; host: string; atMs: number; ms: number; how: 'name' | 'ledger' | 'both' }
  /** The log drops by age what a host has not read, or has read into a ledger that is lost. It must be said. */
  | { kind: 'retention'; host: string; atMs: number; downMs: number; ledgerToo: boolean };

export type EffectTrouble =
  /** Takes long. */
  | 'slow'
  /** Fails before it did anything: may be tried again, or not. */
  | 'retryable'
  | 'terminal'
  /** Never ends by itself; ends when aborted. */
  | 'hangs'
  /** Does not listen to the abort either. */
  | 'deaf'
  /** Does its deed and fails all the same. */
  | 'fails-after';

/** The points of the runtime, with the compiler's word that none is missing. */
const points: Record<CrashPoint, true> = {
  'event-read': true,
  'event-applied': true,
  'before-commit': true,
  'in-ledger': true,
  'in-log': true,
  'after-commit': true,
  'before-publish': true,
  'after-publish': true,
  'effect-begun': true,
  'effect-done': true,
  'effect-announced': true,
  'timer-due': true,
};
export const crashPoints = Object.keys(points) as readonly CrashPoint[];
export const troubles: readonly EffectTrouble[] = ['slow', 'retryable', 'terminal', 'hangs', 'deaf', 'fails-after'];

/** Everything that `pointOf` can say: what is in here and never happens is a gap in the simulation. */
export const faultPoints: readonly string[] = [
  ...crashPoints.flatMap((point) => [
    `crash-kill@${point}`,
    `crash-power@${point}`,
    `stall@${point}`,
    `stall-beyond-lease@${point}`,
  ]),
  ...[
    'kill',
    'power',
    'pause',
    'pause-beyond-lease',
    'stop',
    'slow-lane',
    'cut',
    'hang',
    'hang-beyond-lease',
    'starved',
    'slow-disk',
    'disk-refuses',
    'clock',
    'broker-clock',
  ],
  ...['publish-lost', 'publish-ack-lost', 'publish-duplicate', 'ledger-deleted', 'ledger-corrupt'],
  ...troubles.map((how) => `effect-${how}`),
  ...troubles.map((how) => `once-${how}`),
  ...['deed-kill', 'deed-power', 'announcement', 'broker-cut'],
  ...['broker-restart', 'broker-truncated', 'blackout', 'broker-wiped', 'retention', 'retention-and-ledger'],
  ...['rollback-of-ledgers', 'rollback-of-log', 'rollback-of-both', 'twin-name', 'twin-ledger', 'twin-both'],
  ...['rollback-before-word-of-ledgers', 'rollback-before-word-of-log', 'rollback-before-word-of-both'],
];

export function pointOf(fault: Fault): string {
  switch (fault.kind) {
    case 'crash':
      return `crash-${fault.how}@${fault.point}`;
    case 'stall':
      return `${fault.ms > LEASE_TTL_MS ? 'stall-beyond-lease' : 'stall'}@${fault.point}`;
    case 'pause':
      return fault.ms > LEASE_TTL_MS ? 'pause-beyond-lease' : 'pause';
    case 'hang':
      return fault.ms > LEASE_TTL_MS ? 'hang-beyond-lease' : 'hang';
    case 'kill':
      return fault.how;
    case 'publish':
      return `publish-${fault.how}`;
    case 'ledger-lost':
      return `ledger-${fault.how}`;
    case 'effect':
      return `${fault.once ? 'once' : 'effect'}-${fault.how}`;
    case 'deed':
      return `deed-${fault.how}`;
    case 'retention':
      return fault.ledgerToo ? 'retention-and-ledger' : 'retention';
    case 'rollback':
    case 'rollback-before-word':
      return `${fault.kind}-of-${fault.log ? (fault.ledgers.length === 0 ? 'log' : 'both') : 'ledgers'}`;
    case 'twin':
      return `twin-${fault.how}`;
    case 'broker-truncated':
      return fault.everyone ? 'blackout' : 'broker-truncated';
    default:
      return fault.kind;
  }
}

/** Of several hosts of a service the second or the third, by its name. */
export const isFurther = (name: string) => /-[23]$/.test(name);
