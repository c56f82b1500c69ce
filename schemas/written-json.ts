/**
 * JSON that a person has written: callers, rules, servers, workflows. Owns: reading it, and the words for what is wrong. Does
 * not own: what has to stand in it, or the name of the file, which whoever reads it says before these words.
 *
 * Invariants:
 * 1. Of the text nothing is said but names of fields: it may hold a secret, and the message of `JSON.parse` quotes what stands
 *    around the fault.
 * 2. A name that stands twice in one object is refused: of the two `JSON.parse` keeps the last, and whoever wrote the other
 *    never hears of it (RFC 8259, section 4).
 */
import { type ParseError, parse, printParseErrorCode, visit } from 'jsonc-parser';

/** The message is one line. */
export class WrittenJsonError extends Error {
  override readonly name = 'WrittenJsonError';
}

/** @throws WrittenJsonError */
export function readWrittenJson(text: string): unknown {
  // Some editors begin a file with a byte order mark, which nobody sees.
  const json = text.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new WrittenJsonError(`is not JSON: ${withinStack(() => faultIn(json))}`);
  }
  const doubled = withinStack(() => doubledIn(json));
  if (doubled !== null) throw new WrittenJsonError(doubled);
  return value;
}

/** @throws WrittenJsonError for brackets in brackets without end; nothing that is written by hand is like that */
function withinStack<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    if (error instanceof RangeError) throw new WrittenJsonError('has too many brackets within brackets');
    throw error;
  }
}

function faultIn(json: string): string {
  const errors: ParseError[] = [];
  parse(json, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  if (first === undefined) return 'it has a sign that JSON does not allow';
  const before = json.slice(0, first.offset).split('\n');
  const what = printParseErrorCode(first.error)
    .replace(/(?!^)(?=[A-Z])/g, ' ')
    .toLowerCase();
  return `${what} at line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}

/** The field and why it is refused; null when each name stands once. */
function doubledIn(json: string): string | null {
  const open: Set<string>[] = [];
  let found: string | null = null;
  visit(json, {
    onObjectBegin: () => void open.push(new Set()),
    onObjectEnd: () => void open.pop(),
    onObjectProperty(name, _offset, _length, line, _character, pathOf) {
      const names = open.at(-1);
      if (names?.has(name) && found === null) {
        const field = [...pathOf().map(String), name].join('.');
        found = `${field}: it stands there twice (again in line ${line + 1}): leave one of them`;
      }
      names?.add(name);
    },
  });
  return found;
}
