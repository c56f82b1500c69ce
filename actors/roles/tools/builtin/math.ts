/**
 * The one mathjs instance of the tools. Owns its settings only. Callers must not hand it text they have not limited (see
 * calculator.ts).
 *
 * The library's bundle is one file: it loads in a tenth of the time of its single modules and takes a fifth of their
 * memory (docs/decisions/0020-mathjs-bundle.md).
 */
import mathjs from 'mathjs/lib/browser/math.js';

/** 64 digits: 2^200 and 0.1 + 0.2 come out exact. */
export const math = mathjs.create({ number: 'BigNumber', precision: 64 });
