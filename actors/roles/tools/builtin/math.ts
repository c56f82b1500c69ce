/**
 * The one mathjs instance of the tools. Owns its settings only. Callers must not hand it text they have not limited (see
 * calculator.ts).
 *
 * The library's bundle is one file: it loads in a tenth of the time of its single modules and takes a fifth of their
 * memory (docs/decisions/0020-mathjs-bundle.md).
 */
import { createRequire } from 'node:module';
import type { MathJsInstance } from 'mathjs';

interface Bundle {
  create(config: { number: 'BigNumber'; precision: number }): Instance;
}

/** With the class of its numbers, which keeps settings of its own and which the library's types leave out. */
interface Instance extends MathJsInstance {
  readonly BigNumber: { config(settings: { readonly precision: number }): void };
}

const PRECISION = 64;

let instance: Instance | null = null;

/** Loaded at its first use, and at once, as prompts are matched without waiting. 64 digits: 2^200 comes out exact. */
export function math(): Instance {
  if (instance === null) {
    const bundle = createRequire(import.meta.url)('mathjs/lib/browser/math.js') as Bundle;
    instance = bundle.create({ number: 'BigNumber', precision: PRECISION });
  }
  return instance;
}

/** The library raises its precision while it computes and leaves it so when it fails: afterwards it is what it was. */
export function withSettings<T>(compute: () => T): T {
  try {
    return compute();
  } finally {
    math().BigNumber.config({ precision: PRECISION });
  }
}
