/**
 * Runs effects. Owns: queueing, attempts, back-off, fencing, and saying how each ended. Does not own: what an effect
 * does, or what its result means.
 *
 * Invariants:
 * 1. An effect that may not be repeated begins only when the log and the disk know that it does, and only while this
 *    host is proven to own the partition (S6, S7).
 * 2. Found begun after a crash, such an effect is settled as `unknown`; it never runs again by itself (S6).
 * 3. Each effect is settled once; whatever comes after the first settlement is dropped.
 * 4. What is refused at a cap has not begun, whatever its fence is; it is refused a few times and then fails, so neither
 *    the queue nor the waiting grows without bound (S8). What had begun before a crash is never refused.
 */
import { hash } from 'node:crypto';
import { parseJson } from '../../schemas/events/envelope.ts';
import { type Attempt, beginAttempt, type Ending } from './attempt.ts';
import type { AtCrashPoint } from './crash-points.ts';
import { createEffectQueues, type EffectStats } from './effect-queues.ts';
import { EffectError, toErrorInfo } from './errors.ts';
import type { Instances, Slot } from './instances.ts';
import type { AttemptFacts, Clock, RuntimeLog, Tracing } from './ports.ts';
import type { EffectContext, EffectHandler, Fence } from './role.ts';
import { EFFECT_RESULT_MAX_BYTES, type Outcome } from './settlement.ts';
import { type EffectRow, keyOf } from './step.ts';

/** Pause before a second attempt, doubled for each further one up to the maximum, milliseconds. */
const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** With its jitter. */
const PAUSE_MAX_MS = BACKOFF_MAX_MS * 1.25;
/** An effect that was running at this many crashes of its process more than its attempts is taken to cause them. */
const CRASHES_MAX = 5;
/** How often an effect is refused at a cap before it fails: with the pauses between, after about six seconds. */
const REFUSALS_MAX = 5;
/** Refusals come in crowds; of one effect's, one in this time is logged. */
const REFUSAL_LOG_EVERY_MS = 5000;
/** Progress facts of one effect, at most one in this time. */
const PROGRESS_EVERY_MS = 1000;

export interface Effects {
  /** Begins an effect, or goes on with one found in the ledger. */
  begin(slot: Slot, row: EffectRow): void;
  /** Aborts the running attempt, forgets a queued one. */
  end(slot: Slot, row: EffectRow): void;
  readonly running: number;
  readonly queued: number;
  stats(): EffectStats[];
  /** Resolves when no effect that may not be repeated is running, or after `limitMs`; no new one begins. */
  onceEnded(limitMs: number): Promise<void>;
  /** Aborts everything without settling it: the rows stay for the next start. */
  stop(): void;
}

export interface EffectsOptions {
  clock: Clock;
  log: RuntimeLog;
  instances: Instances;
  /** Publishes `effect.finished`. */
  settle: (slot: Slot, row: EffectRow, outcome: Outcome) => void;
  /** Publishes `effect.started`; resolves true when log and disk have it and the lease was confirmed after that. */
  announce: (slot: Slot, row: EffectRow, attempt: number) => Promise<boolean>;
  progress: (slot: Slot, row: EffectRow, note: string) => void;
  /** True when nobody can say any more whether this effect has begun before. */
  mayHaveBegun: (slot: Slot, row: EffectRow) => boolean;
  tracing: Tracing;
  /** Why no effect may begin now that has not begun yet, or null: the process is near a cap of its own. */
  admission: () => string | null;
  at: AtCrashPoint;
}

interface Job {
  readonly slot: Slot;
  readonly role: string;
  readonly effect: string;
  readonly armedVersion: number;
  readonly src: string;
  readonly handler: EffectHandler;
  attempt?: Attempt;
  cancelWait?: () => void;
  ended: boolean;
  wantedAtMs: number;
  refusals: number;
}

/** Deterministic jitter of ±25 %, from the key and the attempt. */
function backoffMs(key: string, attempt: number): number {
  const base = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (attempt - 1));
  const random = Number.parseInt(hash('sha256', `${key}/${attempt}`, 'hex').slice(0, 8), 16) / 0xffffffff;
  return Math.round(base * (0.75 + random / 2));
}

export function createEffects(options: EffectsOptions): Effects {
  const { clock, instances } = options;
  const jobs = new Map<string, Job>();
  const onceRunning = new Set<Promise<unknown>>();
  let stopped = false;
  let closing = false;

  const rowOf = (job: Job): EffectRow | undefined => {
    const row = job.slot.instance.effects.get(job.effect);
    return row?.armedVersion === job.armedVersion ? row : undefined;
  };
  const finish = (job: Job, outcome: Outcome): void => {
    const row = rowOf(job);
    jobs.delete(jobKey(job.slot, job));
    if (!row || row.state === 'settled' || job.ended || stopped) return;
    job.ended = true;
    options.settle(job.slot, row, limited(outcome));
  };
  const retryOrFail = (job: Job, row: EffectRow, fence: string, thrown: unknown): void => {
    const error = toErrorInfo(thrown);
    if (fence === 'once') {
      // Only an EffectError is a statement that nothing happened; anything else may have come after the deed.
      const certain = thrown instanceof EffectError && !isAbort(thrown);
      finish(job, certain ? { status: 'failed', error } : unknownOutcome(error.message));
      return;
    }
    if (!error.retryable || row.attempt >= job.handler.attemptsMax) {
      finish(job, { status: 'failed', error });
      return;
    }
    const pauseMs = backoffMs(keyOf(job.slot.instance, row), row.attempt);
    job.wantedAtMs = clock.now();
    instances.updateEffect(job.slot, { ...row, state: 'pending', notBeforeMs: job.wantedAtMs + pauseMs });
    options.log.info(
      { effect: row.effect, attempt: row.attempt, pauseMs, error: error.message },
      'effect failed; trying again',
    );
    job.cancelWait = clock.after(pauseMs, () => enqueue(job));
  };

  const start = async (job: Job): Promise<void> => {
    const row = rowOf(job);
    if (!row || job.ended || stopped || closing) return;
    const attempt = row.attempt + 1;
    if (row.attempt >= job.handler.attemptsMax + CRASHES_MAX) {
      const message = `its process ended ${CRASHES_MAX} times while it ran`;
      finish(job, { status: 'failed', error: { code: 'crashed_repeatedly', message, retryable: false } });
      return;
    }
    const fence = fenceOf(job.handler, row.input);
    if (typeof fence !== 'string') {
      finish(job, fence);
      return;
    }
    if (fence === 'once' && row.started) {
      finish(job, unknownOutcome('it had begun when its process ended, and may not be repeated'));
      return;
    }
    if (fence === 'once' && options.mayHaveBegun(job.slot, row)) {
      finish(job, unknownOutcome('what the log said of it was lost since; it may have been done before'));
      return;
    }
    instances.updateEffect(job.slot, { ...row, state: 'running', attempt, notBeforeMs: 0 });
    if (fence === 'once' && !(await options.announce(job.slot, row, attempt))) {
      // The log says that it began, so whoever owns the task now may not begin it either.
      finish(job, unknownOutcome('it was to begin when its host no longer owned the task'));
      return;
    }
    if (job.ended || stopped) return;
    if (fence === 'once') options.at('effect-announced');
    const span = options.tracing.attempt(factsOf(job, row, fence, attempt));
    const beganMs = clock.now();
    job.attempt = attemptOf(job, attempt, span);
    options.at('effect-begun');
    if (fence === 'once') track(job.attempt.ended);
    const ending = await job.attempt.ended;
    options.at('effect-done');
    span.end(ending.kind, ending.kind === 'failed' ? ending.error : null);
    if (ending.kind !== 'cancelled')
      queues.ended(job, clock.now() - beganMs, ending.kind === 'failed' ? toErrorInfo(ending.error).message : null);
    const latest = rowOf(job);
    if (latest) conclude(job, latest, fence, ending);
  };
  const track = (ended: Promise<unknown>): void => {
    onceRunning.add(ended);
    void ended.then(() => onceRunning.delete(ended));
  };
  const conclude = (job: Job, row: EffectRow, fence: string, ending: Ending): void => {
    switch (ending.kind) {
      case 'done':
        finish(job, { status: 'done', output: ending.output ?? null });
        return;
      case 'failed':
        retryOrFail(job, row, fence, ending.error);
        return;
      case 'cancelled':
        return;
      default:
        throw new Error(`unknown ending ${JSON.stringify(ending satisfies never)}`);
    }
  };
  const factsOf = (job: Job, row: EffectRow, fence: string, attempt: number): AttemptFacts => {
    const { role, src, refusals, slot } = job;
    const { correlationId, hop, loops, traceparent } = slot.instance;
    const waitedMs = Math.max(0, clock.now() - job.wantedAtMs);
    return {
      ...{ role, src, key: keyOf(slot.instance, row), fence, attempt, correlationId, hop, loops, traceparent },
      ...{ waitedMs, refusals, queued: queues.waiting },
    };
  };
  const attemptOf = (job: Job, attempt: number, span: EffectContext['span']): Attempt => {
    const { slot, handler } = job;
    const row = slot.instance.effects.get(job.effect);
    if (!row) throw new Error(`no row of ${job.effect}`);
    let lastNoteMs = 0;
    return beginAttempt({
      handler,
      clock,
      input: row.input,
      context: {
        key: keyOf(slot.instance, row),
        attempt,
        correlationId: slot.instance.correlationId,
        log: options.log,
        span,
      },
      onHeartbeat: (note) => {
        const nowMs = clock.now();
        if (note === '' || nowMs - lastNoteMs < PROGRESS_EVERY_MS) return;
        lastNoteMs = nowMs;
        options.progress(slot, row, note);
      },
    });
  };

  const queues = createEffectQueues<Job>(start);
  const lastRefusals = new Map<string, number>();
  /** Why it may not wait its turn now, or null. What has begun before was admitted then. */
  const refusalOf = (job: Job, row: EffectRow): string | null => {
    if (row.attempt > 0 || row.started) return null;
    if (queues.isFull(job)) return `${job.handler.queueMax} wait already`;
    return options.admission();
  };
  const refuse = (job: Job, row: EffectRow, reason: string): void => {
    const name = `${job.role}/${job.src}`;
    job.refusals += 1;
    queues.refused(job);
    const nowMs = clock.now();
    if (nowMs - (lastRefusals.get(name) ?? Number.NEGATIVE_INFINITY) >= REFUSAL_LOG_EVERY_MS) {
      lastRefusals.set(name, nowMs);
      options.log.warn({ effect: name, reason, waiting: queues.waiting }, 'overloaded: effects are refused');
    }
    if (job.refusals <= REFUSALS_MAX) {
      const pauseMs = backoffMs(keyOf(job.slot.instance, row), job.refusals);
      job.cancelWait = clock.after(pauseMs, () => enqueue(job));
      return;
    }
    const error = new EffectError('overloaded', `${name} takes no more work: ${reason}`, { retryable: true });
    options.tracing.attempt(factsOf(job, row, 'refused', row.attempt)).end('failed', error);
    finish(job, { status: 'failed', error: toErrorInfo(error) });
  };
  const enqueue = (job: Job): void => {
    const row = rowOf(job);
    if (!row || job.ended || stopped) return;
    const reason = refusalOf(job, row);
    if (reason === null) queues.add(job);
    else refuse(job, row, reason);
  };

  return {
    begin(slot, row) {
      if (row.state === 'settled' || jobs.has(jobKey(slot, row))) return;
      const handler = slot.role.effects[row.src];
      const { effect, armedVersion, src } = row;
      const job: Job = {
        ...{ slot, role: slot.role.name, effect, armedVersion, src },
        handler: handler ?? missing(slot.role.name, src),
        ended: false,
        wantedAtMs: clock.now(),
        refusals: 0,
      };
      jobs.set(jobKey(slot, row), job);
      // No pause is longer, so what is left of a longer one is a clock that was set back.
      const waitMs = Math.min(row.notBeforeMs - clock.now(), PAUSE_MAX_MS);
      if (waitMs > 0) job.cancelWait = clock.after(waitMs, () => enqueue(job));
      else enqueue(job);
    },
    end(slot, row) {
      const job = jobs.get(jobKey(slot, row));
      if (!job) return;
      jobs.delete(jobKey(slot, row));
      job.ended = true;
      job.cancelWait?.();
      job.attempt?.cancel();
      queues.remove(job);
    },
    get running() {
      return queues.running;
    },
    get queued() {
      return queues.waiting;
    },
    stats: () => queues.stats(),
    async onceEnded(limitMs) {
      closing = true;
      if (onceRunning.size === 0) return;
      let cancel = (): void => undefined;
      const limit = new Promise<void>((resolve) => {
        cancel = clock.after(limitMs, resolve);
      });
      await Promise.race([Promise.all(onceRunning), limit]);
      cancel();
    },
    stop() {
      stopped = true;
      for (const job of jobs.values()) {
        job.cancelWait?.();
        job.attempt?.cancel();
      }
      jobs.clear();
    },
  };
}

function jobKey(slot: Slot, row: { effect: string; armedVersion: number }): string {
  return `${slot.id}/${row.effect}/${row.armedVersion}`;
}

/** Abort reasons are EffectErrors too, but say nothing about what the effect did. */
function isAbort(error: EffectError): boolean {
  return error.code === 'timeout' || error.code === 'heartbeat_missed';
}

function unknownOutcome(message: string): Outcome {
  return { status: 'unknown', error: { code: 'outcome_unknown', message, retryable: false } };
}

/** How this input may be repeated; an input of which the role cannot say it fails before it has run. */
function fenceOf(handler: EffectHandler, input: unknown): Fence | Outcome {
  if (typeof handler.fence !== 'function') return handler.fence;
  try {
    return handler.fence(input);
  } catch (error) {
    return { status: 'failed', error: { ...toErrorInfo(error), retryable: false } };
  }
}

/** A result has to pass as the data of an event: JSON, not too large, not too deep, without forbidden keys (S8, S9). */
function limited(outcome: Outcome): Outcome {
  if (outcome.status !== 'done') return outcome;
  const failed = (code: string, message: string): Outcome => ({
    status: 'failed',
    error: { code, message, retryable: false },
  });
  let text: string;
  try {
    text = JSON.stringify(outcome.output ?? null);
  } catch (error) {
    return failed('result_not_json', `the result is not JSON: ${toErrorInfo(error).message}`);
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > EFFECT_RESULT_MAX_BYTES)
    return failed('result_too_large', `the result has ${bytes} bytes; the limit is ${EFFECT_RESULT_MAX_BYTES}`);
  // As deep as it will be in the event that carries it.
  const passes = parseJson(`{"data":{"output":${text}}}`);
  return passes.ok ? outcome : failed('result_not_allowed', `the result cannot be sent: ${passes.rejection.reason}`);
}

/** A machine that invokes what its role does not have: the effect fails, visibly, in the task. */
function missing(role: string, src: string): EffectHandler {
  const run = () => Promise.reject(new EffectError('no_such_effect', `the role ${role} has no effect ${src}`));
  return { fence: 'pure', attemptsMax: 1, timeoutMs: 1000, concurrencyMax: 1, queueMax: 10_000, run };
}
