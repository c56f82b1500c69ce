/**
 * Whether the mesh works, as the gateway tells whoever asks for its health. Owns: looking every few seconds, and the
 * verdict: a message was stored and read back, and somebody who takes tasks has beaten lately. Does not own: who is told.
 *
 * A connection says nothing: a server with a full disk keeps it open, and so does one whose agents are gone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '../bus/port.ts';
import { BusError } from '../bus/port.ts';
import { assertStores } from '../bus/stores.ts';
import { livingServices } from '../registry/registry.ts';
import type { Log } from '../telemetry/log.ts';

const LOOK_EVERY_MS = 2000;
/** While it does not work, callers wait for it. */
const LOOK_AGAIN_MS = 250;

export interface WorkingOptions {
  readonly bus: Bus;
  readonly log: Log;
  /** Told at the first look, and when the verdict changes; null when it works. */
  readonly onVerdict: (problem: string | null) => void;
}

/** Returns the function that ends it. */
export function watchWorking({ bus, log, onVerdict }: WorkingOptions): () => void {
  const ended = new AbortController();
  let last: string | null | undefined;
  const tell = (problem: string | null): void => {
    if (problem === last || ended.signal.aborted) return;
    // Before it has worked for the first time it is merely starting.
    if (problem !== null && last === null) log.warn({ problem }, 'the mesh does not work');
    if (problem === null && last !== undefined) log.info({}, 'the mesh works');
    last = problem;
    onVerdict(problem);
  };
  const look = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      tell(await problemOf(bus));
      await sleep(last === null ? LOOK_EVERY_MS : LOOK_AGAIN_MS, undefined, { signal: ended.signal }).catch(
        () => undefined,
      );
    }
  };
  void look();
  // A connection that is lost is known at once.
  const unlisten = bus.onConnection((connected) => {
    if (!connected) tell('the log cannot be reached');
  });
  return () => {
    ended.abort();
    unlisten();
  };
}

async function problemOf(bus: Bus): Promise<string | null> {
  try {
    await assertStores(bus);
    const living = await livingServices(bus);
    const takesTasks = living.some(({ roles, state }) => roles.includes('orchestrator') && state !== 'starting');
    return takesTasks ? null : 'no service takes tasks: the orchestrator has not been heard of';
  } catch (error) {
    if (error instanceof BusError) return `nothing can be stored: ${error.message}`;
    throw error;
  }
}
