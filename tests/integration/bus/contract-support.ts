/**
 * What the tests of the contract share. Owns: the harness a test brings, and waiting, failing and collecting. Does not
 * own: any test.
 */
import { randomUUID } from 'node:crypto';
import type { Bus, Reader, ReadRequest, StoredMessage } from '../../../bus/port.ts';
import { BusError } from '../../../bus/port.ts';

export interface BusHarness {
  connect(name: string, options?: { leaseTtlMs?: number }): Promise<Bus>;
  /** The server dies without a word. */
  kill(): Promise<void>;
  /** The server is back with what it had stored. */
  start(): Promise<void>;
  /** All streams and buckets are gone; the server runs. */
  wipe(): Promise<void>;
  /** What is stored during the action is lost again by a crash, as unsynced writes are when the power goes. */
  powerLossAfter(action: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
  /** What a known id with a wrong expectation is: nats-server decides it by its version. */
  readonly repeated: 'duplicate' | 'conflict';
}

export const DEADLINE_MS = 60_000;
const POLL_MS = 5;

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function failure(promise: Promise<unknown>): Promise<BusError> {
  const outcome = await promise.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (!(outcome instanceof BusError)) throw outcome;
  return outcome;
}

export function textOf(message: StoredMessage): string {
  return new TextDecoder().decode(message.data);
}

/** A subject of the log nobody else uses. */
export function ownSubject(): string {
  return `mesh.events.${randomUUID()}`;
}

export interface Collected {
  readonly reader: Reader;
  readonly messages: StoredMessage[];
  readonly errors: BusError[];
}

export async function collect(
  bus: Bus,
  request: Pick<ReadRequest, 'filter' | 'fromSeq' | 'stream'>,
): Promise<Collected> {
  const messages: StoredMessage[] = [];
  const errors: BusError[] = [];
  const reader = await bus.read({
    ...request,
    onMessage: (message) => messages.push(message),
    onError: (error) => errors.push(error),
  });
  return { reader, messages, errors };
}

/**
 * Resolves when the server that runs now has answered this bus. That the bus says it is up would not do: a process that was
 * paused has not noticed yet that the server it knew is dead.
 */
export function connected(bus: Bus): Promise<void> {
  const answered = () =>
    bus.streamInfo().then(
      () => true,
      (thrown: unknown) => {
        if (thrown instanceof BusError && thrown.retryable) return false;
        throw thrown;
      },
    );
  return until(answered, 'the bus has its connection');
}

export type Open = (name?: string, options?: { leaseTtlMs?: number }) => Promise<Bus>;
export type Harness = () => BusHarness;
