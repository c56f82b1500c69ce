/** What is said of a broken file that may hold secrets: where, and none of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { parsePolicy } from '../../../actors/roles/tools/policy.ts';
import { readCallers } from '../../../gateway/core/callers-file.ts';
import { jsonProblem } from '../../../guards/json-problem.ts';
import { parseMcpConfig } from '../../../mcp/client/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-json-problem-'));
afterAll(() => rmSync(folder, { recursive: true }));
const SECRET = 'HUNTER2';

function messageOf(work: () => unknown): string {
  try {
    return JSON.stringify(work());
  } catch (error) {
    return error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error);
  }
}

const readers: Readonly<Record<string, (text: string) => string>> = {
  callers(text) {
    const path = join(folder, 'callers.json');
    writeFileSync(path, text, { mode: 0o600 });
    return messageOf(() => readCallers(path, { info: () => undefined, error: () => undefined }));
  },
  policy: (text) => messageOf(() => parsePolicy(text)),
  servers: (text) => messageOf(() => parseMcpConfig(text, 'mcp.json', {})),
};

test.each(Object.entries(readers))('a broken file of %s is named by the place of the fault', (_, read) => {
  const said = read(`{\n  "token": ${SECRET}\n}`);
  expect(said).toContain('invalid symbol at line 2, column 12');
  expect(said).not.toContain(SECRET);
});

test.each([
  ['{"a": 1', 'close brace expected at line 1, column 8'],
  ['[1,]', 'value expected at line 1, column 4'],
  ['{} // x', 'invalid comment token at line 1, column 4'],
  ['', 'value expected at line 1, column 1'],
  ['"\u0001"', 'invalid character at line 1, column 1'],
])('%j: %s', (text, said) => {
  expect(() => JSON.parse(text)).toThrow();
  expect(jsonProblem(text)).toBe(said);
});

test('whatever is wrong, and wherever, nothing of the file is said', () => {
  const whole = JSON.stringify({ servers: [{ name: SECRET, headers: { Authorization: `Bearer ${SECRET}` } }] });
  fc.assert(
    fc.property(
      fc.nat(whole.length),
      fc.nat(3),
      fc.constantFrom('', '"', '}', ',', '\\', 'x', '\u0000'),
      (at, cut, put) => {
        const text = whole.slice(0, at) + put + whole.slice(at + cut);
        expect(jsonProblem(text)).not.toMatch(/[HUNTER]{2}/);
      },
    ),
  );
});
