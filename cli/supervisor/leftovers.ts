/**
 * What a supervisor that was killed left running. Owns: stopping it. Does not own: finding out that there is something
 * (run-state.ts). Only processes that the record names by number and start time are touched.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity, signalGroup } from './process-mark.ts';
import type { ServiceRecord } from './run-state.ts';

/** Between SIGTERM and SIGKILL; leftovers of a dead supervisor have nothing worth waiting longer for. */
const LEFTOVER_STOP_MS = 5000;
const POLL_MS = 25;

async function stopOne(record: ServiceRecord): Promise<void> {
  const identity = record.process;
  if (identity === null || !isAlive(identity)) return;
  signalGroup(identity.pid, 'SIGTERM');
  signalGroup(identity.pid, 'SIGCONT');
  if (await hasEnded(identity, LEFTOVER_STOP_MS)) return;
  signalGroup(identity.pid, 'SIGKILL');
  // Nothing refuses that, but until it is carried out the process holds its ledger.
  await hasEnded(identity, LEFTOVER_STOP_MS);
}

async function hasEnded(identity: ProcessIdentity, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Services first, together; the log server, which they need to end well, after them. */
export async function stopLeftovers(processes: readonly ServiceRecord[], logServer: string): Promise<void> {
  await Promise.all(processes.filter((one) => one.name !== logServer).map(stopOne));
  await Promise.all(processes.filter((one) => one.name === logServer).map(stopOne));
}
