/** Waits until something is there, by looking again and again, with a deadline. */
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 25;

export async function until<T>(
  look: () => Promise<T | undefined>,
  limitMs: number,
  what: string | (() => string),
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline)
      throw new Error(`not in ${limitMs} ms: ${typeof what === 'string' ? what : what()}`);
    await sleep(LOOK_EVERY_MS);
  }
}
