/**
 * What the author of a role writes. Owns: the form of a role, its machine's events in and out, and its effects.
 * Does not own: running any of it.
 *
 * A machine is plain XState v5 and pure (S2). It becomes durable like this:
 * - an incoming event arrives as `{type: 'hop.requested', data, sender, hop, loops, atMs}`;
 * - `emit(() => out(…))` becomes an event in the log;
 * - `invoke` becomes an effect row, run by the host through the role's effects, its result fed back through the log;
 * - `after` becomes a timer row that keeps its deadline over crashes.
 */
import { type AnyMachineSnapshot, type AnyStateMachine, type EventObject, fromPromise } from 'xstate';
import type { EventName } from '../../schemas/events/envelope.ts';
import type { DataByName } from '../../schemas/events/generated.ts';
import type { Share } from './effects/fair-queue.ts';
import type { AttemptSpan, RuntimeLog } from './ports.ts';

/**
 * An event as a machine sees it. `atMs` is when it was applied, by the host's clock: shown, never compared. `upMs` is
 * what the clock of its partition says: limits are reckoned by it (J6). A machine may know no other time.
 */
export type Incoming<N extends EventName> = {
  [K in N]: {
    type: K;
    data: DataByName[K];
    id: string;
    sender: string;
    recipient: string;
    hop: number;
    loops: number;
    atMs: number;
    upMs: number;
  };
}[N];

/**
 * An effect of the machine waits for its turn, or its turn has come after that was said. Told only of waits that last;
 * a machine that has nothing to do then need not listen.
 */
export interface EffectWaiting {
  readonly type: 'effect.waiting';
  /** The invoke's id. */
  readonly effect: string;
  readonly waiting: boolean;
  /** How many have their turn before it. */
  readonly ahead: number;
  readonly atMs: number;
  readonly upMs: number;
}

/** The recipient of facts: whoever watches the task. */
export const WATCHERS = 'watchers';

export interface Outgoing {
  readonly type: 'out';
  readonly name: EventName;
  /** A role, or WATCHERS for a public fact. */
  readonly to: string;
  /** Delivered to this role, which relays; the envelope names `to`. */
  readonly via?: string;
  /** Passed on for others: the envelope names these as sender and recipient. */
  readonly relay?: { readonly from: string; readonly to: string };
  readonly data: DataByName[EventName];
  /** Somebody outside waits for this fact: the commit it rests on does not wait for its window. */
  readonly awaited?: boolean;
  /** Hops and loops in the envelope; those of the event being answered when absent. */
  readonly hop?: number;
  readonly loops?: number;
}

/** An event to send: `emit(({context}) => out('hop.replied', 'orchestrator', {…}))`. */
export function out<N extends EventName>(
  name: N,
  to: string,
  data: DataByName[N],
  options: Pick<Outgoing, 'via' | 'relay' | 'awaited' | 'hop' | 'loops'> = {},
): Outgoing {
  return { type: 'out', name, to, data, ...options };
}

/** Placeholder for `setup({actors})`: types the input and output of an effect; the host runs the real one. */
export function effectLogic<I, O>() {
  return fromPromise<O, I>(() => Promise.reject(new Error('effects are run by the host')));
}

/**
 * How an effect may be repeated (S6).
 * - `pure`: no trace outside; repeated freely.
 * - `keyed`: the other side knows the idempotency key; repeated with the same key.
 * - `once`: may not be repeated. Recorded before it runs; cut off, its outcome is unknown.
 */
export type Fence = 'pure' | 'keyed' | 'once';

export interface EffectContext {
  /** The idempotency key, the same at every attempt. */
  readonly key: string;
  /** From 1. */
  readonly attempt: number;
  readonly correlationId: string;
  /** Whose turn it is counted as where it waits; what it asks of pools of workers goes there under it. */
  readonly share: Share;
  /** Aborts on cancel, time-out, missed heartbeat and shutdown. */
  readonly signal: AbortSignal;
  /** Says that the effect is alive; the note is shown to watchers, at most one a second. */
  heartbeat(note?: string): void;
  /**
   * Says that it waits for its turn at something, with how many there are ahead, or by null that its turn has come. Its
   * time stands still meanwhile; waiting has a limit of its own (`waitMsMax` of the host).
   */
  waits(ahead: number | null): void;
  readonly log: RuntimeLog;
  /** What the attempt's span says beside what the host knows; goes nowhere when spans are not collected. */
  readonly span: Pick<AttemptSpan, 'set' | 'content'>;
}

export interface EffectHandler {
  readonly fence: Fence | ((input: unknown) => Fence);
  /** Attempts after failures that are retryable. */
  readonly attemptsMax: number;
  readonly timeoutMs: number;
  /** Without a heartbeat for this long the attempt is aborted; absent: no heartbeat is asked for. */
  readonly heartbeatMs?: number;
  /** How many may run at once in this host; the others queue. */
  readonly concurrencyMax: number;
  /**
   * How many may wait in this host, those of a caller who has less than a part of them besides; one more is refused for a
   * while, and then fails as `overloaded`.
   */
  readonly queueMax: number;
  /** Whose turn it is counted as while it waits; absent: that of its actor. */
  share?(input: unknown): Share;
  run(input: unknown, context: EffectContext): Promise<unknown>;
}

type EffectOptions<I> = {
  fence: Fence | ((input: I) => Fence);
  attemptsMax?: number;
  timeoutMs: number;
  heartbeatMs?: number;
  concurrencyMax?: number;
  queueMax?: number;
  share?: (input: I) => Share;
};

/** A backlog of minutes even for quick effects: more would be done after whoever waits has given up. */
const QUEUE_MAX_DEFAULT = 10_000;

/** An effect with the types of its `effectLogic`. Three attempts, eight at once, a long queue, unless told otherwise. */
export function effect<I, O>(
  options: EffectOptions<I>,
  run: (input: I, context: EffectContext) => Promise<O>,
): EffectHandler {
  const { fence, share } = options;
  // The input was made by the machine whose effectLogic<I, O>() this is: the types meet here and nowhere else.
  return {
    fence: typeof fence === 'function' ? (input) => fence(input as I) : fence,
    attemptsMax: options.attemptsMax ?? 3,
    timeoutMs: options.timeoutMs,
    ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
    concurrencyMax: options.concurrencyMax ?? 8,
    queueMax: options.queueMax ?? QUEUE_MAX_DEFAULT,
    ...(share === undefined ? {} : { share: (input: unknown) => share(input as I) }),
    run: (input, context) => run(input as I, context),
  };
}

export type EffectHandlers = Readonly<Record<string, EffectHandler>>;

/** The pure half of a role: `machine.ts` exports it as `role`. */
export interface RoleDefinition {
  /** Also the folder's name and the role's word in subjects. */
  readonly name: string;
  /** The process that hosts it: agents, llm or tools. */
  readonly service: string;
  /** Roles that it asks for help: what needs it needs them as well. */
  readonly asks?: readonly string[];
  /** Roles that it asks for help where they can give it, and otherwise does without. */
  readonly asksAlso?: readonly string[];
  /** Time of work that a step of it needs, milliseconds, unless its workflow says otherwise. */
  readonly stepMs?: number;
  /** It does what may not be repeated: asked to stop, it answers with what it had begun. */
  readonly confirmsCancel?: boolean;
  /** Events that may begin an instance; any other for an unknown task is quarantined. */
  readonly startsOn: readonly EventName[];
  /**
   * Its machines by version, ascending. An actor begins on the newest one and stays on it for as long as its task is open
   * (S11), so an old machine stays listed until no actor of its time is left. Roles count their versions each by itself.
   */
  readonly versions: readonly RoleVersion[];
  /** Its versions never had to do with releases: one of its actors of which nothing is written began on version 1. */
  readonly countsFromOne?: boolean;
}

/**
 * The last release by which all machines were counted together. Shipped roles count on from there, each by itself: version 5
 * of one says nothing of another. Events go on to carry it; a task that says an older one began before.
 */
export const RELEASE = 4;

export interface RoleVersion {
  /** Its number; up to 4, of a shipped role, the release that brought it: the first of its own is 5. */
  readonly since: number;
  readonly machine: AnyStateMachine;
  /**
   * Why the machine takes nothing of an event in its state, so that it goes into quarantine instead of passing without a
   * trace; null for what it takes. Pure. What it refuses is recorded as refused: adding it to a version that tasks run on
   * would refuse what their journal says was applied, so it comes with a new version.
   */
  refuses?(snapshot: AnyMachineSnapshot, event: EventObject): { readonly code: string; readonly reason: string } | null;
}

/** What the author of a machine is told about a task that cannot go on with it. */
export const NEXT_VERSION =
  'where it was changed under open tasks, put the machine from before into `earlier` and give the changed one the next `version`';

/** A role with its effects bound to real ports. */
export interface Role extends RoleDefinition {
  readonly effects: EffectHandlers;
  /** Whose turn the work of an actor is counted as, by the context of its machine; absent: all of them are one line. */
  share?(context: unknown): Share;
}

/** By the role: the versions of machines on which actors began. */
export type Versions = Readonly<Record<string, number>>;

/** What an actor begins on that begins now: the newest, unless its task is older than versions of its own are. */
export function newestFor(role: RoleDefinition, release: number): RoleVersion | null {
  return release < RELEASE ? unwrittenFor(role, release) : (role.versions.at(-1) ?? null);
}

/** What an actor began on of which the journal says nothing. */
export function unwrittenFor({ versions, countsFromOne }: RoleDefinition, release: number): RoleVersion | null {
  if (countsFromOne) return versions.find(({ since }) => since === 1) ?? null;
  return versions.findLast(({ since }) => since <= release) ?? null;
}
