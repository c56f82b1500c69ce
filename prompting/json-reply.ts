/**
 * JSON in what a model wrote: bare, fenced, in tags, with words around it, with slips in it. Owns: finding the values.
 * Does not own: what they mean.
 */
import { jsonrepair } from 'jsonrepair';
import { fencedBlocks } from '../code-checks/fenced-blocks.ts';

/** Objects looked at in one reply; a model that writes more means none of them. */
const VALUES_MAX = 50;
/** Longer than this nothing is repaired: it is no choice and no verdict. */
const REPAIR_CHARS_MAX = 50_000;
/**
 * Characters read in search of objects, each as often as it is read: for some tens of milliseconds. A text of braces that
 * nothing closes would be read to its end for each of them.
 */
const READ_CHARS_MAX = 4_000_000;
/** A repair reads a character about this often. */
const REPAIR_READS = 20;

/** What may still be read. */
interface Budget {
  chars: number;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The JSON objects of the reply, those in fences first, in order; objects in an array are each one. At most 50, and none
 * behind more unclosed braces than can be read in reasonable time. With `closed` none that ends where the text does.
 */
export function jsonObjectsIn(text: string, { closed = false } = {}): Record<string, unknown>[] {
  const budget: Budget = { chars: READ_CHARS_MAX };
  const found: Record<string, unknown>[] = [];
  for (const source of sourcesIn(text)) {
    if (found.length >= VALUES_MAX) break;
    found.push(...objectsIn(source, budget, closed));
  }
  return found.slice(0, VALUES_MAX);
}

function* sourcesIn(text: string): Generator<string> {
  for (const block of fencedBlocks(text)) yield block.text;
  yield text;
}

function objectsIn(source: string, budget: Budget, closed: boolean): Record<string, unknown>[] {
  if (!source.includes('{')) return [];
  const whole = parsed(source.trim());
  if (whole !== undefined) return recordsOf(whole);
  const found: Record<string, unknown>[] = [];
  let at = source.indexOf('{');
  while (at !== -1 && found.length < VALUES_MAX && budget.chars > 0) {
    const end = endOf(source, at);
    const piece = source.slice(at, end ?? source.length);
    budget.chars -= 2 * piece.length;
    const value = end === null && closed ? undefined : (parsed(piece) ?? repaired(piece, budget));
    if (isRecord(value) && Object.keys(value).length > 0) found.push(value);
    at = source.indexOf('{', isRecord(value) ? (end ?? source.length) : at + 1);
  }
  return found;
}

/** Objects, also those of an array. */
function recordsOf(value: unknown): Record<string, unknown>[] {
  if (isRecord(value)) return [value];
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** The place after the brace that closes the one at `from`; null when none does. */
function endOf(source: string, from: number): number | null {
  let depth = 0;
  let quoted = false;
  for (let at = from; at < source.length; at += 1) {
    const character = source[at];
    if (quoted) {
      if (character === '\\') at += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return null;
}

export function parsed(source: string): unknown {
  try {
    return JSON.parse(source) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Behind the brace, and comments, a name. */
const NAMED_FIRST = /^\{(?:\s|\/\/[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*["']?[A-Za-z_]\w*["']?\s*:/;

/** Trailing commas, single quotes, comments, a missing brace at the end. */
function repaired(source: string, budget: Budget): unknown {
  // What does not begin as an object of names would be guessed into one.
  if (source.length > REPAIR_CHARS_MAX || !NAMED_FIRST.test(source)) return undefined;
  budget.chars -= REPAIR_READS * source.length;
  try {
    return parsed(jsonrepair(source));
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
