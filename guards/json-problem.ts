/**
 * Where a text breaks off that should be JSON. Owns: saying so without any of it. What is set up by a file (callers, rules,
 * servers) may hold a secret, and the message of `JSON.parse` quotes what stands around the fault.
 */
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';

/** @param text that `JSON.parse` has refused */
export function jsonProblem(text: string): string {
  const errors: ParseError[] = [];
  parse(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  if (first === undefined) return 'it has a sign that JSON does not allow';
  const before = text.slice(0, first.offset).split('\n');
  const what = printParseErrorCode(first.error)
    .replace(/(?!^)(?=[A-Z])/g, ' ')
    .toLowerCase();
  return `${what} at line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}
