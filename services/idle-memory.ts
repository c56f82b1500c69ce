/**
 * Gives memory back that an idle process does not need. Owns: when garbage is collected although nothing asks for it. Does
 * not own: the limits of memory (`caps.ts`), or collecting while there is work: V8 knows best then.
 *
 * A start, and a burst of work, leave tens of megabytes behind that V8 collects when it needs room, and an idle process
 * never does. One collection takes as long as a few requests, so it waits until the process has had nothing to do, and is
 * made again only after the heap has grown.
 */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How often it looks, milliseconds; it has been idle for that long when it collects. */
const LOOK_EVERY_MS = 2000;
/** Share of that time in which the event loop worked, at most. */
const IDLE_MAX = 0.1;
/** Less is not worth a collection, bytes. */
const GROWN_MIN = 12 * 1_048_576;

export interface IdleMemoryOptions {
  /** Collects all garbage of the process. */
  readonly collect: () => void;
  /** Share of the time since the last call in which the event loop worked. */
  readonly busy: () => number;
  readonly heapBytes: () => number;
}

/** One look: collects when there is something to give back and nothing to do. */
export function idleMemory({ collect, busy, heapBytes }: IdleMemoryOptions): () => void {
  let afterBytes = 0;
  return () => {
    if (busy() > IDLE_MAX || heapBytes() - afterBytes < GROWN_MIN) return;
    collect();
    afterBytes = heapBytes();
  };
}

/** Watches this process for as long as it lives. */
export function giveBackMemory(): void {
  // Node gives its collector to whoever names it on the command line; a service is started in several ways.
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as NonNullable<typeof globalThis.gc>;
  let before = performance.eventLoopUtilization();
  const busy = (): number => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
  const look = idleMemory({
    // Of the young generation a plain collection gives nothing back.
    collect: () => gc({ type: 'major', flavor: 'last-resort', execution: 'sync' }),
    busy,
    heapBytes: () => process.memoryUsage().heapTotal,
  });
  setInterval(look, LOOK_EVERY_MS).unref();
}
