/**
 * Which of several gateways tells callers of their tasks (S7). Owns: one lease for all of it, kept by beating, taken over
 * when its holder falls silent. Does not own: the telling (`sender.ts`), or the rules of leases (`bus/leases.ts`).
 *
 * Invariants:
 * 1. `onGained` and `onLost` alternate, beginning with `onGained`.
 * 2. `confirm` is the word of the log server, asked for at the moment; a holder that was stopped for a while and goes on
 *    hears no.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BEATS_PER_TTL, type LeaseStore } from '../../../bus/port.ts';
import type { ClientLog } from '../../../task-client/ports.ts';

export interface DutyOptions {
  readonly leases: LeaseStore;
  /** Of this gateway; the same after a restart, so that it goes on at once. */
  readonly holder: string;
  readonly log: ClientLog;
  readonly onGained: () => void;
  readonly onLost: () => void;
}

const LEASE = 'push.0';

export class PushDuty {
  readonly #options: DutyOptions;
  readonly #stopped = new AbortController();
  #fence: number | null = null;
  #rounds: Promise<void> = Promise.resolve();

  constructor(options: DutyOptions) {
    this.#options = options;
  }

  start(): void {
    this.#rounds = this.#goOn();
  }

  /** True while this gateway has the duty. @throws BusError while the log is away */
  async confirm(): Promise<boolean> {
    const { leases, holder } = this.#options;
    return this.#fence !== null && (await leases.confirm(LEASE, holder, this.#fence));
  }

  /** Leaves it to the next one. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#rounds;
    const { leases, holder, log } = this.#options;
    if (this.#fence === null) return;
    try {
      await leases.release(LEASE, holder, this.#fence);
    } catch (error) {
      log.debug({ error: String(error) }, 'the lease of push notifications stays until it runs out');
    }
  }

  async #goOn(): Promise<void> {
    const { leases, log } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.#round();
      } catch (error) {
        // Nothing can be told either while the log is away: what is told is read there.
        log.debug({ error: String(error) }, 'no beat: the log is out of reach');
      }
      await sleep(leases.ttlMs / BEATS_PER_TTL, undefined, { signal }).catch(() => undefined);
    }
  }

  async #round(): Promise<void> {
    const { leases, holder, onGained, onLost } = this.#options;
    const unbroken = await leases.beat(holder);
    if (unbroken && this.#fence !== null) return;
    const claim = await leases.claim(LEASE, holder);
    const had = this.#fence !== null;
    this.#fence = claim.granted ? claim.fence : null;
    if (claim.granted && !had) onGained();
    if (!claim.granted && had) onLost();
  }
}
