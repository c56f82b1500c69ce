/**
 * The caps of this process and how close it is to them. Owns: the memory cap, what happens near and over it, and the
 * thread counts that the registry and the spans show. Does not own: setting the heap limit and the size of the thread
 * pool (the supervisor does, before the process starts), or refusing an effect (the runtime does, on this word).
 *
 * The cap is on the whole process, not on its heap: heap limit + what Node itself needs + what its parts need outside
 * of the heap (a model, its KV cache). From 90 % on, effects that have not begun are refused until it is below 85 %
 * again. Over the cap for three seconds, the process ends itself in order and is started again; far over it, at once:
 * everything it was doing goes on from its ledger.
 */

import type { RuntimeLog } from '../actors/runtime/ports.ts';
import type { Capacity } from './adapters/part.ts';

/**
 * Node's code and buffers, the young generation, the ledger's thread with SQLite's cache, and the worker in which code
 * is checked, MiB. An idle service takes about 150 in all.
 */
const NATIVE_BASE_MB = 256;
const NEAR_SHARE = 0.9;
const RELIEVED_SHARE = 0.85;
/** A leak that is faster than an orderly end takes no more than this. */
const FAR_OVER_SHARE = 1.5;
const LOOK_EVERY_MS = 1000;
/** A short peak passes; what stays over the cap for so many looks in a row is a leak. */
const LOOKS_OVER_MAX = 3;
/** An orderly end that takes longer than this is cut off. */
const END_LIMIT_MS = 10_000;
const BYTES_PER_MB = 1_048_576;
/** libuv's own default. */
const UV_THREADS_DEFAULT = 4;

export interface CapsOptions {
  /** Heap limit and what parts need outside of the heap, now, MiB. */
  readonly neededMb: () => number;
  readonly log: RuntimeLog;
  /** Over the cap: the process should end in order. */
  readonly onOver: () => void;
  /** Far over the cap, or not ended in time. */
  readonly onFarOver: () => void;
  /** For tests. */
  readonly rssBytes?: () => number;
}

export interface Caps {
  readonly memoryLimitMb: number;
  rssMb(): number;
  /** Why nothing new may begin, or null. */
  admission(): string | null;
  /** Looks once; called by the timer. */
  look(): void;
  stop(): void;
}

/** Heap limit, and what parts say that they need beside it, MiB. */
export function neededMb(heapMb: number, parts: readonly Capacity[]): number {
  const native = parts.reduce((sum, { nativeMemoryMb = 0 }) => sum + nativeMemoryMb, heapMb);
  return Math.max(native, ...parts.map(({ memoryLimitMb = 0 }) => memoryLimitMb));
}

/** Threads that libuv works with: file access, look-ups of names, and native add-ons. */
export function uvThreads(env: Readonly<Record<string, string | undefined>> = process.env): number {
  const set = Number.parseInt(env.UV_THREADPOOL_SIZE ?? '', 10);
  return Number.isNaN(set) ? UV_THREADS_DEFAULT : Math.max(1, set);
}

export function watchCaps(options: CapsOptions): Caps {
  const { log } = options;
  const rssBytes = options.rssBytes ?? (() => process.memoryUsage.rss());
  const rssMb = (): number => Math.round(rssBytes() / BYTES_PER_MB);
  const limitMb = (): number => NATIVE_BASE_MB + Math.round(options.neededMb());
  let near = false;
  let looksOver = 0;
  let ending = false;
  let cutOff: NodeJS.Timeout | null = null;

  const end = (rss: number, limit: number): void => {
    ending = true;
    log.error({ rssMb: rss, limitMb: limit }, 'over its memory cap: the process ends in order and is started again');
    cutOff = setTimeout(options.onFarOver, END_LIMIT_MS);
    cutOff.unref();
    options.onOver();
  };
  const look = (): void => {
    const [rss, limit] = [rssMb(), limitMb()];
    if (rss > limit * FAR_OVER_SHARE) {
      log.error({ rssMb: rss, limitMb: limit }, 'far over its memory cap: the process ends at once');
      options.onFarOver();
      return;
    }
    looksOver = rss > limit ? looksOver + 1 : 0;
    if (looksOver >= LOOKS_OVER_MAX && !ending) end(rss, limit);
    if (!near && rss >= limit * NEAR_SHARE) {
      near = true;
      log.warn({ rssMb: rss, limitMb: limit }, 'near its memory cap: new effects are refused');
    } else if (near && rss < limit * RELIEVED_SHARE) {
      near = false;
      log.info({ rssMb: rss, limitMb: limit }, 'below its memory cap again: new effects are taken');
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return {
    get memoryLimitMb() {
      return limitMb();
    },
    rssMb,
    admission: () => (near ? `memory ${rssMb()} of ${limitMb()} MiB` : null),
    look,
    stop() {
      clearInterval(timer);
      if (cutOff !== null) clearTimeout(cutOff);
    },
  };
}
