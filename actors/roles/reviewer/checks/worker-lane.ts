/**
 * One worker thread that answers one request at a time, with a time limit.
 * Owns the thread's life: started on first use, ended and replaced when it is too slow, crashes or is no longer wanted.
 * Compilers run here because a hostile text can keep one busy for minutes, and a blocked host loses its lease.
 *
 * 1. Requests are answered in the order asked.
 * 2. A request ends by its reply, its time limit, its signal or the thread's end; it never hangs.
 * 3. An idle thread does not keep the process alive.
 */
import { Worker } from 'node:worker_threads';

/** Enough for the compiler with its libraries (about 200 MB) and a large text; a runaway type stops here. */
const HEAP_MB_MAX = 1024;

export class LaneError extends Error {
  readonly code: 'timeout' | 'crashed';
  constructor(code: 'timeout' | 'crashed', message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'LaneError';
    this.code = code;
  }
}

export interface WorkerLane<Request, Reply> {
  ask(request: Request, signal?: AbortSignal): Promise<Reply>;
  /** Ends the thread; a later ask() starts another. */
  close(): Promise<void>;
}

export interface LaneOptions<Reply> {
  readonly script: URL;
  readonly timeoutMs: number;
  /** Reads what the thread sent; throws when it is not a reply. */
  readonly parse: (message: unknown) => Reply;
}

export function createWorkerLane<Request, Reply>(options: LaneOptions<Reply>): WorkerLane<Request, Reply> {
  let worker: Worker | null = null;
  let tail: Promise<unknown> = Promise.resolve();

  function start(): Worker {
    const started = new Worker(options.script, {
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    });
    // Between requests nobody listens: a thread that dies then is simply replaced by the next request.
    started.on('error', () => discard(started));
    started.on('exit', () => discard(started));
    return started;
  }

  function discard(ended: Worker): void {
    if (worker === ended) worker = null;
  }

  function run(request: Request, signal?: AbortSignal): Promise<Reply> {
    signal?.throwIfAborted();
    worker ??= start();
    return exchange(worker, request, { ...options, signal, discard });
  }

  return {
    ask(request, signal) {
      const mine = tail.then(() => run(request, signal));
      tail = mine.catch(() => undefined);
      return mine;
    },
    async close() {
      const ending = worker;
      worker = null;
      await ending?.terminate();
    },
  };
}

interface ExchangeOptions<Reply> extends LaneOptions<Reply> {
  readonly signal: AbortSignal | undefined;
  readonly discard: (worker: Worker) => void;
}

function exchange<Request, Reply>(worker: Worker, request: Request, options: ExchangeOptions<Reply>): Promise<Reply> {
  const { signal, timeoutMs } = options;
  return new Promise<Reply>((resolve, reject) => {
    const giveUp = (error: unknown): void => {
      settle(() => reject(error));
      options.discard(worker);
      void worker.terminate();
    };
    const onMessage = (message: unknown): void => {
      try {
        const reply = options.parse(message);
        settle(() => resolve(reply));
      } catch (error) {
        giveUp(new LaneError('crashed', 'The worker sent something that is not a reply.', error));
      }
    };
    const onError = (cause: unknown): void => giveUp(new LaneError('crashed', 'The worker failed.', cause));
    const onExit = (status: number): void =>
      giveUp(new LaneError('crashed', `The worker ended with status ${status}.`));
    const onAbort = (): void => giveUp(signal?.reason);
    const timer = setTimeout(
      () => giveUp(new LaneError('timeout', `The worker took longer than ${timeoutMs} ms.`)),
      timeoutMs,
    );
    function settle(end: () => void): void {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      signal?.removeEventListener('abort', onAbort);
      worker.unref();
      end();
    }
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    signal?.addEventListener('abort', onAbort, { once: true });
    worker.ref();
    worker.postMessage(request);
  });
}
