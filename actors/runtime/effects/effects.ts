/**
 * Runs effects. Owns: when one may begin, its attempts and their back-off, and saying how it ended. Does not own:
 * waiting for a turn (`effect-turns.ts`), what an effect does, or what its result means.
 *
 * Invariants:
 * 1. An effect that leaves a trace outside begins only when both stores have what it rests on; one that may not be
 *    repeated, only when both have the word that it begins, which the log takes from the partition's owner alone (J2, J4).
 * 2. Found begun after a crash, such an effect is settled as `unknown`; it never runs again by itself (S6, J5).
 * 3. Each effect is settled once; whatever comes after the first settlement is dropped.
 * 4. Waiting is not work: limits of an attempt count from its turn.
 * 5. A stop in order leaves nothing to ask a person about: what was announced and has not run, or runs and waits for its
 *    turn, is taken back. It uses up no attempt: only failures count, and ends of the process in the middle of one (S9).
 * 6. After an end that was not in order an effect runs when it is recorded and counted: one that ends its process at once is
 *    given up after some times, too (S9).
 */
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import type { ErrorInfo } from '../../../schemas/events/generated.ts';
import type { AtCrashPoint } from '../crash-points.ts';
import { EffectError, toErrorInfo } from '../errors.ts';
import type { RuntimeLimits } from '../limits.ts';
import type { AttemptFacts, AttemptSpan, Clock, RuntimeLog, Tracing } from '../ports.ts';
import type { Fence } from '../role.ts';
import { type Actor, type EffectRow, keyOf } from '../tasks/actor.ts';
import { type Attempt, beginAttempt, type Ending } from './attempt.ts';
import type { EffectJob, EffectOwner } from './effect-job.ts';
import type { EffectStats } from './effect-queues.ts';
import { createEffectTurns } from './effect-turns.ts';
import type { Share } from './fair-queue.ts';
import { backoffMs, fenceOf, isAbort, limited, missing, unknownOutcome, waitedTooLong } from './outcome.ts';
import {
  effectFinished,
  effectRetried,
  effectStarted,
  effectWaiting,
  effectWithdrawn,
  type Outcome,
} from './settlement.ts';

const ALL_ALIKE: Share = { flow: '', weight: 1 };
/** Progress facts of one effect, at most one in this time. */
const PROGRESS_EVERY_MS = 1000;

export interface Effects {
  /**
   * Begins an effect, or goes on with one that was found pending.
   *
   * @param n record in which it was armed
   * @param pending it was found when its partition was opened
   */
  begin(owner: EffectOwner, row: EffectRow, n: number, pending?: boolean): void;
  /** Aborts the running attempt, forgets a queued one. */
  end(owner: EffectOwner, row: EffectRow): void;
  /** True while an attempt of the partition runs, or one that may not be repeated is announced. */
  isAtWork(partition: number): boolean;
  /** Aborts and forgets all of a partition: another host has it. */
  drop(partition: number): void;
  readonly running: number;
  readonly queued: number;
  stats(): EffectStats[];
  /** To be called before a commit: what has been running until then is remembered, in case it takes the process along. */
  markBegun(): void;
  /** Resolves when no effect that may not be repeated is running, or after `limitMs`; no new one begins. */
  close(limitMs: number): Promise<void>;
  /** Aborts everything without settling it: it is pending at the next start. */
  stop(): void;
}

export interface EffectsOptions {
  readonly clock: Clock;
  readonly log: RuntimeLog;
  readonly limits: RuntimeLimits;
  /** Ends of the process in the middle of an effect, by its key, as the ledger remembers them. */
  readonly crashes: ReadonlyMap<string, number>;
  /** Every effect waits for the record that armed it. */
  readonly waitsForCommit: boolean;
  /** The process before this one may have ended in the middle of what this one does again now: each effect is recorded first. */
  isCareful(): boolean;
  actorOf(owner: EffectOwner): Actor | null;
  /** True when nobody can say any more whether an effect of the task has begun before. */
  isDoubtful(owner: EffectOwner): boolean;
  /** False when whoever asked for what the effect is part of has had an answer already (J5). */
  isOpen(owner: EffectOwner, isWanted: () => boolean): Promise<boolean>;
  /** Makes the event an input of the actor; returns its record's number, or null when the partition is gone. */
  enter(owner: EffectOwner, event: MeshEvent): number | null;
  /** Calls back when both stores have the record; never when the partition is lost before. */
  whenTold(partition: number, n: number, callback: () => void): void;
  /** Remembered with the next commit: how often the process ended in the middle of it, should it end now. */
  begun(key: string, crashes: number): void;
  /** Resolves when what is remembered is in the ledger, or at the stop. */
  remembered(): Promise<void>;
  hurry(): void;
  progress(owner: EffectOwner, row: EffectRow, note: string): void;
  readonly tracing: Tracing;
  /** Why no effect may begin now that has not begun yet, or null: the process is near a cap of its own. */
  admission(): string | null;
  readonly at: AtCrashPoint;
}

const doubtful = unknownOutcome('what was said of it was lost since; it may have been done before');

export function createEffects(options: EffectsOptions): Effects {
  const { clock, limits } = options;
  const jobs = new Map<string, EffectJob>();
  const running = new Set<EffectJob>();
  const onceRunning = new Set<Promise<unknown>>();
  let stopped = false;
  let closing = false;

  const found = (job: EffectJob): { actor: Actor; row: EffectRow } | null => {
    const actor = options.actorOf(job.owner);
    const row = actor?.effects.get(job.effect);
    return actor && row?.armedVersion === job.armedVersion ? { actor, row } : null;
  };
  const shareOf = (owner: EffectOwner): Share =>
    owner.role.share?.(options.actorOf(owner)?.snapshot.context) ?? ALL_ALIKE;
  /** It does not run any more: an end of the process would not be its doing. */
  const unmark = (job: EffectJob, crashes: number): void => {
    if (job.marked) options.begun(job.key, crashes);
    job.marked = false;
  };
  const tellWaiting = (job: EffectJob, ahead: number | null): void => {
    const now = found(job);
    if (now && !job.ended && !stopped && !closing)
      options.enter(job.owner, effectWaiting(now.actor, now.row, ahead, clock.now()));
  };
  const forget = (job: EffectJob): void => {
    job.stopWaiting?.();
    jobs.delete(job.key);
    running.delete(job);
    unmark(job, 0);
  };
  const finish = (job: EffectJob, outcome: Outcome): void => {
    const now = found(job);
    const wasEnded = job.ended;
    forget(job);
    if (!now || wasEnded || stopped) return;
    job.ended = true;
    options.enter(job.owner, effectFinished(now.actor, now.row, limited(outcome), clock.now()));
  };
  const retry = (job: EffectJob, error: ErrorInfo): void => {
    const now = found(job);
    if (!now || job.ended || stopped) return;
    const attempt = now.row.failures + 1;
    const pauseMs = backoffMs(job.key, attempt, limits);
    job.wantedAtMs = clock.elapsed();
    running.delete(job);
    unmark(job, options.crashes.get(job.key) ?? 0);
    options.enter(job.owner, effectRetried(now.actor, now.row, error, clock.now()));
    // Its words may repeat what the task is about; they are in the task's trail.
    const what = { effect: job.effect, task: job.owner.task, attempt, pauseMs, error: error.code };
    options.log.info(what, 'effect failed; trying again');
    job.cancelWait = clock.after(pauseMs, () => turns.enqueue(job));
  };
  const failed = (job: EffectJob, fence: Fence, thrown: unknown): void => {
    const error = toErrorInfo(thrown);
    if (fence === 'once') {
      // Only an EffectError is a statement that nothing happened; anything else may have come after the deed.
      const certain = thrown instanceof EffectError && !isAbort(thrown);
      finish(job, certain ? { status: 'failed', error } : unknownOutcome(error.message));
      return;
    }
    const attempts = (found(job)?.row.failures ?? 0) + 1;
    if (!error.retryable || attempts >= job.handler.attemptsMax) finish(job, { status: 'failed', error });
    else retry(job, error);
  };

  /** Why it is settled without being run, or null. */
  const obstacle = (job: EffectJob, row: EffectRow, fence: Fence | Outcome): Outcome | null => {
    if (typeof fence !== 'string') return fence;
    if ((options.crashes.get(job.key) ?? 0) >= limits.crashesMax) {
      const message = `its process ended ${limits.crashesMax} times while it ran`;
      return { status: 'failed', error: { code: 'crashed_repeatedly', message, retryable: false } };
    }
    if (fence !== 'once') return null;
    if (row.started) return unknownOutcome('it had begun when its process ended, and may not be repeated');
    return options.isDoubtful(job.owner) ? doubtful : null;
  };
  /** Its turn in the queue has come. */
  const start = async (job: EffectJob): Promise<void> => {
    turns.waitsNoMore(job);
    const now = found(job);
    if (!now || job.ended || stopped || closing) return;
    const fence = fenceOf(job.handler, now.row.input);
    const settled = obstacle(job, now.row, fence);
    if (settled !== null || typeof fence !== 'string') {
      if (settled !== null) finish(job, settled);
      return;
    }
    if (fence === 'once' && !(await mayBegin(job))) return;
    if (fence !== 'once' && (job.pending || options.isCareful())) await counted(job);
    if (job.ended || stopped || (closing && fence !== 'once')) return;
    await run(job, fence);
  };
  const mark = (job: EffectJob): void => {
    if (job.marked) return;
    job.marked = true;
    options.begun(job.key, (options.crashes.get(job.key) ?? 0) + 1);
  };
  /** It may take the process along before anything else is recorded: that it has begun is remembered first. */
  const counted = (job: EffectJob): Promise<void> => {
    mark(job);
    return options.remembered();
  };
  /** It may not be repeated: who asked still wants it, and both stores have the word that it begins. */
  const mayBegin = async (job: EffectJob): Promise<boolean> => {
    const isWanted = (): boolean => !job.ended && !stopped && !closing && found(job) !== null;
    const isOpen = await options.isOpen(job.owner, isWanted);
    const now = found(job);
    if (!isWanted() || now === null) return false;
    if (!isOpen) finish(job, unknownOutcome('who asked for it has gone on without it; it may have been done before'));
    else if (options.isDoubtful(job.owner)) finish(job, doubtful);
    else if (await announced(job, now)) {
      // What was said while it waited may have brought the doubt.
      if (!options.isDoubtful(job.owner)) return true;
      finish(job, doubtful);
    }
    return false;
  };
  /** Says that it begins, and waits until both stores have that. */
  const announced = (job: EffectJob, { actor, row }: { actor: Actor; row: EffectRow }): Promise<boolean> => {
    const n = options.enter(job.owner, effectStarted(actor, row, clock.now()));
    if (n === null) return Promise.resolve(false);
    job.announced = true;
    options.hurry();
    return new Promise((resolve) => {
      options.whenTold(job.owner.partition, n, () => {
        // A stop has taken the word back.
        const goesOn = job.announced && !job.ended && !stopped;
        job.announced = false;
        if (goesOn) options.at('effect-announced');
        resolve(goesOn);
      });
      job.cancelWait = () => resolve(false);
    });
  };
  const run = async (job: EffectJob, fence: Fence): Promise<void> => {
    const now = found(job);
    if (!now) return;
    const span = options.tracing.attempt(factsOf(job, now, fence));
    const beganMs = clock.elapsed();
    running.add(job);
    job.attempt = attemptOf(job, now, span);
    options.at('effect-begun');
    if (fence === 'once') track(job.attempt.ended);
    const ending = await job.attempt.ended;
    options.at('effect-done');
    running.delete(job);
    span.end(ending.kind, ending.kind === 'failed' ? ending.error : null);
    if (ending.kind !== 'cancelled')
      turns.ended(job, clock.elapsed() - beganMs, ending.kind === 'failed' ? toErrorInfo(ending.error).message : null);
    conclude(job, fence, ending);
  };
  const track = (ended: Promise<unknown>): void => {
    onceRunning.add(ended);
    void ended.then(() => onceRunning.delete(ended));
  };
  const conclude = (job: EffectJob, fence: Fence, ending: Ending): void => {
    switch (ending.kind) {
      case 'done':
        finish(job, { status: 'done', output: ending.output ?? null });
        return;
      case 'failed':
        failed(job, fence, ending.error);
        return;
      case 'cancelled':
        return;
      default:
        throw new Error(`unknown ending ${JSON.stringify(ending satisfies never)}`);
    }
  };
  /** Those that were cut off are counted too, although they use up none of its attempts. */
  const attemptNumber = (job: EffectJob, row: EffectRow): number =>
    row.failures + (options.crashes.get(job.key) ?? 0) + 1;
  const factsOf = (job: EffectJob, { actor, row }: { actor: Actor; row: EffectRow }, fence: string): AttemptFacts => {
    const { role, src, key, refusals, pending } = job;
    const { correlationId, hop, loops, traceparent } = actor;
    const attempt = fence === 'refused' ? row.failures : attemptNumber(job, row);
    const waitedMs = Math.round(clock.elapsed() - job.wantedAtMs);
    return {
      ...{ role, src, key, fence, attempt, correlationId, hop, loops, traceparent },
      ...{ waitedMs, refusals, queued: turns.waiting, pending, partition: job.owner.partition },
      ...{ failures: row.failures, crashes: options.crashes.get(key) ?? 0 },
    };
  };
  const attemptOf = (job: EffectJob, { row }: { row: EffectRow }, span: AttemptSpan): Attempt => {
    let lastNoteMs = Number.NEGATIVE_INFINITY;
    return beginAttempt({
      handler: job.handler,
      clock,
      input: row.input,
      context: {
        ...{ key: job.key, attempt: attemptNumber(job, row), correlationId: job.owner.task, share: job.share },
        ...{ log: span.log ?? options.log, span },
      },
      onHeartbeat: (note) => {
        const nowMs = clock.elapsed();
        if (note === '' || nowMs - lastNoteMs < PROGRESS_EVERY_MS) return;
        lastNoteMs = nowMs;
        options.progress(job.owner, row, note);
      },
      onWait(ahead) {
        if (ahead === null) turns.waitsNoMore(job);
        else
          turns.waits(
            job,
            () => ahead,
            () => job.attempt?.fail(waitedTooLong(limits)),
          );
      },
    });
  };

  const turns = createEffectTurns({
    ...{ clock, limits, log: options.log, start, tell: tellWaiting, admission: () => options.admission() },
    wanted: (job) => (job.ended || stopped ? null : (found(job)?.row ?? null)),
    hasBegun: ({ key }) => options.crashes.has(key),
    fail(job, error) {
      const now = found(job);
      if (now && error.code === 'overloaded')
        options.tracing.attempt(factsOf(job, now, 'refused')).end('failed', error);
      finish(job, { status: 'failed', error: toErrorInfo(error) });
    },
  });
  const cancel = (job: EffectJob): void => {
    job.ended = true;
    job.cancelWait?.();
    job.attempt?.cancel();
    turns.leave(job);
    forget(job);
  };
  /** What may not be repeated was said to begin, and has done nothing. */
  const isHeld = (job: EffectJob): boolean =>
    job.announced || (running.has(job) && job.stopWaiting !== undefined && found(job)?.row.started === true);
  const withdraw = (job: EffectJob): void => {
    const now = found(job);
    job.announced = false;
    if (now) options.enter(job.owner, effectWithdrawn(now.actor, now.row, clock.now()));
    job.cancelWait?.();
    job.attempt?.cancel();
  };

  return {
    begin(owner, row, n, pending = false) {
      const key = keyOf({ correlationId: owner.task, role: owner.role.name }, row);
      if (stopped || jobs.has(key)) return;
      const { effect, armedVersion, src } = row;
      const handler = owner.role.effects[src] ?? missing(owner.role.name, src);
      const job: EffectJob = {
        ...{ owner, role: owner.role.name, src, key, effect, armedVersion, handler },
        share: handler.share?.(row.input) ?? shareOf(owner),
        ...{ ended: false, announced: false, marked: false, wantedAtMs: clock.elapsed(), refusals: 0, pending },
      };
      jobs.set(key, job);
      const leavesTrace = fenceOf(handler, row.input) !== 'pure';
      if (!leavesTrace && !options.waitsForCommit && !options.isCareful()) {
        turns.enqueue(job);
        return;
      }
      options.hurry();
      options.whenTold(owner.partition, n, () => turns.enqueue(job));
    },
    end(owner, row) {
      const job = jobs.get(keyOf({ correlationId: owner.task, role: owner.role.name }, row));
      if (job?.armedVersion === row.armedVersion) cancel(job);
    },
    isAtWork(partition) {
      for (const job of jobs.values())
        if (job.owner.partition === partition && (job.announced || running.has(job))) return true;
      return false;
    },
    drop(partition) {
      for (const job of [...jobs.values()]) if (job.owner.partition === partition) cancel(job);
    },
    get running() {
      return turns.running;
    },
    get queued() {
      return turns.waiting;
    },
    stats: () => turns.stats(),
    markBegun() {
      for (const job of running) mark(job);
    },
    async close(limitMs) {
      closing = true;
      for (const job of [...jobs.values()]) if (isHeld(job)) withdraw(job);
      if (onceRunning.size === 0) return;
      let endLimit = (): void => undefined;
      const limit = new Promise<void>((resolve) => {
        endLimit = clock.after(limitMs, resolve);
      });
      await Promise.race([Promise.all(onceRunning), limit]);
      endLimit();
    },
    stop() {
      stopped = true;
      for (const job of [...jobs.values()]) cancel(job);
    },
  };
}
