/**
 * What the runtime needs from outside besides the bus. Owns: the words. Does not own: any adapter; the real ones are
 * passed in by `services/`, simulated ones by tests.
 */
import type { MeshEvent } from '../../schemas/events/envelope.ts';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some beginning; only grows, whatever is done to the clock. */
  elapsed(): number;
  /** Calls back once after `ms`; the returned function cancels. Long waits are allowed. */
  after(ms: number, callback: () => void): () => void;
  /** Calls back when what is happening now is over, promises that are settled included. */
  soon(callback: () => void): void;
}

/** Structured logging, as pino has it. */
export interface RuntimeLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** One attempt of an effect, before it runs. */
export interface AttemptFacts {
  readonly role: string;
  /** The effect's name in its role. */
  readonly src: string;
  /** The idempotency key. */
  readonly key: string;
  readonly fence: string;
  /** From 1; 0 when the effect was refused before any attempt. */
  readonly attempt: number;
  /** Attempts before this one that failed. */
  readonly failures: number;
  /** Attempts before this one in whose middle a process of this ledger ended. */
  readonly crashes: number;
  /** It was found pending when its partition was opened: another process may have begun it. */
  readonly pending: boolean;
  readonly partition: number;
  readonly correlationId: string;
  readonly hop: number;
  readonly loops: number;
  /** W3C Trace Context of the event that began the actor. */
  readonly traceparent: string;
  /** Since it was wanted or its last attempt failed, milliseconds. */
  readonly waitedMs: number;
  /** How often it was refused meanwhile because a cap was reached. */
  readonly refusals: number;
  /** Effects of this host that wait. */
  readonly queued: number;
}

export interface AttemptSpan {
  /** With the trace of the attempt in its lines; absent, the host's own. */
  readonly log?: RuntimeLog;
  set(attributes: SpanAttributes): void;
  /** What the task is about: asked for only where telling it is allowed. */
  content?(attributes: () => SpanAttributes): void;
  /** @param error what was thrown; null when it went well */
  end(outcome: 'done' | 'failed' | 'cancelled', error: unknown): void;
}

/** An input that was applied to a task, and what its actors said because of it. */
export interface AppliedFacts {
  /** Whom it was told. */
  readonly role: string;
  readonly event: MeshEvent;
  /** When it was applied, milliseconds since the epoch. */
  readonly atMs: number;
  /** `host`: told an actor here at once; `mesh`: to one elsewhere; `fact`: for watchers. */
  readonly said: readonly { readonly to: string; readonly event: MeshEvent; readonly way: 'host' | 'mesh' | 'fact' }[];
  /** Folded from the journal at an opening: it happened before, and nothing is done again. */
  readonly replayed: boolean;
}

/** A partition that was opened, and how its last writer left it. */
export interface OpenedFacts {
  readonly service: string;
  readonly partition: number;
  /** Record of the checkpoint that the fold began with; 0 for none. */
  readonly checkpoint: number;
  /** Records that were folded after it. */
  readonly records: number;
  /** Open tasks. */
  readonly tasks: number;
  /** Of the fold alone, milliseconds. */
  readonly tookMs: number;
  /** Null for a journal without records. `atMs` is the last record's time; `here` when this ledger wrote it. */
  readonly before: {
    readonly host: string;
    readonly atMs: number;
    readonly inOrder: boolean;
    readonly here: boolean;
  } | null;
}

/** Something that the host did for many tasks at once. */
export type HostedFacts =
  | {
      readonly what: 'checkpoint';
      readonly service: string;
      readonly partition: number;
      readonly n: number;
      readonly tasks: number;
    }
  | { readonly what: 'quarantine'; readonly lane: string; readonly seq: number; readonly code: string }
  /** An event for another host is in the log. */
  | {
      readonly what: 'published';
      readonly traceparent: string;
      readonly task: string;
      readonly to: string;
      readonly seq: number;
      readonly tookMs: number;
    };

/**
 * Shows what happens in traces. The runtime knows nothing of where that goes; nothing here may throw, wait, or change
 * what is done.
 */
export interface Tracing {
  attempt(facts: AttemptFacts): AttemptSpan;
  /** The trace context that a task's first event is recorded with: whether its trace is kept is said once, here. */
  admit(traceparent: string): string;
  applied(facts: AppliedFacts): void;
  opened(facts: OpenedFacts): void;
  hosted(facts: HostedFacts): void;
}

const untracedSpan: AttemptSpan = { set: () => undefined, end: () => undefined };
const nothing = (): void => undefined;

/** Costs nothing: for a host whose spans nobody collects. */
export const untraced: Tracing = {
  attempt: () => untracedSpan,
  admit: (traceparent) => traceparent,
  applied: nothing,
  opened: nothing,
  hosted: nothing,
};

/** `setTimeout` cannot wait longer than this, so longer waits go in pieces. */
const TIMEOUT_MAX_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  soon: (callback) => void setImmediate(callback),
  after(ms, callback) {
    let handle: NodeJS.Timeout;
    const wait = (left: number): void => {
      handle = setTimeout(
        () => (left > TIMEOUT_MAX_MS ? wait(left - TIMEOUT_MAX_MS) : callback()),
        Math.min(left, TIMEOUT_MAX_MS),
      );
    };
    wait(Math.max(0, ms));
    return () => clearTimeout(handle);
  },
};
