/**
 * The one mathjs instance of the tools: building it takes most of a second's work, so it is built once.
 * Owns its settings only. Callers must not hand it text they have not limited (see calculator.ts).
 */
import { all, create } from 'mathjs';

/** 64 digits: 2^200 and 0.1 + 0.2 come out exact. */
export const math = create(all ?? {}, { number: 'BigNumber', precision: 64 });
