/** Arithmetic on dates: what prompts it reads, and what it answers at the edges of months, years and summer time. */
import { describe, expect, test } from 'vitest';
import { builtinTools } from '../../../actors/roles/tools/builtin/index.ts';
import { ask, context, toolNamed } from './support.ts';

const options = { now: () => new Date('2026-01-30T12:00:00Z') };
const date = toolNamed(builtinTools(options), 'date');

test.each([
  ['30 days from today', '2026-03-01, a Sunday'],
  ['What is the date 2 weeks after 2026-02-20?', '2026-03-06, a Friday'],
  ['what date is 1 month after 2026-01-31', '2026-02-28, a Saturday'],
  ['10 days ago', '2026-01-20, a Tuesday'],
  ['3 years before 29 February 2024', '2021-02-28, a Sunday'],
  ['how many days between 2024-02-28 and 2024-03-01?', '2 days from 2024-02-28'],
  ['how many days until 2026-12-25', '329 days from 2026-01-30 to 2026-12-25 (47 weeks)'],
  ['What day of the week was July 20, 1969?', '1969-07-20 is a Sunday, in week 1969-W29'],
  ['what day is 2026-07-04', '2026-07-04 is a Saturday'],
  ['convert 15:00 Berlin to Tokyo', '2026-01-30 15:00 in Europe/Berlin is 2026-01-30 23:00 in Asia/Tokyo'],
  ['what is 3pm New York in UTC', '2026-01-30 15:00 in America/New_York is 2026-01-30 20:00 in UTC'],
  ['2026-07-01 09:30 London time to India', '2026-07-01 09:30 in Europe/London is 2026-07-01 14:00 in Asia/Kolkata'],
])('%s', async (prompt, beginning) => {
  expect((await ask(prompt, options))?.slice(0, `date: ${beginning}`.length)).toBe(`date: ${beginning}`);
});

test.each([
  'how many days does a crash take',
  'what day is good for a release',
  'convert 15:00 to a number',
  '3 days from hell',
])('%s is not about a date', async (prompt) => {
  expect(await ask(prompt, options)).toBeNull();
});

describe('by its arguments', () => {
  const run = (args: Record<string, unknown>) => date.run(args, context);

  test('summer time: an hour that is left out is the one after it, one that comes twice the first', async () => {
    const zones = { action: 'in_zone', fromZone: 'Europe/Berlin', toZone: 'UTC' };
    expect(await run({ ...zones, date: '2026-03-29 02:30' })).toMatch(/is 2026-03-29 01:30 in UTC$/);
    expect(await run({ ...zones, date: '2026-10-25 02:30' })).toMatch(/is 2026-10-25 0[01]:30 in UTC$/);
    expect(await run({ ...zones, date: '2026-10-25 03:30' })).toMatch(/is 2026-10-25 02:30 in UTC$/);
  });

  test('weeks of the year by ISO 8601', async () => {
    expect(await run({ action: 'weekday', date: '2027-01-01' })).toBe('2027-01-01 is a Friday, in week 2026-W53');
    expect(await run({ action: 'weekday', date: '2024-12-30' })).toBe('2024-12-30 is a Monday, in week 2025-W01');
  });

  test.each([
    [{ action: 'add', date: '2026-02-30', amount: 1, unit: 'days' }, '2026-02-30 is not a date'],
    [{ action: 'add', date: '2026-01-01' }, 'amount and unit are missing'],
    [{ action: 'add', date: '2026-01-01', amount: 900000, unit: 'years' }, 'more than four digits'],
    [{ action: 'between', date: '2026-01-01' }, 'the second date (to) is missing'],
    [{ action: 'in_zone', date: '25:00', fromZone: 'UTC', toZone: 'Tokyo' }, '25:00 is not a time'],
    [{ action: 'in_zone', date: '15:00', fromZone: 'Narnia', toZone: 'UTC' }, 'Narnia is not a time zone'],
    [{ action: 'guess', date: 'today' }, 'must be equal to one of the allowed values'],
  ])('%j is refused', async (args, message) => {
    await expect(run(args)).rejects.toThrow(message);
  });
});
