/** What is said of a broken file that a person wrote, and that may hold secrets: where, in the same words, and none of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { parsePolicy } from '../../../actors/roles/tools/policy.ts';
import { loadWorkflows } from '../../../actors/workflows/index.ts';
import { parseTrail } from '../../../cli/trail-file.ts';
import { readCallers } from '../../../gateway/core/callers-file.ts';
import { parseMcpConfig } from '../../../mcp/client/config.ts';
import { readWrittenJson, WrittenJsonError } from '../../../schemas/written-json.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-json-problem-'));
afterAll(() => rmSync(folder, { recursive: true }));
const workflows = mkdtempSync(join(folder, 'workflows-'));
const SECRET = 'HUNTER2';

function messageOf(work: () => unknown): string {
  try {
    return JSON.stringify(work());
  } catch (error) {
    return error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error);
  }
}

function problemOf(text: string): string | null {
  try {
    readWrittenJson(text);
    return null;
  } catch (error) {
    if (error instanceof WrittenJsonError) return error.message;
    throw error;
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
  workflows(text) {
    writeFileSync(join(workflows, 'mine.json'), text);
    return messageOf(() => loadWorkflows(new Set(), workflows));
  },
  trails: (text) => messageOf(() => parseTrail(text, 'x.json')),
};

test.each(Object.entries(readers))('a broken file of %s is named by the place of the fault', (_, read) => {
  const said = read(`{\n  "token": ${SECRET}\n}`);
  expect(said).toContain('is not JSON: invalid symbol at line 2, column 12');
  expect(said).not.toContain(SECRET);
});

test.each(Object.entries(readers))('a name that stands twice in %s is named, and not what it says', (_, read) => {
  const said = read(`\uFEFF{"a": {"b": "${SECRET}",\n"b": "${SECRET}"}}`);
  expect(said).toContain('a.b: it stands there twice (again in line 2): leave one of them');
  expect(said).not.toContain(SECRET);
});

test.each(Object.entries(readers))('brackets without end in %s are refused like any other fault', (_, read) => {
  const deep = 200_000;
  for (const text of ['['.repeat(deep), `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`])
    expect(read(text)).toContain('too many brackets within brackets');
});

test.each([
  ['{"a": 1', 'close brace expected at line 1, column 8'],
  ['[1,]', 'value expected at line 1, column 4'],
  ['{} // x', 'invalid comment token at line 1, column 4'],
  ['', 'value expected at line 1, column 1'],
  ['"\u0001"', 'invalid character at line 1, column 1'],
])('%j: %s', (text, said) => {
  expect(problemOf(text)).toBe(`is not JSON: ${said}`);
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
        expect(problemOf(text) ?? '').not.toMatch(/[HUNTER]{2}/);
      },
    ),
  );
});
