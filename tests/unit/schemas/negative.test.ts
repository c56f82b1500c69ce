/** What must not be accepted: each file of the folder says why, and with which code it is refused (S9). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseEvent } from '../../../schemas/events/envelope.ts';

const folder = join(import.meta.dirname, '../../../schemas/events/negative');
const Case = z.strictObject({
  reason: z.string().min(1),
  code: z.string().min(1),
  event: z.unknown().optional(),
  raw: z.string().optional(),
});

const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

test('there are cases', () => {
  expect(files.length).toBeGreaterThan(80);
});

test.each(files)('S9: %s is refused', (file) => {
  const { code, event, raw } = Case.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')));
  const parsed = parseEvent(Buffer.from(raw ?? JSON.stringify(event)));
  expect(parsed).toMatchObject({ ok: false, rejection: { code } });
  if (!parsed.ok) expect(parsed.rejection.reason).toMatch(/^[^\n]{5,500}$/s);
});

test('nothing of it reaches the prototype of objects', () => {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
