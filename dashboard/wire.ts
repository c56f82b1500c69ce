/**
 * What travels between the dashboard's process and its pages. Owns: the words of both sides. Does not own: any of them.
 * Types only.
 */
import type { KnowledgeStats, LeftOut } from '../knowledge/port.ts';
import type { ErrorInfo, Loops, Route, TaskInputRequiredData, TokenUsage } from '../schemas/events/generated.ts';
import type { TaskStatus } from '../schemas/events/task-view.ts';

/** A task as the list shows it. */
export interface TaskRow {
  readonly id: string;
  /** Of its latest message of facts in the log. */
  readonly seq: number;
  readonly status: TaskStatus;
  /** The first 240 characters. */
  readonly prompt: string;
  readonly caller: string | null;
  readonly forkOf: string | null;
  readonly route: Route | null;
  readonly hops: number;
  /** Steps that were begun again after they had failed. */
  readonly retries: number;
  readonly loops: Loops | null;
  readonly outcome: string | null;
  readonly engine: string | null;
  /** Why the answer is less than what was asked for. */
  readonly degraded: string | null;
  readonly error: ErrorInfo | null;
  readonly question: Question | null;
  /** Tokens of its finished hops; null where no model server has counted any. */
  readonly usage: TokenUsage | null;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
}

export interface Question {
  /** Of the event that asked: an answer is bound to it. */
  readonly id: string;
  readonly text: string;
  readonly reason: TaskInputRequiredData['reason'];
  readonly choices: readonly string[];
  readonly askedAtMs: number;
}

export interface Board {
  /** Which log it is: another one has other sequences. */
  readonly log: string;
  /** Everything up to this sequence is in it. */
  readonly seq: number;
  readonly rows: readonly TaskRow[];
}

/** A fact, with long texts cut; the whole is fetched by its place. */
export interface WireFact {
  readonly seq: number;
  readonly index: number;
  readonly id: string;
  /** Without `dev.agentmesh.` and the version. */
  readonly type: string;
  readonly atMs: number;
  readonly storedAtMs: number;
  readonly from: string;
  readonly to: string;
  readonly cause: string;
  readonly data: unknown;
  /** Size of the whole data, characters of its JSON; null when nothing was cut. */
  readonly cutFrom: number | null;
}

/** What the journals tell beside the facts: what went wrong on the way. */
export type Mark =
  | {
      /** `crash`: its process ended without a word; `restart`: it had stopped in order. At work again at that time. */
      readonly kind: 'crash' | 'restart';
      readonly atMs: number;
      readonly seq: number;
      readonly service: string;
    }
  | {
      readonly kind: 'retry';
      readonly atMs: number;
      readonly seq: number;
      readonly service: string;
      readonly role: string;
      readonly effect: string;
      readonly attempt: number;
      readonly reason: string;
    };

export interface Story {
  readonly id: string;
  readonly log: string;
  readonly seq: number;
  readonly facts: readonly WireFact[];
  readonly marks: readonly Mark[];
  /** How long its caller lets it take, milliseconds; null when it is as long as its workflow says. */
  readonly deadlineMs: number | null;
  /** More facts than are shown. */
  readonly dropped: number;
}

/** An attempt of an effect, as the trace of the task tells. */
export interface EffectSpan {
  readonly id: string;
  /** Such as `agent.llm_call`. */
  readonly name: string;
  readonly role: string;
  /** 0 for what belongs to no hop. */
  readonly hop: number;
  readonly attempt: number;
  readonly startMs: number;
  readonly endMs: number;
  /** `done`, `failed`, `cancelled` or `cut_off`. */
  readonly outcome: string;
  /** A model, a tool, an engine: what was at work; empty when nobody says. */
  readonly by: string;
  readonly usage: TokenUsage | null;
  /** A code, or why it was cut off; null when nothing went wrong. */
  readonly failure: string | null;
  /** Why it follows another attempt: `crash`, `retry`, `takeover`; null for a first one. */
  readonly cause: string | null;
  /** What the crash before it cost. */
  readonly lostMs: number | null;
}

/** Spans of a task since the last time it was asked. */
export interface Trace {
  readonly seq: number;
  readonly spans: readonly EffectSpan[];
}

export interface ServiceRow {
  readonly service: string;
  readonly host: string;
  readonly pid: number;
  readonly state: 'starting' | 'ready' | 'silent' | 'stopped';
  readonly roles: readonly string[];
  readonly version: string;
  readonly startedAtMs: number;
  readonly heardAtMs: number;
  readonly lag: number | null;
  readonly pending: number | null;
  readonly instances: number | null;
  /** How many it has, by role. */
  readonly partitions: Readonly<Record<string, number>>;
  readonly saturated: string | null;
  readonly capabilities: readonly string[];
  readonly capacity: Readonly<Record<string, number>>;
  readonly memoryMb: number | null;
  /** Memory, MiB, at even times, the latest last. */
  readonly memory: readonly number[];
  readonly breakers: readonly { name: string; state: string; failures: number; reason: string | null }[];
  readonly problems: readonly string[];
}

/** Who wrote the latest record of a journal. */
export interface PartitionOwner {
  readonly service: string;
  readonly partition: number;
  readonly host: string;
  readonly records: number;
  readonly atMs: number;
}

export type { QuarantineEntry as QuarantineRow } from '../task-client/quarantine.ts';

export interface Token {
  readonly task: string;
  readonly requestId: string;
  readonly attempt: number;
  readonly number: number;
  readonly purpose: string;
  readonly text: string;
}

/** What is indexed, and what was left out of it. */
export interface KnowledgeRoom extends KnowledgeStats {
  readonly leftOut: readonly (LeftOut & { readonly words: string })[];
}

/** How much the mesh tells of itself. */
export interface Observation {
  readonly mode: 'shipping' | 'debug';
  /** Full telemetry, for a time; null when no window is open. */
  readonly window: {
    readonly id: string;
    /** Why, for people. */
    readonly cause: string;
    readonly leftMs: number;
    readonly forMs: number;
    readonly byHand: boolean;
  } | null;
}

/** What the process of the dashboard reaches. */
export interface Links {
  readonly nats: boolean;
  readonly gateway: boolean;
}

/** What the page may do, and what it should know at its start. */
export interface Surroundings {
  readonly version: string;
  /** Services may be killed from the page. */
  readonly chaos: boolean;
  /** Of a million tokens, in whatever currency it was set in; null when none is set. */
  readonly price: TokenUsage | null;
  readonly workflows: readonly WorkflowShape[];
}

export interface WorkflowShape {
  readonly name: string;
  readonly description: string;
  readonly steps: readonly { readonly step: string; readonly role: string; readonly optional: boolean }[];
  readonly loop: { readonly review: string; readonly revise: string; readonly maxCycles: number } | null;
  /** How long a task may take whose caller does not say, milliseconds. */
  readonly deadlineMs: number | null;
}

export type Command =
  | { readonly kind: 'submit'; readonly prompt: string; readonly workflow: string; readonly id: string }
  | { readonly kind: 'cancel'; readonly task: string; readonly reason: string }
  | { readonly kind: 'respond'; readonly task: string; readonly text: string; readonly question: string }
  | {
      readonly kind: 'fork';
      readonly task: string;
      readonly hop: number;
      readonly prompt: string;
      readonly id: string;
    }
  | { readonly kind: 'redrive'; readonly seq: number }
  | { readonly kind: 'mode'; readonly mode: Observation['mode'] }
  /** Null closes it. */
  | { readonly kind: 'window'; readonly forMs: number | null }
  | { readonly kind: 'kill'; readonly service: string };

export type Outcome =
  | { readonly ok: true; readonly task?: string; readonly note?: string }
  | { readonly ok: false; readonly code: string; readonly message: string };
