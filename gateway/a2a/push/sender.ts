/**
 * Telling callers what happens to their tasks. Owns: following the tasks that have a config, the order, sending again and
 * giving up. Does not own: one request (`post.ts`), keeping configs (`store.ts`), or which gateway tells (`duty.ts`).
 *
 * Invariants:
 * 1. Every event of a task is tried, in order, until it is delivered, refused, or tried as often as allowed; only then is
 *    the cursor of the config moved. A gateway that is killed in between tells an event twice, never not at all.
 * 2. A config that there is no room for waits, and is taken up when another one ends: what was accepted is not forgotten.
 * 3. Before each request the log server has said that this gateway has the duty, and that the config is still there; and
 *    whoever made it is still a caller, with the same rights.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LeaseStore } from '../../../bus/port.ts';
import { type BackOff, backOffMs } from '../../../resilience/back-off.ts';
import { MeshError, toMeshError } from '../../../task-client/errors.ts';
import type { CallContext, ClientLog } from '../../../task-client/ports.ts';
import type { Callers } from '../../core/callers.ts';
import type { Mesh } from '../../core/mesh.ts';
import { eventsOf } from '../events.ts';
import type { PushAddresses } from './address.ts';
import { PushDuty } from './duty.ts';
import { type Notification, post } from './post.ts';
import { RECEIVERS_MAX } from './room.ts';
import { type SigningKey, webhookId } from './signature.ts';
import { keyOf, type PushEntry, type PushStore } from './store.ts';

/** Tries of one event. */
const TRIES_MAX = 6;
const PAUSES: BackOff = { firstMs: 500, maxMs: 15_000 };
/** A receiver that has missed so many events in a row is not told any more. */
const MISSED_MAX = 3;
/** How often a log that cannot be read, or a task that is not there yet, is looked at again. */
const FOLLOW_PAUSE_MS = 500;
/** A config is kept before its task is submitted; a task that does not come in this time does not come. */
const UNKNOWN_TASK_TRIES_MAX = 240;

export interface SenderPorts {
  readonly mesh: Mesh;
  readonly store: PushStore;
  readonly addresses: PushAddresses;
  readonly key: SigningKey;
  readonly log: ClientLog;
  readonly callers: Pick<Callers, 'isKnown'>;
  readonly leases: LeaseStore;
  /** Of this gateway, in leases. */
  readonly holder: string;
  /** Followed at once; smaller in tests. */
  readonly receiversMax?: number;
}

/** What a receiver that is gone, or the stop, means to the work in progress. */
class StoppedError extends Error {}

interface Telling {
  readonly nonce: string;
  readonly ended: AbortController;
  readonly work: Promise<void>;
}

export class PushSender {
  readonly #ports: SenderPorts;
  readonly #receivers = new Map<string, Telling>();
  /** Keys of configs that there was no room for, the oldest first. */
  readonly #waiting = new Set<string>();
  readonly #stopped = new AbortController();
  readonly #duty: PushDuty;
  #onDuty = false;
  #unwatch: () => void = () => undefined;
  /** What is begun and ended follows the changes in their order. */
  #changes: Promise<void> = Promise.resolve();

  constructor(ports: SenderPorts) {
    this.#ports = ports;
    const { leases, holder, log } = ports;
    this.#duty = new PushDuty({
      ...{ leases, holder, log },
      onGained: () => {
        this.#onDuty = true;
        this.#then(() => this.#resume());
      },
      onLost: () => {
        this.#onDuty = false;
        this.#waiting.clear();
        for (const { ended } of this.#receivers.values()) ended.abort();
      },
    });
  }

  /** Follows the configs, and tells whenever it has the duty; tried again until the store can be read. */
  async start(): Promise<void> {
    await this.#persist(async () => {
      this.#unwatch = await this.#ports.store.watch((key) => this.#then(() => this.#changed(key)));
    });
    if (this.#stopped.signal.aborted) this.#unwatch();
    else this.#duty.start();
  }

  /** Resolves when nothing is sent or stored for it by this gateway any more. */
  async end(taskId: string, id: string): Promise<void> {
    await this.#end(keyOf(taskId, id));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#unwatch();
    for (const { ended } of this.#receivers.values()) ended.abort();
    await Promise.all([...this.#receivers.values()].map(({ work }) => work));
    await this.#duty.stop();
  }

  #then(change: () => Promise<void>): void {
    this.#changes = this.#changes.then(() => this.#persist(change));
  }

  /** Until it works, or the stop. */
  async #persist(work: () => Promise<void>): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        return await work();
      } catch (error) {
        this.#ports.log.warn({ error: String(error) }, 'the push notification configs cannot be read; trying again');
        await sleep(FOLLOW_PAUSE_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      }
    }
  }

  async #resume(): Promise<void> {
    for (const entry of await this.#ports.store.all())
      await this.#follow(keyOf(entry.config.taskId, entry.config.id), entry);
  }

  async #changed(key: string): Promise<void> {
    if (!this.#onDuty) return;
    await this.#follow(key, await this.#ports.store.find(key));
  }

  async #follow(key: string, entry: PushEntry | null): Promise<void> {
    this.#waiting.delete(key);
    const isFollowed = entry !== null && this.#receivers.get(key)?.nonce === entry.nonce;
    if (isFollowed && this.#receivers.get(key)?.ended.signal.aborted === false) return;
    const wasFollowed = this.#receivers.has(key);
    await this.#end(key);
    // Until its end the work before may have told more.
    const now = wasFollowed && entry !== null ? await this.#ports.store.find(key) : entry;
    if (now !== null) this.#begin(key, now);
  }

  /** What waits for room, as far as there is room. */
  async #takeUp(): Promise<void> {
    while (this.#hasRoom()) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#waiting.delete(next);
      await this.#changed(next);
    }
  }

  #hasRoom(): boolean {
    return this.#receivers.size < (this.#ports.receiversMax ?? RECEIVERS_MAX);
  }

  async #end(key: string): Promise<void> {
    const receiver = this.#receivers.get(key);
    receiver?.ended.abort();
    await receiver?.work;
  }

  #begin(key: string, entry: PushEntry): void {
    const { taskId } = entry.config;
    if (entry.done || !this.#onDuty || this.#stopped.signal.aborted) return;
    if (!this.#hasRoom()) {
      this.#waiting.add(key);
      this.#ports.log.warn({ taskId, waiting: this.#waiting.size }, 'a push notification config waits for room');
      return;
    }
    const ended = new AbortController();
    const work = this.#tell(entry, ended.signal)
      .catch((error: unknown) => {
        if (!(error instanceof StoppedError))
          this.#ports.log.error({ taskId, error: String(error) }, 'push notifications of a task ended unexpectedly');
      })
      .finally(() => {
        this.#receivers.delete(key);
        this.#then(() => this.#takeUp());
      });
    this.#receivers.set(key, { nonce: entry.nonce, ended, work });
  }

  async #tell(from: PushEntry, signal: AbortSignal): Promise<void> {
    const { mesh, store, log } = this.#ports;
    const { taskId } = from.config;
    const context: CallContext = { caller: from.caller, signal, deadlineMs: null, traceparent: null };
    let entry = from;
    let missed = 0;
    let unknown = 0;
    for (;;) {
      try {
        for await (const item of mesh.watches.watch({ correlationId: taskId, cursor: entry.cursor }, context)) {
          if (item.kind !== 'fact') continue;
          for (const [index, event] of eventsOf(item).entries()) {
            const id = webhookId(entry, `${item.fact.event.id}/${index}`);
            missed = (await this.#deliver({ entry, event, id }, signal)) ? 0 : missed + 1;
          }
          const givenUp = missed >= MISSED_MAX;
          if (givenUp) log.warn({ taskId, url: entry.config.url }, 'the receiver of push notifications is given up');
          entry = { ...entry, cursor: item.cursor, done: givenUp };
          await store.advance(entry);
          if (givenUp) return;
        }
        return await store.advance({ ...entry, done: true });
      } catch (thrown) {
        if (signal.aborted || thrown instanceof StoppedError) throw new StoppedError();
        const error = toMeshError(thrown);
        if (error.code === 'internal') throw thrown;
        if (error.code === 'not_found' && ++unknown > UNKNOWN_TASK_TRIES_MAX)
          return await store.advance({ ...entry, done: true });
        log.debug({ taskId, error: error.message }, 'a task with push notifications cannot be followed now');
      }
      await this.#pause(FOLLOW_PAUSE_MS, signal);
    }
  }

  /** True when the receiver has it. */
  async #deliver(notification: Notification, signal: AbortSignal): Promise<boolean> {
    const { store, log } = this.#ports;
    const { entry } = notification;
    const { taskId, id, url } = entry.config;
    for (let attempt = 1; ; attempt++) {
      const [mayTell, stored] = await Promise.all([this.#duty.confirm(), store.get(taskId, id)]);
      // Another gateway may have been told to delete it, or to replace it.
      if (stored?.nonce !== entry.nonce) throw new StoppedError();
      if (!this.#ports.callers.isKnown(entry.caller)) {
        log.warn({ taskId, url, caller: entry.caller.name }, 'who wanted push notifications is no caller any more');
        throw new StoppedError();
      }
      if (!mayTell) throw new MeshError('unavailable', 'NOT_ON_DUTY', 'another gateway may be telling');
      const delivery = await post(notification, this.#ports, signal);
      // Also when the end came meanwhile: what is not noted as told is told again.
      if (delivery.kind === 'delivered') return true;
      if (signal.aborted) throw new StoppedError();
      const isLast = delivery.kind === 'refused' || attempt >= TRIES_MAX;
      log.warn({ taskId, url, attempt, reason: delivery.reason, isLast }, 'a push notification was not taken');
      if (isLast) return false;
      await this.#pause(backOffMs(PAUSES, attempt), signal);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await sleep(ms, undefined, { signal });
    } catch {
      throw new StoppedError();
    }
  }
}
