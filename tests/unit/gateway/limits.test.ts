/** Small parts of the gateway: who may call, how much, and where a cursor points. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { Admission } from '../../../gateway/core/admission.ts';
import { byCertificate, onlyLocal } from '../../../gateway/core/callers.ts';
import { readCallers } from '../../../gateway/core/callers-file.ts';
import { exposureProblem } from '../../../gateway/exposure.ts';
import { BEGINNING } from '../../../schemas/events/fact.ts';
import { cursorAt, logMark, placeOfCursor } from '../../../task-client/cursor.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-gateway-unit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('exposure', () => {
  const open = { hasCallers: false, hasTls: false, hasClientAuthority: false };

  test.each(['127.0.0.1', '127.8.9.10', '::1', 'localhost'])('%s is this machine', (host) => {
    expect(exposureProblem({ host, ...open })).toBeNull();
  });

  test.each(['0.0.0.0', '::', '10.0.0.7', '192.168.1.2', 'fe80::1', 'mesh.example.org', '127.0.0.1.example.org'])(
    '%s is reached from elsewhere',
    (host) => {
      expect(exposureProblem({ host, ...open })).toContain('MESH_GATEWAY_CALLERS');
      expect(exposureProblem({ host, ...open, hasTls: true })).toContain('MESH_GATEWAY_CALLERS');
      expect(exposureProblem({ host, ...open, hasCallers: true })).toBeNull();
      expect(exposureProblem({ host, ...open, hasTls: true, hasClientAuthority: true })).toBeNull();
    },
  );
});

describe('callers', () => {
  const path = join(folder, 'callers.json');
  const entries = [
    { name: 'alice', tokenSha256: sha('a') },
    { name: 'root', role: 'admin', tokenSha256: sha('r'), certificate: 'root.example.org' },
  ];
  writeFileSync(path, JSON.stringify({ callers: entries }), { mode: 0o600 });
  const callers = readCallers(path, { info: () => undefined, error: () => undefined });
  afterAll(() => callers.close());

  test('by token', () => {
    expect(callers.identify({ authorization: 'Bearer a' })).toEqual({ name: 'alice', role: 'user' });
    expect(callers.identify({ authorization: 'bearer  r' })).toEqual({ name: 'root', role: 'admin' });
  });

  test('by certificate; a token that is sent decides', () => {
    const certificate = 'root.example.org';
    expect(callers.identify({ certificate })).toEqual({ name: 'root', role: 'admin' });
    expect(callers.identify({ certificate, authorization: 'Bearer a' }).name).toBe('alice');
    expect(() => callers.identify({ certificate, authorization: 'Bearer wrong' })).toThrow('not known');
  });

  test.each([
    ['', 'NO_TOKEN'],
    ['a', 'NO_TOKEN'],
    ['Basic a', 'NO_TOKEN'],
    ['Bearer', 'NO_TOKEN'],
    ['Bearer a b', 'NO_TOKEN'],
    ['Bearer b', 'WRONG_TOKEN'],
    [`Bearer ${sha('a')}`, 'WRONG_TOKEN'],
  ])('%j is nobody', (authorization, reason) => {
    expect(() => callers.identify({ authorization })).toThrow(
      expect.objectContaining({ code: 'unauthenticated', reason }),
    );
  });

  test('without a file: the person at this machine, or whoever the certificate names', () => {
    expect(onlyLocal.identify({})).toEqual({ name: 'local', role: 'admin' });
    expect(byCertificate.identify({ certificate: 'carol' })).toEqual({ name: 'cert:carol', role: 'user' });
    expect(() => byCertificate.identify({})).toThrow('certificate');
  });
});

describe('admission', () => {
  const caller = { name: 'alice', role: 'user' } as const;

  test('S8: never more at once than allowed, whatever comes and goes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 60 }), async (comes) => {
        const admission = new Admission({ callsPerSecond: 10_000, callsAtOnce: 3 });
        const inside: (() => void)[] = [];
        for (const come of comes) {
          if (!come) inside.shift()?.();
          else if (inside.length < 3) inside.push(await admission.enter(caller));
          else await expect(admission.enter(caller)).rejects.toMatchObject({ reason: 'CONCURRENCY_LIMIT' });
          expect(admission.callsUnderWay).toBe(inside.length);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('leaving twice counts once; a call refused by its rate counts not at all', async () => {
    const admission = new Admission({ callsPerSecond: 1, callsAtOnce: 10 });
    const leave = await admission.enter(caller);
    leave();
    leave();
    await admission.enter(caller).then((out) => out());
    await expect(admission.enter(caller)).rejects.toMatchObject({
      code: 'resource_exhausted',
      reason: 'RATE_LIMIT',
      retryAfterMs: expect.any(Number),
    });
    expect(admission.callsUnderWay).toBe(0);
    const other = await admission.enter({ name: 'bob', role: 'user' });
    expect(admission.callsUnderWay).toBe(1);
    other();
  });
});

describe('cursors', () => {
  test('say the place in their own log, and the beginning in another', () => {
    const [mine, other] = [logMark('2026-01-01T00:00:00Z'), logMark('2026-01-02T00:00:00Z')];
    fc.assert(
      fc.property(fc.record({ seq: fc.nat(), index: fc.nat(2000) }), (place) => {
        expect(placeOfCursor(cursorAt(mine, place), mine)).toEqual(place);
        expect(placeOfCursor(cursorAt(mine, place), other)).toEqual(BEGINNING);
      }),
    );
    expect(placeOfCursor('', mine)).toEqual(BEGINNING);
  });

  test('of the time when a message held one fact, they say that fact', () => {
    expect(placeOfCursor('abcdef01-7', 'abcdef01')).toEqual({ seq: 7, index: 0 });
    expect(cursorAt('abcdef01', { seq: 7, index: 0 })).toBe('abcdef01-7');
    expect(cursorAt('abcdef01', { seq: 7, index: 3 })).toBe('abcdef01-7-3');
  });

  test.each([
    ...['7', 'x-7', 'abcdef01-', 'abcdef01--7', 'ABCDEF01-7', 'abcdef01-7.5', 'abcdef01-9999999999999999'],
    ...['abcdef01-7-', 'abcdef01-7-0', 'abcdef01-7-01', 'abcdef01-7-x', 'abcdef01-7-1-1', 'abcdef01-7-9999999'],
  ])('%s is none', (cursor) => {
    expect(() => placeOfCursor(cursor, 'abcdef01')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });
});
