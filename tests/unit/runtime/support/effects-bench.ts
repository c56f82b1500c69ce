/**
 * Effects on a fake clock, around one courier that waits for `fetch`. Owns: a handler that a test steers, and what the
 * effects said. Does not own: the log, the ledger or the lease; `announce` answers as the test wants.
 */
import type { CrashPoint } from '../../../../actors/runtime/crash-points.ts';
import { createEffects, type Effects } from '../../../../actors/runtime/effects.ts';
import type { Instances, Slot } from '../../../../actors/runtime/instances.ts';
import type { AttemptFacts } from '../../../../actors/runtime/ports.ts';
import type { EffectContext, EffectHandler, Role } from '../../../../actors/runtime/role.ts';
import type { Outcome } from '../../../../actors/runtime/settlement.ts';
import { type EffectRow, step } from '../../../../actors/runtime/step.ts';
import { courier } from './courier.ts';
import { eventOf, START_MS } from './events.ts';
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

export interface Bench {
  readonly clock: FakeClock;
  readonly effects: Effects;
  readonly slot: Slot;
  /** Runs so far, in order. */
  readonly runs: Held[];
  readonly settled: Outcome[];
  readonly announced: number[];
  readonly notes: string[];
  readonly points: CrashPoint[];
  /** Spans begun, with what they were told and how they ended. */
  readonly spans: SeenSpan[];
  /** What the lease says when an effect is announced. */
  owned: Promise<boolean>;
  /** The log and the ledger of the task were both lost. */
  doubtful: boolean;
  /** Why the process takes nothing new now. */
  full: string | null;
  row(): EffectRow;
  begin(row?: Partial<EffectRow>): void;
  /** Another task of the same role. */
  another(nth: number): Slot;
}

export function openBench(options: Partial<EffectHandler> = {}): Bench {
  const runs: Held[] = [];
  const handler: EffectHandler = {
    ...{ fence: 'pure', attemptsMax: 3, timeoutMs: 10_000, concurrencyMax: 8, queueMax: 1000 },
    run: (input, context) =>
      new Promise((resolve, reject) => runs.push({ input, context, succeed: resolve, fail: reject })),
    ...options,
  };
  const role: Role = { ...courier, effects: { fetch: handler } };
  const slotOf = (id: number): Slot => {
    const asked = { step: 'carry', attempt: 1, timeoutMs: 1000, input: { prompt: 'Carry it' } };
    const correlationId = `7c9e6679-7425-40de-944b-e07fc1f9${String(id).padStart(4, '0')}`;
    const event = eventOf('hop.requested', asked, { correlationId });
    const { instance } = applied(step(role, null, { event, atMs: START_MS }));
    return { id, role, partition: 0, instance, batch: 0 };
  };
  const slot = slotOf(1);
  const clock = createFakeClock();
  const bench = {
    settled: [] as Outcome[],
    announced: [] as number[],
    notes: [] as string[],
    points: [] as CrashPoint[],
    spans: [] as SeenSpan[],
  };
  const replace = (at: Slot, row: EffectRow): void => {
    at.instance = { ...at.instance, effects: new Map(at.instance.effects).set(row.effect, row) };
  };
  const row = (): EffectRow => {
    const found = slot.instance.effects.get('fetch');
    if (!found) throw new Error('no row');
    return found;
  };
  const opened: Bench = {
    ...bench,
    ...{ clock, slot, runs, row },
    owned: Promise.resolve(true),
    doubtful: false,
    full: null,
    effects: createEffects({
      clock,
      log: createSilentLog(),
      instances: { updateEffect: replace } as Pick<Instances, 'updateEffect'> as Instances,
      settle: (at, settledRow, outcome) => {
        replace(at, { ...settledRow, state: 'settled' });
        bench.settled.push(outcome);
      },
      announce: (_slot, _row, attempt) => {
        bench.announced.push(attempt);
        return opened.owned;
      },
      mayHaveBegun: () => opened.doubtful,
      progress: (_slot, _row, note) => void bench.notes.push(note),
      at: (point) => void bench.points.push(point),
      admission: () => opened.full,
      tracing: {
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
    begin(change = {}) {
      replace(slot, { ...row(), ...change });
      opened.effects.begin(slot, row());
    },
    another: slotOf,
  };
  return opened;
}

/** The nth run, from 1. */
export function run(bench: Bench, nth = 1): Held {
  const held = bench.runs[nth - 1];
  if (!held) throw new Error(`only ${bench.runs.length} runs`);
  return held;
}
