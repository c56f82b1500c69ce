/**
 * A small value that JSON gives back as it is, copied without writing and reading it. Owns: telling such a value, and the copy,
 * which nobody outside can change. Does not own: what becomes of any other (`outcome.ts`).
 */
import { forbiddenKeys } from '../../../schemas/events/envelope.ts';

/** What one character of a text may take in JSON (`\u0000`), bytes. */
const CHARACTER_BYTES = 6;
/** A number, a word, or a bracket with its comma: no more than this, bytes. */
const TOKEN_BYTES = 26;
/** Far less than an event may be nested. */
const DEPTH_MAX = 16;

/**
 * @param maxBytes what its JSON may have
 * @returns undefined for what may be larger, deeper, or anything else after JSON
 */
export function plainCopy(value: unknown, maxBytes: number): unknown {
  let leftBytes = maxBytes;
  const takes = (characters: number): boolean => {
    leftBytes -= TOKEN_BYTES + characters * CHARACTER_BYTES;
    return leftBytes >= 0;
  };
  const copyOf = (item: unknown, depth: number): unknown => {
    switch (typeof item) {
      case 'string':
        return takes(item.length) ? item : undefined;
      case 'boolean':
        return takes(0) ? item : undefined;
      case 'number':
        return takes(0) && Number.isFinite(item) && !Object.is(item, -0) ? item : undefined;
      case 'object':
        if (item === null) return takes(0) ? item : undefined;
        // It may say its own JSON.
        if ('toJSON' in item || depth === DEPTH_MAX || !takes(0)) return undefined;
        return Array.isArray(item) ? listOf(item, depth + 1) : objectOf(item, depth + 1);
      default:
        return undefined;
    }
  };
  const listOf = (list: readonly unknown[], depth: number): unknown[] | undefined => {
    const copy: unknown[] = [];
    for (const item of list) {
      const copied = copyOf(item, depth);
      if (copied === undefined) return undefined;
      copy.push(copied);
    }
    return copy;
  };
  const objectOf = (object: object, depth: number): object | undefined => {
    if (Object.getPrototypeOf(object) !== Object.prototype) return undefined;
    const copy: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(object)) {
      if (forbiddenKeys.has(key) || !takes(key.length)) return undefined;
      const copied = copyOf(item, depth);
      if (copied === undefined) return undefined;
      copy[key] = copied;
    }
    return copy;
  };
  return copyOf(value, 0);
}
