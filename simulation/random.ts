/**
 * Seeded randomness. Owns: the generator and the streams that a seed is divided into. Does not own: what is decided by
 * it. Nothing in a simulated run may draw from anywhere else.
 */

/** FNV-1a over UTF-16 code units: spreads labels over seeds. */
function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

export class Random {
  readonly #label: string;
  #a: number;
  #b: number;

  constructor(label: string) {
    this.#label = label;
    this.#a = spread(label);
    this.#b = spread(`${label}/second`) | 1;
    for (let round = 0; round < 4; round += 1) this.unit();
  }

  /** In [0, 1). Two mixed counters (SplitMix32 over a Weyl sequence). */
  unit(): number {
    this.#a = (this.#a + 0x9e3779b9 + (this.#b << 1)) | 0;
    let mixed = this.#a ^ (this.#a >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    mixed ^= mixed >>> 15;
    return (mixed >>> 0) / 0x1_0000_0000;
  }

  /** A whole number, both ends included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  /** Small numbers are likelier: each octave of the range is as likely as the next. */
  skewed(min: number, max: number): number {
    return Math.floor(min * ((max + 1) / min) ** this.unit());
  }

  /** An independent stream: what is drawn from it does not move this one. */
  fork(label: string | number): Random {
    return new Random(`${this.#label}/${label}`);
  }
}
