/** A cache of limited size that forgets the entry not used for the longest time. Reading counts as using. */
export class LruCache {
  // A Map keeps insertion order, so the first entry is the oldest once every use re-inserts.
  #entries = new Map();
  #sizeMax;
  constructor(sizeMax) {
    if (!Number.isInteger(sizeMax) || sizeMax < 1) throw new RangeError('The size must be a positive integer.');
    this.#sizeMax = sizeMax;
  }
  get size() {
    return this.#entries.size;
  }
  has(key) {
    return this.#entries.has(key);
  }
  get(key) {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }
  set(key, value) {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#sizeMax) break;
      this.#entries.delete(oldest);
    }
    return this;
  }
  delete(key) {
    return this.#entries.delete(key);
  }
  clear() {
    this.#entries.clear();
  }
}
