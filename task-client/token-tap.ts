/**
 * The text of a task while it is written. Owns: hearing it from the moment at which somebody wants to, and keeping what is
 * heard until it is known where it goes. Does not own: what is shown of it.
 *
 * Text on its way is stored nowhere: whoever listens only after having told the mesh to go on misses its beginning.
 */
import type { Bus } from '../bus/port.ts';
import { tokenSubject } from '../schemas/events/subjects.ts';

export interface TokenItem {
  readonly attempt: number;
  readonly number: number;
  readonly text: string;
  /** What is written: `answer`, `code`, `review`; empty when the writer did not say. */
  readonly purpose: string;
  /** The generation, unique in the task together with the attempt. */
  readonly requestId: string;
}

type Sink = (token: TokenItem, bytes: number) => void;

/** More than is written while a message is being accepted; the answer itself is whole without any of it. */
const KEPT_MAX = 1024;

export class TokenTap {
  readonly #kept: Parameters<Sink>[] = [];
  readonly #end: () => void;
  #sink: Sink | null = null;

  constructor(bus: Pick<Bus, 'subscribeVolatile'>, correlationId: string) {
    this.#end = bus.subscribeVolatile(tokenSubject(correlationId), (_subject, data) => {
      const token = readToken(data);
      if (token === null) return;
      if (this.#sink !== null) this.#sink(token, data.byteLength);
      else if (this.#kept.length < KEPT_MAX) this.#kept.push([token, data.byteLength]);
    });
  }

  /** What was kept at once, and what comes from now on. */
  into(sink: Sink): void {
    this.#sink = sink;
    for (const kept of this.#kept.splice(0)) sink(...kept);
  }

  /** May be called twice. */
  close(): void {
    this.#end();
  }
}

/** Null for what is no text of ours: it is not stored, so anybody on the server may send it. */
function readToken(data: Uint8Array): TokenItem | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    if (typeof value !== 'object' || value === null) return null;
    const { attempt, number, text, purpose = '', requestId = '' } = value as Record<string, unknown>;
    if (typeof attempt !== 'number' || typeof number !== 'number' || typeof text !== 'string') return null;
    if (typeof purpose !== 'string' || typeof requestId !== 'string') return null;
    return { attempt, number, text, purpose, requestId };
  } catch {
    return null;
  }
}
