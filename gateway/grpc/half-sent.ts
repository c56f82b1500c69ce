/**
 * Calls and connections of gRPC that are begun and not sent on. Owns: how long they may take, and how many of one address
 * there may be. Does not own: what is asked, or listening (`server.ts`).
 *
 * Invariants:
 * 1. A connection waits from its opening until a call on it is whole, and again while none is under way. One on which no call
 *    was ever whole is closed after `WHOLE_WITHIN_MS`: a client opens another without noticing.
 * 2. A call whose request is not whole in that time is told so, and a connection that has nothing else is closed soon after.
 * 3. Who opens more than its share loses the oldest of its own (`guards/half-sent.ts`); others notice nothing.
 */
import type { Socket } from 'node:net';
import { ServerInterceptingCall, type ServerInterceptor, ServerListenerBuilder, status } from '@grpc/grpc-js';
import { nameOf, Waiting } from '../../guards/half-sent.ts';

/** As for a request of HTTP. */
const WHOLE_WITHIN_MS = 30_000;
/** What is late is looked for so often. */
const LOOK_MS = 2000;

export interface HalfSentLimits {
  readonly wholeWithinMs?: number;
  /** Of one address: connections that wait, and calls whose request is not whole. */
  readonly most?: number;
}

interface Connection {
  readonly socket: Socket;
  readonly address: string;
  readonly openedAtMs: number;
  /** Calls whose request is whole, and which have not ended. */
  whole: number;
  /** Calls whose request is not whole yet. */
  half: number;
  /** One was whole at some time. */
  wasUsed: boolean;
  /** A call on it was not sent on in time. */
  wasLate: boolean;
}

interface HalfCall {
  readonly peer: string;
  readonly begunAtMs: number;
  refuse(code: status, why: string): void;
}

export class HalfSent {
  readonly #wholeWithinMs: number;
  readonly #waiting: Waiting;
  readonly #half: Waiting;
  readonly #connections = new Map<string, Connection>();
  readonly #calls = new Set<HalfCall>();
  readonly #looking: NodeJS.Timeout;
  #lastCall = 0;

  constructor({ wholeWithinMs = WHOLE_WITHIN_MS, most }: HalfSentLimits = {}) {
    this.#wholeWithinMs = wholeWithinMs;
    this.#waiting = new Waiting(most);
    this.#half = new Waiting(most);
    this.#looking = setInterval(() => this.#look(), Math.min(LOOK_MS, wholeWithinMs)).unref();
  }

  /** A connection that was just opened. */
  readonly opened = (socket: Socket): void => {
    const name = nameOf(socket);
    const { remoteAddress: address = '' } = socket;
    const openedAtMs = performance.now();
    this.#connections.set(name, { socket, address, openedAtMs, whole: 0, half: 0, wasUsed: false, wasLate: false });
    this.#waiting.add(address, name, () => socket.destroy());
    socket.once('close', () => {
      this.#connections.delete(name);
      this.#waiting.delete(address, name);
    });
  };

  readonly interceptor: ServerInterceptor = (method, call) => {
    const peer = call.getPeer();
    const connection = this.#connections.get(peer);
    const address = connection?.address ?? peer;
    this.#lastCall += 1;
    const name = String(this.#lastCall);
    let state: 'half' | 'whole' | 'over' = 'half';
    const half: HalfCall = {
      ...{ peer, begunAtMs: performance.now() },
      refuse: (code, details) => intercepted.sendStatus({ code, details }),
    };
    const forget = (): void => {
      if (!this.#calls.delete(half)) return;
      if (connection !== undefined) connection.half -= 1;
      this.#half.delete(address, name);
    };
    const whole = (): void => {
      if (state !== 'half') return;
      state = 'whole';
      forget();
      this.#used(peer, 1);
    };
    const over = (): void => {
      if (state === 'whole') this.#used(peer, -1);
      state = 'over';
      forget();
    };
    const intercepted = new ServerInterceptingCall(call, {
      start: (next) =>
        next(
          new ServerListenerBuilder()
            .withOnReceiveMessage((message, pass) => {
              // Who sends a stream may go on for as long as it likes; its first message is what it asks.
              if (method.requestStream) whole();
              if (state !== 'over') pass(message);
            })
            .withOnReceiveHalfClose((pass) => {
              whole();
              // What was refused is not done, though the rest of it came.
              if (state !== 'over') pass();
            })
            .withOnCancel(over)
            .build(),
        ),
      sendStatus: (said, next) => {
        over();
        next(said);
      },
    });
    this.#calls.add(half);
    if (connection !== undefined) connection.half += 1;
    this.#half.add(address, name, () =>
      half.refuse(status.RESOURCE_EXHAUSTED, 'too many calls of this address have begun and are not sent on'),
    );
    return intercepted;
  };

  stop(): void {
    clearInterval(this.#looking);
  }

  #used(peer: string, change: 1 | -1): void {
    const connection = this.#connections.get(peer);
    if (connection === undefined) return;
    connection.whole += change;
    connection.wasUsed = true;
    const { address, socket, whole } = connection;
    if (whole > 0) this.#waiting.delete(address, peer);
    else if (!socket.destroyed) this.#waiting.add(address, peer, () => socket.destroy());
  }

  #look(): void {
    const since = performance.now() - this.#wholeWithinMs;
    for (const { socket, openedAtMs, whole, half, wasUsed, wasLate } of this.#connections.values()) {
      const isUnused = !wasUsed && half === 0 && openedAtMs <= since;
      // What was said at the last look has gone out by now.
      if (isUnused || (wasLate && whole === 0)) socket.destroy();
    }
    for (const half of this.#calls) {
      if (half.begunAtMs > since) break;
      const connection = this.#connections.get(half.peer);
      if (connection !== undefined) connection.wasLate = true;
      half.refuse(status.DEADLINE_EXCEEDED, `the request was not sent within ${this.#wholeWithinMs / 1000} s`);
    }
  }
}
