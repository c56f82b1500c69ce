/** Where events go: the hash, the partitions and the only builders of subjects. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  factSubject,
  fnv1a32,
  INGRESS_SUBJECT,
  inboxFilter,
  inboxSubject,
  isCorrelationId,
  PARTITIONS,
  parseSubject,
  partitionOf,
  quarantineSubject,
  readCorrelationId,
  tokenSubject,
} from '../../../schemas/events/subjects.ts';

const TASK = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const roles = fc.stringMatching(/^[a-z][a-z0-9]{0,31}$/);
const correlationIds = fc.uuid({ version: 4 });

describe('FNV-1a, 32 bits', () => {
  // Vectors of the reference implementation's test program (Landon Curt Noll).
  test.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['b', 0xe70c2de5],
    ['fo', 0x6222e842],
    ['foo', 0xa9f37ed7],
    ['foob', 0x3f5076ef],
    ['fooba', 0x39aaa18a],
    ['foobar', 0xbf9cf968],
    ['chongo was here!\n', 0xd49930d5],
  ])('of %j', (text, hash) => {
    expect(fnv1a32(text)).toBe(hash);
  });

  test('is over UTF-8, not over characters', () => {
    expect(fnv1a32('ü')).toBe(fnv1a32(Buffer.from([0xc3, 0xbc]).toString('utf8')));
    expect(fnv1a32('ü')).not.toBe(fnv1a32('u'));
  });
});

describe('partitions', () => {
  // Subjects and ledgers hold these numbers: a change of any of them loses tasks.
  test.each([
    ['7c9e6679-7425-40de-944b-e07fc1f90ae7', 'P3'],
    ['6f1d2c84-5b7a-4c39-9e0d-2a1b3c4d5e6f', 'P7'],
    ['b2f7c1d0-93ab-4e55-8c21-0f4d6a7b8c9d', 'P4'],
    ['0c8e4a36-71d2-4f9b-a6c5-d3e2f1a0b9c8', 'P7'],
    ['e94b7d15-2c60-4a83-b7f8-5a6c7d8e9f01', 'P3'],
    ['00000000-0000-4000-8000-000000000000', 'P5'],
    ['ffffffff-ffff-4fff-bfff-ffffffffffff', 'P3'],
  ])('%s stays where it was', (correlationId, partition) => {
    expect(`P${partitionOf(correlationId)}`).toBe(partition);
  });

  test('S7: every one is in range, and all are used', () => {
    const counts = new Map<number, number>();
    fc.assert(
      fc.property(correlationIds, (id) => {
        const partition = partitionOf(id);
        counts.set(partition, (counts.get(partition) ?? 0) + 1);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(PARTITIONS);
      }),
      { numRuns: 800, seed: 1 },
    );
    expect([...counts.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(Math.max(...counts.values())).toBeLessThan(200);
  });
});

const injections = [
  '',
  '.',
  '*',
  '>',
  'a.b',
  'a *',
  ' coder',
  'coder ',
  'coder\n',
  'Coder',
  'cöder',
  '$SYS',
  'a'.repeat(33),
  '0a',
];

describe('builders refuse what would be another subject', () => {
  test.each(injections)('the role %j', (role) => {
    expect(() => inboxSubject(role, TASK)).toThrow(/not a role/);
    expect(() => inboxFilter(role)).toThrow(/not a role/);
    expect(() => quarantineSubject(role)).toThrow(/not a role/);
  });

  test.each([TASK.toUpperCase(), `urn:uuid:${TASK}`, `URN:UUID:${TASK}`, `{${TASK.toUpperCase()}}`])(
    '%s is read as the id that it is',
    (text) => expect(readCorrelationId(text)).toBe(TASK),
  );

  test.each([`{${TASK}`, `urn:uuid:{${TASK}}`, `{{${TASK}}}`, ` ${TASK}`, TASK.replaceAll('-', '')])(
    '%j is read as none',
    (text) => expect(readCorrelationId(text)).toBeNull(),
  );

  test.each([
    ...injections,
    TASK.toUpperCase(),
    `${TASK}.>`,
    `${TASK}\n`,
    TASK.slice(1),
    '*',
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
  ])('the correlation id %j', (id) => {
    expect(isCorrelationId(id)).toBe(false);
    expect(() => inboxSubject('coder', id)).toThrow(/not a correlation id/);
    expect(() => factSubject(id)).toThrow(/not a correlation id/);
    expect(() => tokenSubject(id)).toThrow(/not a correlation id/);
  });

  test('the message does not carry a long text on', () => {
    expect(() => factSubject('x'.repeat(10_000))).toThrow(/^.{0,140}$/);
  });
});

describe('parsing is the inverse of building', () => {
  test('an inbox', () => {
    fc.assert(
      fc.property(roles, correlationIds, (role, correlationId) => {
        const partition = partitionOf(correlationId);
        expect(parseSubject(inboxSubject(role, correlationId))).toEqual({
          kind: 'inbox',
          role,
          partition,
          correlationId,
        });
      }),
    );
  });

  test('facts and the ingress', () => {
    fc.assert(
      fc.property(correlationIds, (correlationId) => {
        expect(parseSubject(factSubject(correlationId))).toEqual({ kind: 'fact', correlationId });
        expect(parseSubject(tokenSubject(correlationId))).toEqual({ kind: 'other' });
      }),
    );
    expect(parseSubject(INGRESS_SUBJECT)).toEqual({ kind: 'ingress' });
  });

  test('whatever parses as an inbox is what the builder would have built', () => {
    const piece = fc.oneof(
      fc.constantFrom('mesh', 'in', 'events', 'tasks', 'coder', '0', '7', '', '*', '>'),
      correlationIds,
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const subject = pieces.join('.');
        const parsed = parseSubject(subject);
        if (parsed.kind === 'inbox') expect(inboxSubject(parsed.role, parsed.correlationId)).toBe(subject);
        if (parsed.kind === 'fact') expect(factSubject(parsed.correlationId)).toBe(subject);
      }),
    );
  });

  test.each([
    ['the wrong partition', `mesh.in.coder.${(partitionOf(TASK) + 1) % PARTITIONS}.${TASK}`],
    ['a partition with a zero before it', `mesh.in.coder.0${partitionOf(TASK)}.${TASK}`],
    ['one token too many', `${inboxSubject('coder', TASK)}.x`],
    ['another tree', inboxSubject('coder', TASK).replace('mesh', 'mash')],
    ['an inbox without a task', 'mesh.in.coder'],
    ['nothing', ''],
  ])('%s is nobody’s', (_what, subject) => {
    expect(parseSubject(subject)).toEqual({ kind: 'other' });
  });
});
