/**
 * Gives memory back that an idle process does not need. Owns: when garbage is collected although nothing asks for it. Does
 * not own: the limits of memory (`caps.ts`), or collecting while there is work: V8 knows best then.
 *
 * A start, and a burst of work, leave tens of megabytes behind that V8 collects when it needs room, and an idle process
 * never does. The collection that gives them back takes the time of some dozen requests, and what V8 had learnt of the
 * code goes with it: after each one the next few hundred tasks cost half as much again. So there is one soon after the
 * start, when nothing is learnt yet, and another one only after a long silence.
 */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How often it looks, milliseconds. */
const LOOK_EVERY_MS = 2000;
/** Share of that time in which the event loop worked, at most: heartbeats and the like. */
const IDLE_MAX = 0.1;
/** Looks in a row that find it idle, before it collects for the first time (what is loaded late is there), and again: five minutes. */
const IDLE_LOOKS_FIRST = 2;
const IDLE_LOOKS = 150;
/** Less is not worth a collection, bytes. */
const GROWN_MIN = 12 * 1_048_576;

export interface IdleMemoryOptions {
  /** Collects all garbage of the process. */
  readonly collect: () => void;
  /** Share of the time since the last call in which the event loop worked. */
  readonly busy: () => number;
  readonly heapBytes: () => number;
}

/** One look: collects when there has been nothing to do for long enough, and there is something to give back. */
export function idleMemory({ collect, busy, heapBytes }: IdleMemoryOptions): () => void {
  let wanted = IDLE_LOOKS_FIRST;
  let idle = 0;
  let afterBytes = 0;
  return () => {
    idle = busy() > IDLE_MAX ? 0 : idle + 1;
    if (idle < wanted || heapBytes() - afterBytes < GROWN_MIN) return;
    collect();
    wanted = IDLE_LOOKS;
    idle = 0;
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
