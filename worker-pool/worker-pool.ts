/**
 * Workers for work that would stop a process: foreign text in the hands of compilers, regular expressions, arithmetic.
 * Owns: the workers' lives, who gets one next, and how long a request may work. Does not own: the work (a script that
 * calls `serve`), or what becomes of a request that ended without a reply.
 *
 * Invariants:
 * 1. A request ends by its reply, its time limit, its signal or the end of its worker; it never hangs.
 * 2. Its time counts from when its work begins: neither the wait for a worker nor the worker's start is part of it, nor
 *    time in which this process itself stood still, nor in which its worker had to wait for a processor.
 * 3. Callers take turns, whoever has more tasks, and so do the tasks of one, whichever has more requests (turn-queue.ts).
 *    Short requests come before long ones, of which every fourth turn is, and have places of their own beside them. What
 *    has served most is theirs: it is quickest, and a long one may end what it is given.
 * 4. One that is not done after a quick turn goes on in one of the slow places, or waits for one: so the quick ones are
 *    free again soon, whatever they are given.
 * 5. A request that ran out of time or ended its worker is not tried again for a while: it is refused at once.
 * 6. Whoever answers in milliseconds goes first: workers let their host go first, those in a slow place everybody
 *    (priority.ts).
 * 7. A worker that failed or was given up is ended, with all it had in memory; any other is kept for the next request.
 *    One that is idle does not keep the process alive.
 */
import { hash } from 'node:crypto';
import { type Member, startMember } from './member.ts';
import { workedMs } from './priority.ts';
import type { Question, Said } from './serve.ts';
import { createQuickQueue, createTurnQueue } from './turn-queue.ts';

export type WorkerErrorCode =
  /** Its time was up; `again` says that this was found out at an earlier request. */
  | 'timeout'
  /** It ended its worker, or the worker failed at it. */
  | 'crashed'
  /** More wait than may. */
  | 'busy';

export class WorkerError extends Error {
  override readonly name = 'WorkerError';
  readonly code: WorkerErrorCode;
  constructor(code: WorkerErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export interface WorkerPoolOptions<Reply> {
  readonly script: URL;
  /** Threads, unless what runs there could take its whole process along. */
  readonly kind?: 'thread' | 'process';
  /** Options of Node for a process. */
  readonly execArgv?: readonly string[];
  /** For one request from when its work begins, milliseconds. */
  readonly workMsMax: number;
  /** Requests in their quick turn at once; 2 by default. */
  readonly workersMax?: number;
  /** Beside them, short requests alone; 0 by default. */
  readonly shortMax?: number;
  /** Those at once that take longer; 1 by default. */
  readonly slowMax?: number;
  /** How long a quick turn is, milliseconds; half a second by default. */
  readonly quickMs?: number;
  /** How many may wait; 1000 by default. */
  readonly waitingMax?: number;
  /** MiB of one worker's heap. */
  readonly heapMbMax?: number;
  /** One more worker than needed is kept started; for scripts that load what they need at their start. */
  readonly standsBy?: boolean;
  /** Reads what the worker sent; throws when it is not a reply. */
  readonly parse: (message: unknown) => Reply;
}

export interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whose turn it is counted as: each of these has one before any has a second. */
  readonly flow?: string | undefined;
  /** Within it tasks take turns. */
  readonly task?: string | undefined;
  /**
   * Told how many are before it when it waits for its turn, 0 while it waits for its worker to start or for a processor, and
   * null when it works: what limits its work from outside stands still until then.
   */
  readonly waits?: ((ahead: number | null) => void) | undefined;
}

export interface WorkerPool<Request, Reply> {
  /** @throws WorkerError, or the signal's reason */
  ask(request: Request, options?: AskOptions): Promise<Reply>;
  readonly running: number;
  readonly waiting: number;
  /** Ends the workers; a later ask() starts others. */
  close(): Promise<void>;
}

/** Enough for the compiler with its libraries (about 200 MB) and a large text; a runaway type stops here. */
const HEAP_MB_MAX = 1024;
/** For a worker to start and to load what a request needs: seconds on a busy machine. */
const START_MS_MAX = 120_000;
const WAITING_MAX = 1000;
const WORKERS_MAX = 2;
const SLOW_MAX = 1;
const QUICK_MS = 500;
/** Of a request as JSON: a screen or two of text. */
const SHORT_CHARS_MAX = 4096;
/** A worker that never gets a processor is given up after so many times its limit by the clock. */
const STARVED_TIMES_MAX = 10;
/** Between two looks at the time; what a look finds beyond twice of it is time in which the process stood still. */
const LOOK_MS_MAX = 200;
/** Requests that are known to end badly, and for how long that is believed: a machine may have been slow that day. */
const REMEMBERED_MAX = 256;
const REMEMBERED_MS = 900_000;

type Turn = 'quick' | 'slow';

interface Job<Request, Reply> {
  readonly request: Request;
  readonly flow: string;
  readonly task: string;
  readonly fingerprint: string;
  readonly isShort: boolean;
  readonly signal: AbortSignal | undefined;
  readonly waits: AskOptions['waits'];
  /** It was told that it waits. */
  isWaiting: boolean;
  turn: Turn;
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

interface Worker {
  readonly member: Member;
  free: boolean;
  /** Requests that it has answered. */
  served: number;
}

/** What a request at work is waited for with. */
interface Run {
  /** Milliseconds of work, as far as it has been looked at. */
  workedMs: number;
  /** By the clock. */
  passedMs: number;
  /** Most of the time since the last look but one it waited for a processor. */
  isStarved: boolean;
}

export function createWorkerPool<Request, Reply>(options: WorkerPoolOptions<Reply>): WorkerPool<Request, Reply> {
  const {
    workersMax = WORKERS_MAX,
    shortMax = 0,
    slowMax = SLOW_MAX,
    waitingMax = WAITING_MAX,
    quickMs = QUICK_MS,
    standsBy = false,
  } = options;
  type OwnJob = Job<Request, Reply>;
  const queues = { quick: createQuickQueue<OwnJob>(), slow: createTurnQueue<OwnJob>() };
  const running: Record<Turn, Set<OwnJob>> = { quick: new Set(), slow: new Set() };
  const workers = new Set<Worker>();
  const bad = createMemory();
  let lastId = 0;

  const discard = (worker: Worker): void => {
    workers.delete(worker);
    void worker.member.end();
  };
  const startWorker = (): Worker => {
    const { script, kind = 'thread', heapMbMax = HEAP_MB_MAX, execArgv = [] } = options;
    // Between requests nobody listens: one that dies then is simply replaced by the next request.
    const member = startMember({ script, kind, heapMbMax, execArgv }, () => workers.delete(worker));
    const worker: Worker = { member, free: true, served: 0 };
    workers.add(worker);
    return worker;
  };
  /**
   * The one that has served most for what is likely to be quick. What is not gets another, be it one that has to start: it
   * may end the one that it is given, and a start takes a second of a processor.
   */
  const freeWorker = ({ isShort, turn }: OwnJob): Worker => {
    const [most, ...others] = [...workers].filter(({ free }) => free).sort((a, b) => b.served - a.served);
    if (isShort && turn === 'quick') return most ?? startWorker();
    const isKept = shortMax > 0 && most !== undefined && most.served > 0;
    return others.at(-1) ?? (isKept || most === undefined ? startWorker() : most);
  };

  /** The next request finds so many that have started. */
  const keepFree = (count: number): void => {
    for (const worker of workers) if (worker.free) count -= 1;
    if (count > 0 && workers.size < workersMax + Math.max(1, shortMax) + slowMax) startWorker().member.hold(false);
  };

  const waits = (job: OwnJob, ahead: number): void => {
    job.isWaiting = true;
    job.waits?.(ahead);
  };
  const works = (job: OwnJob): void => {
    if (!job.isWaiting) return;
    job.isWaiting = false;
    job.waits?.(null);
  };
  /** Says that it waits, unless it has begun. */
  const queued = (job: OwnJob): void => {
    if (!running.quick.has(job) && !running.slow.has(job)) waits(job, Math.max(0, queues[job.turn].ahead(job)));
  };
  const begin = (job: OwnJob): void => {
    running[job.turn].add(job);
    const worker = freeWorker(job);
    worker.free = false;
    lastId += 1;
    const leave = (): void => {
      works(job);
      running.quick.delete(job);
      running.slow.delete(job);
      queueMicrotask(pump);
    };
    let yielded = job.turn === 'slow' && worker.member.yield();
    const ended = (): void => {
      worker.member.hold(false);
      worker.served += 1;
      // One that lets others go first would do so with the next request too.
      if (yielded) discard(worker);
      else worker.free = true;
      if (standsBy) keepFree(2);
      leave();
    };
    exchange(
      worker.member,
      { id: lastId, request: job.request },
      {
        ...{ signal: job.signal, workMsMax: options.workMsMax, quickMs, parse: options.parse },
        onReply(reply) {
          ended();
          job.resolve(reply);
        },
        onEnd(error) {
          discard(worker);
          leave();
          if (error instanceof WorkerError) bad.add(job.fingerprint, error);
          job.reject(error);
        },
        onBegan: () => works(job),
        onStarting() {
          if (!job.isWaiting) waits(job, 0);
        },
        onLook(run) {
          if (!run.isStarved) works(job);
          else if (!job.isWaiting) waits(job, 0);
          // What is not done by now may last: the next one is not to wait for a start.
          keepFree(1);
          if (job.turn === 'slow' || run.workedMs < quickMs) return 'goes-on';
          job.turn = 'slow';
          running.quick.delete(job);
          if (running.slow.size < slowMax && queues.slow.size === 0) {
            running.slow.add(job);
            yielded = worker.member.yield();
            queueMicrotask(pump);
            return 'goes-on';
          }
          discard(worker);
          queues.slow.add(job);
          queued(job);
          queueMicrotask(pump);
          return 'set-aside';
        },
      },
    );
  };
  /** The next one that there is a place for. */
  const next = (): OwnJob | null => {
    const { quick, slow } = running;
    if (quick.size < workersMax + shortMax) {
      const longs = [...quick].filter(({ isShort }) => !isShort).length;
      const job = longs < workersMax ? queues.quick.take() : queues.quick.takeShort();
      if (job !== null) return job;
    }
    return slow.size < slowMax ? queues.slow.take() : null;
  };
  const pump = (): void => {
    for (let job = next(); job !== null; job = next()) begin(job);
  };

  return {
    ask(request, { signal, flow = '', task = '', waits } = {}) {
      signal?.throwIfAborted();
      const asText = JSON.stringify(request);
      const fingerprint = hash('sha256', asText);
      const known = bad.get(fingerprint);
      if (known !== null) return Promise.reject(known);
      if (queues.quick.size + queues.slow.size >= waitingMax)
        return Promise.reject(new WorkerError('busy', `${waitingMax} requests wait already`));
      return new Promise<Reply>((resolve, reject) => {
        const job: OwnJob = {
          ...{ request, flow, task, fingerprint, isShort: asText.length <= SHORT_CHARS_MAX, signal, waits },
          ...{ isWaiting: false, turn: 'quick', resolve, reject },
        };
        signal?.addEventListener(
          'abort',
          () => {
            if (queues[job.turn].remove(job)) reject(signal.reason);
          },
          { once: true },
        );
        queues.quick.add(job);
        pump();
        queued(job);
      });
    },
    get running() {
      return running.quick.size + running.slow.size;
    },
    get waiting() {
      return queues.quick.size + queues.slow.size;
    },
    async close() {
      const ending = [...workers];
      workers.clear();
      await Promise.all(ending.map(({ member }) => member.end()));
    },
  };
}

interface ExchangeOptions<Reply> {
  readonly signal: AbortSignal | undefined;
  readonly workMsMax: number;
  /** Not looked at less often than this: a turn of a tenth of a second is not to last a fifth. */
  readonly quickMs: number;
  readonly parse: (message: unknown) => Reply;
  onReply(reply: Reply): void;
  /** The worker is not to be used again. */
  onEnd(error: unknown): void;
  /** Told now and then that the worker has not begun, and when it has. */
  onStarting(): void;
  onBegan(): void;
  /** Asked now and then while it works; set aside, nobody waits for this worker any more. */
  onLook(run: Run): 'goes-on' | 'set-aside';
}

/** One request to one worker, until exactly one of `onReply`, `onEnd` and a setting aside. */
function exchange<Reply>(member: Member, question: Question, options: ExchangeOptions<Reply>): void {
  const { signal, workMsMax, quickMs } = options;
  const run: Run = { workedMs: 0, passedMs: 0, isStarved: false };
  let stopLooking = (): void => undefined;
  const settle = (): void => {
    stopLooking();
    member.listen(null);
    signal?.removeEventListener('abort', onAbort);
  };
  const end = (error: unknown): void => {
    settle();
    options.onEnd(error);
  };
  const count = (limitMs: number, what: string, onLook: () => 'goes-on' | 'set-aside'): void => {
    stopLooking();
    run.workedMs = 0;
    run.passedMs = 0;
    let turns = member.turns();
    stopLooking = every(Math.min(LOOK_MS_MAX, quickMs, Math.max(10, limitMs / 10)), (passedMs) => {
      const now = member.turns();
      const lookMs = workedMs(passedMs, turns, now);
      run.isStarved = lookMs < passedMs / 2;
      run.workedMs += lookMs;
      run.passedMs += passedMs;
      turns = now;
      if (run.workedMs >= limitMs || run.passedMs >= STARVED_TIMES_MAX * limitMs)
        end(new WorkerError('timeout', `${what} took longer than ${limitMs} ms`));
      else if (onLook() === 'set-aside') settle();
    });
  };
  const noReply = (cause?: unknown): void =>
    end(new WorkerError('crashed', 'the worker sent something that is not a reply', cause));
  const reply = (said: unknown): void => {
    let parsed: Reply;
    try {
      parsed = options.parse(said);
    } catch (error) {
      noReply(error);
      return;
    }
    settle();
    options.onReply(parsed);
  };
  const onAbort = (): void => end(signal?.reason);
  member.listen({
    gone: (why, cause) => end(new WorkerError('crashed', why, cause)),
    message(said) {
      if (!isSaid(said) || said.id !== question.id) noReply();
      else if (said.kind === 'began') {
        options.onBegan();
        count(workMsMax, 'the work', () => options.onLook(run));
      } else if (said.kind === 'failed') end(new WorkerError('crashed', `the worker failed: ${said.message}`));
      else reply(said.reply);
    },
  });
  signal?.addEventListener('abort', onAbort, { once: true });
  member.hold(true);
  count(START_MS_MAX, 'the start of the worker', () => {
    options.onStarting();
    return 'goes-on';
  });
  member.post(question);
}

function isSaid(value: unknown): value is Said {
  return typeof value === 'object' && value !== null && 'id' in value && 'kind' in value;
}

/** Calls back every so often with the time that has passed, of a standstill of this process twice the interval at most. */
function every(intervalMs: number, look: (passedMs: number) => void): () => void {
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const passedMs = Math.min(nowMs - lastMs, 2 * intervalMs);
    lastMs = nowMs;
    look(passedMs);
  }, intervalMs);
  return () => clearInterval(timer);
}

/** Which requests ended badly, the latest ones. */
function createMemory() {
  const known = new Map<string, { readonly error: WorkerError; readonly atMs: number }>();
  return {
    add(fingerprint: string, error: WorkerError): void {
      known.set(fingerprint, { error, atMs: performance.now() });
      const [oldest] = known.keys();
      if (known.size > REMEMBERED_MAX && oldest !== undefined) known.delete(oldest);
    },
    get(fingerprint: string): WorkerError | null {
      const found = known.get(fingerprint);
      if (found === undefined) return null;
      if (performance.now() - found.atMs < REMEMBERED_MS) {
        const { code, message } = found.error;
        return new WorkerError(
          code,
          `${message} at an earlier request; it is not tried again for a while`,
          found.error,
        );
      }
      known.delete(fingerprint);
      return null;
    },
  };
}
