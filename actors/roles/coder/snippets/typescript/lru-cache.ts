/** A cache of limited size that forgets the entry not used for the longest time. Reading counts as using. */
export class LruCache<Key, Value> {
  // A Map keeps insertion order, so the first entry is the oldest once every use re-inserts.
  readonly #entries = new Map<Key, Value>();
  readonly #sizeMax: number;

  constructor(sizeMax: number) {
    if (!Number.isInteger(sizeMax) || sizeMax < 1) throw new RangeError('The size must be a positive integer.');
    this.#sizeMax = sizeMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: Key, value: Value): this {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#sizeMax) break;
      this.#entries.delete(oldest);
    }
    return this;
  }

  delete(key: Key): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
