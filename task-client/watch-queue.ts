/**
 * What a watcher has not taken yet. Owns: the bounds. Does not own: where items come from or go to.
 *
 * Invariants:
 * 1. Items come out in the order in which they went in, and before the end or the error that follows them.
 * 2. Neither one watcher nor all together hold more than their bounds; whoever goes over ends with SLOW_READER.
 */
import { MeshError } from './errors.ts';

/** More facts than any task has; more bytes than a few of the largest. */
const ITEMS_MAX = 2048;
const BYTES_MAX = 4 * 1024 * 1024;
/** Of all watchers together: a quarter of the gateway's heap. */
const BYTES_MAX_IN_ALL = 64 * 1024 * 1024;
/** Text that comes while this much is waiting is left out: it has numbers, and the result has the whole. */
const ROOM_SHARE = 0.25;

let bytesInAll = 0;

interface Entry<T> {
  readonly item: T;
  readonly bytes: number;
}

export class WatchQueue<T> implements AsyncIterable<T> {
  #entries: Entry<T>[] = [];
  #bytes = 0;
  #ended = false;
  #error: Error | null = null;
  #wake: () => void = () => undefined;
  readonly #onFail: (error: Error) => void;

  /** @param onFail told at once, also when nobody takes what is before the error */
  constructor(onFail: (error: Error) => void = () => undefined) {
    this.#onFail = onFail;
  }

  push(item: T, bytes: number): void {
    if (this.#isOver) return;
    const isFull =
      this.#entries.length >= ITEMS_MAX || this.#bytes + bytes > BYTES_MAX || bytesInAll + bytes > BYTES_MAX_IN_ALL;
    // A single item larger than the bound still goes through an empty queue.
    if (isFull && this.#entries.length > 0) this.fail(slowReader());
    else this.#add(item, bytes);
  }

  /** For what may be left out. */
  pushIfRoom(item: T, bytes: number): void {
    if (this.#isOver || this.#entries.length > ITEMS_MAX * ROOM_SHARE || this.#bytes > BYTES_MAX * ROOM_SHARE) return;
    this.#add(item, bytes);
  }

  /** Nothing comes any more; what is here is still taken. */
  end(): void {
    if (this.#isOver) return;
    this.#ended = true;
    this.#wake();
  }

  readonly fail = (error: Error): void => {
    if (this.#isOver) return;
    this.#error = error;
    this.#wake();
    this.#onFail(error);
  };

  /** What is here is not wanted any more. */
  close(): void {
    this.#ended = true;
    bytesInAll -= this.#bytes;
    this.#bytes = 0;
    this.#entries = [];
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const entry = this.#entries.shift();
      if (entry !== undefined) {
        this.#bytes -= entry.bytes;
        bytesInAll -= entry.bytes;
        yield entry.item;
      } else if (this.#error !== null) throw this.#error;
      else if (this.#ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  get #isOver(): boolean {
    return this.#ended || this.#error !== null;
  }

  #add(item: T, bytes: number): void {
    this.#entries.push({ item, bytes });
    this.#bytes += bytes;
    bytesInAll += bytes;
    this.#wake();
  }
}

function slowReader(): MeshError {
  return new MeshError(
    'resource_exhausted',
    'SLOW_READER',
    'the watcher is slower than its task; watch again with the cursor of the last item',
    { retryAfterMs: 1 },
  );
}
