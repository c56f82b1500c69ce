/**
 * One connection to a server in memory. Owns: the order of its requests, the up/down state and what a lost connection
 * does to requests under way. Does not own: what the requests do (`memory-bus.ts`).
 *
 * Invariants:
 * 1. Requests of one connection reach the server in the order they were made, each in a task of its own.
 * 2. A request cut off by a lost connection is rejected as `unavailable`; it may or may not have reached the server.
 */
import type { MemoryServer } from './memory-log.ts';
import { BusError } from './port.ts';

interface Request {
  readonly run: () => void;
  readonly reject: (error: BusError) => void;
}

export interface UpDownListener {
  onUp?(): void;
  onDown?(): void;
}

export class MemoryConnection {
  readonly server: MemoryServer;
  readonly #queue: Request[] = [];
  readonly #underWay = new Set<Request>();
  readonly #listeners = new Set<UpDownListener>();
  readonly #whenIdle = new Set<() => void>();
  #cut = false;
  #up: boolean;
  #closed = false;
  #scheduled = false;

  constructor(server: MemoryServer) {
    if (!server.up) throw new BusError('unreachable', 'no server answers: the log in memory is down');
    this.server = server;
    this.#up = true;
    server.connections.add(this);
  }

  get up(): boolean {
    return this.#up;
  }

  get closed(): boolean {
    return this.#closed;
  }

  listen(listener: UpDownListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs one request at the server, later and in order. */
  call<T>(what: string, operation: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new BusError('closed', `${what}: the connection is closed`));
    if (!this.#up) return Promise.reject(new BusError('unavailable', `${what}: not connected`));
    return new Promise<T>((resolve, reject) => {
      const request: Request = {
        run: () => this.#answer(request, operation, resolve, reject),
        reject,
      };
      this.#queue.push(request);
      this.#underWay.add(request);
      this.#schedule();
    });
  }

  disconnect(): void {
    this.#cut = true;
    this.#update();
  }

  reconnect(): void {
    this.#cut = false;
    this.#update();
  }

  onServerUp(): void {
    this.#update();
  }

  onServerDown(): void {
    this.#update();
  }

  /** Resolves when no request is under way. */
  idle(): Promise<void> {
    if (this.#underWay.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.add(resolve));
  }

  close(): void {
    this.#closed = true;
    this.server.connections.delete(this);
    this.#rejectUnderWay(new BusError('closed', 'the connection was closed'));
    this.#update();
  }

  #update(): void {
    const up = this.server.up && !this.#cut && !this.#closed;
    if (up === this.#up) return;
    this.#up = up;
    if (!up) this.#rejectUnderWay(new BusError('unavailable', 'the connection was lost'));
    for (const listener of [...this.#listeners]) {
      if (up) listener.onUp?.();
      else listener.onDown?.();
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.server.defer(() => {
      this.#scheduled = false;
      this.#queue.shift()?.run();
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  /** The answer travels back in a task of its own, so a connection can be lost between the two. */
  #answer<T>(
    request: Request,
    operation: () => T,
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
  ): void {
    const outcome = attempt(operation);
    this.server.defer(() => {
      if (!this.#underWay.delete(request)) return;
      if (outcome.ok) resolve(outcome.value);
      else reject(outcome.reason);
      this.#wakeIdle();
    });
  }

  #rejectUnderWay(error: BusError): void {
    const requests = [...this.#underWay];
    this.#underWay.clear();
    this.#queue.length = 0;
    for (const request of requests) request.reject(error);
    this.#wakeIdle();
  }

  #wakeIdle(): void {
    if (this.#underWay.size > 0) return;
    for (const resolve of this.#whenIdle) resolve();
    this.#whenIdle.clear();
  }
}

type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: unknown };

function attempt<T>(operation: () => T): Outcome<T> {
  try {
    return { ok: true, value: operation() };
  } catch (reason) {
    return { ok: false, reason };
  }
}
