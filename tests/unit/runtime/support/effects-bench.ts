/**
 * Effects on a fake clock, around couriers that wait for `fetch`. Owns: a handler that a test steers, actors that are
 * told what becomes of it, and when a record is in both stores. Does not own: the journal; a record here is a number.
 */

import type { CrashPoint } from '../../../../actors/runtime/crash-points.ts';
import type { EffectOwner } from '../../../../actors/runtime/effects/effect-job.ts';
import { createEffects, type Effects } from '../../../../actors/runtime/effects/effects.ts';
import { defaultLimits, type RuntimeLimits } from '../../../../actors/runtime/limits.ts';
import { type AttemptFacts, untraced } from '../../../../actors/runtime/ports.ts';
import type { EffectContext, EffectHandler, Role } from '../../../../actors/runtime/role.ts';
import type { Actor, EffectRow } from '../../../../actors/runtime/tasks/actor.ts';
import { step } from '../../../../actors/runtime/tasks/step.ts';
import { type MeshEvent, nameOf } from '../../../../schemas/events/envelope.ts';
import type { ErrorInfo } from '../../../../schemas/events/generated.ts';
import { type Door, door } from './bent-bus.ts';
import { courier } from './courier.ts';
import { eventOf, loggedAt } from './events.ts';
import { createFakeClock, createSilentLog, type FakeClock } from './fake-clock.ts';
import { applied } from './log-run.ts';

/** One run of the handler, held until the test ends it. */
export interface Held {
  readonly input: unknown;
  readonly context: EffectContext;
  succeed(output: unknown): void;
  fail(error: unknown): void;
}

export interface SeenSpan {
  readonly facts: AttemptFacts;
  readonly attributes: Record<string, unknown>;
  ended: { readonly outcome: string; readonly error: unknown } | null;
}

export interface Settled {
  readonly status: 'done' | 'failed' | 'unknown';
  readonly output?: unknown;
  readonly error?: ErrorInfo;
}

export interface Work {
  readonly owner: EffectOwner;
  readonly row: EffectRow;
}

export interface Bench {
  readonly clock: FakeClock;
  readonly effects: Effects;
  readonly owner: EffectOwner;
  /** Runs so far, in order. */
  readonly runs: Held[];
  readonly settled: Settled[];
  /** What the actors were told, by name, in order. */
  readonly entered: string[];
  readonly notes: string[];
  readonly points: CrashPoint[];
  /** Spans begun, with what they were told and how they ended. */
  readonly spans: SeenSpan[];
  /** What is to be remembered of the process' ends, in order: `<key> <crashes>`. */
  readonly remembered: string[];
  /** Who waits for the ledger, while it takes its time; null while it has everything at once. */
  ledger: (() => void)[] | null;
  /** Both stores have the records up to this one. */
  told: number;
  tell(n: number): void;
  /** Nobody can say what was said of the tasks before. */
  doubtful: boolean;
  /** Shut, nobody says yet whether what was asked is still open. */
  readonly asking: Door;
  /** Another host has the partition. */
  lost: boolean;
  /** Why the process takes nothing new now. */
  full: string | null;
  /** How often a commit was asked for at once. */
  hurries: number;
  /** Of the first task, as it is now. */
  row(): EffectRow;
  /** Begins the effect of the first task. */
  begin(change?: Partial<EffectRow>, n?: number, pending?: boolean): void;
  /** Another task of the same role, with its effect. */
  another(nth: number): Work;
}

export interface BenchOptions extends Partial<EffectHandler> {
  /** Whose the work of an actor is, by its task's number. */
  readonly shareOf?: Role['share'];
  readonly crashes?: ReadonlyMap<string, number>;
  readonly waitsForCommit?: boolean;
  readonly isCareful?: () => boolean;
  readonly limits?: Partial<RuntimeLimits>;
  /** Nothing is told until the test says so; the record that armed the effect is the first one. */
  readonly holdsBack?: boolean;
}

function taskOf(nth: number): string {
  return `7c9e6679-7425-40de-944b-e07fc1f9${String(nth).padStart(4, '0')}`;
}

/** The key of the first task's effect. */
export const KEY = `${taskOf(1)}/courier/fetch/1`;

/** Couriers that carry something, and what they are told. */
class Couriers {
  readonly role: Role;
  readonly #actors = new Map<string, Actor>();

  constructor(role: Role) {
    this.role = role;
  }

  find({ task }: EffectOwner): Actor | null {
    return this.#actors.get(task) ?? null;
  }

  work(nth: number): Work {
    const owner = { partition: 0, task: taskOf(nth), role: this.role };
    if (!this.find(owner)) {
      const asked = { step: 'carry', attempt: 1, timeoutMs: 1000, input: { prompt: 'Carry it' } };
      this.tell(owner, eventOf('hop.requested', asked, { correlationId: owner.task }));
    }
    return { owner, row: this.row(owner) };
  }

  row(owner: EffectOwner): EffectRow {
    const found = this.find(owner)?.effects.get('fetch');
    if (!found) throw new Error('no row');
    return found;
  }

  tell(owner: EffectOwner, event: MeshEvent): boolean {
    const result = step(this.role, this.find(owner), loggedAt(event), defaultLimits);
    if (result.kind === 'ignored') return false;
    this.#actors.set(owner.task, applied(result).actor);
    return true;
  }

  change(owner: EffectOwner, row: EffectRow): void {
    const actor = this.find(owner);
    if (actor) this.#actors.set(owner.task, { ...actor, effects: new Map(actor.effects).set(row.effect, row) });
  }
}

export function openBench(options: BenchOptions = {}): Bench {
  const {
    crashes = new Map(),
    waitsForCommit = false,
    isCareful = () => false,
    limits,
    holdsBack = false,
    shareOf,
    ...handling
  } = options;
  const runs: Held[] = [];
  const handler: EffectHandler = {
    ...{ fence: 'pure', attemptsMax: 3, timeoutMs: 10_000, concurrencyMax: 8, queueMax: 1000 },
    run: (input, context) =>
      new Promise((resolve, reject) => runs.push({ input, context, succeed: resolve, fail: reject })),
    ...handling,
  };
  const couriers = new Couriers({
    ...courier,
    effects: { fetch: handler },
    ...(shareOf === undefined ? {} : { share: shareOf }),
  });
  const { owner } = couriers.work(1);
  const clock = createFakeClock();
  let n = 1;
  let waiting: { n: number; callback: () => void }[] = [];
  const bench: Bench = {
    ...{ clock, owner, runs, settled: [], entered: [], notes: [], points: [], spans: [], remembered: [] },
    ...{
      told: holdsBack ? 0 : Number.POSITIVE_INFINITY,
      doubtful: false,
      asking: door(),
      lost: false,
      full: null,
      hurries: 0,
      ledger: null,
    },
    row: () => couriers.row(owner),
    another: (nth) => couriers.work(nth),
    tell(upTo) {
      bench.told = upTo;
      const ready = waiting.filter((one) => one.n <= upTo);
      waiting = waiting.filter((one) => one.n > upTo);
      for (const { callback } of ready) callback();
    },
    begin(change = {}, armedIn = 1, pending = false) {
      couriers.change(owner, { ...couriers.row(owner), ...change });
      bench.effects.begin(owner, couriers.row(owner), armedIn, pending);
    },
    effects: createEffects({
      ...{ clock, log: createSilentLog(), limits: { ...defaultLimits, ...limits }, crashes, waitsForCommit },
      isCareful,
      actorOf: (at) => couriers.find(at),
      isDoubtful: () => bench.doubtful,
      async isOpen() {
        await bench.asking.passed;
        return true;
      },
      enter(at, event) {
        if (bench.lost || !couriers.tell(at, event)) return null;
        bench.entered.push(nameOf(event.type) ?? event.type);
        if (event.type === 'dev.agentmesh.effect.finished.v1') {
          const { key: _key, effect: _effect, armedVersion: _version, ...outcome } = event.data;
          bench.settled.push(outcome);
        }
        n += 1;
        return n;
      },
      whenTold(_partition, wanted, callback) {
        if (wanted <= bench.told) callback();
        else waiting.push({ n: wanted, callback });
      },
      begun: (key, count) => void bench.remembered.push(`${key} ${count}`),
      remembered: () =>
        new Promise((resolve) => {
          if (bench.ledger === null) resolve();
          else bench.ledger.push(resolve);
        }),
      hurry() {
        bench.hurries += 1;
      },
      progress: (_owner, _row, note) => void bench.notes.push(note),
      at: (point) => void bench.points.push(point),
      admission: () => bench.full,
      tracing: {
        ...untraced,
        attempt(facts) {
          const span: SeenSpan = { facts, attributes: {}, ended: null };
          bench.spans.push(span);
          return {
            set: (attributes) => void Object.assign(span.attributes, attributes),
            end: (outcome, error) => {
              span.ended = { outcome, error };
            },
          };
        },
      },
    }),
  };
  return bench;
}

/** The nth run, from 1. */
export function run(bench: Bench, nth = 1): Held {
  const held = bench.runs[nth - 1];
  if (!held) throw new Error(`only ${bench.runs.length} runs`);
  return held;
}
