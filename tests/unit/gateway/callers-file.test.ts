/** The file of callers while the gateway runs: who is one, who is one no more, and whose name nobody can take. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Admission } from '../../../gateway/core/admission.ts';
import { byCertificate } from '../../../gateway/core/callers.ts';
import { type FileCallers, readCallers } from '../../../gateway/core/callers-file.ts';
import { enter } from '../../../gateway/core/entry.ts';
import type { Caller } from '../../../task-client/caller.ts';
import { MeshError } from '../../../task-client/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-callers-file-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'callers.json');
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const alice = { name: 'alice', tokenSha256: sha('a') };
const bob = { name: 'bob', tokenSha256: sha('b') };

function write(callers: readonly object[], mode = 0o600): void {
  const next = join(folder, 'next.json');
  writeFileSync(next, JSON.stringify({ callers }), { mode });
  chmodSync(next, mode);
  renameSync(next, path);
}

const told: string[] = [];
const log = {
  info: (_fields: object, message: string) => void told.push(message),
  error: (_fields: object, message: string) => void told.push(message),
};
const opened: FileCallers[] = [];
function open(): FileCallers {
  const callers = readCallers(path, log);
  opened.push(callers);
  return callers;
}
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
  told.length = 0;
});
const as = (token: string) => ({ authorization: `Bearer ${token}` });
const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return error instanceof MeshError ? error.reason : String(error);
  }
  return 'taken';
};

describe('a file that changes', () => {
  test('a token that was taken out is refused at the next call, and a new one is known', () => {
    write([alice, bob]);
    const callers = open();
    expect(callers.identify(as('a')).name).toBe('alice');
    write([bob, { name: 'carol', tokenSha256: sha('c') }]);
    expect(refusal(() => callers.identify(as('a')))).toBe('WRONG_TOKEN');
    expect([callers.identify(as('b')).name, callers.identify(as('c')).name]).toEqual(['bob', 'carol']);
    expect(callers.isKnown({ name: 'alice', role: 'user' })).toBe(false);
    expect(callers.isKnown({ name: 'bob', role: 'admin' })).toBe(false);
  });

  test('the last one can be taken out too', () => {
    write([alice]);
    const callers = open();
    write([]);
    expect(refusal(() => callers.identify(as('a')))).toBe('WRONG_TOKEN');
    expect(() => open()).toThrow('names nobody');
  });

  test.each([
    ['taken out', [bob]],
    ['given another role', [{ ...alice, role: 'observer' }, bob]],
    ['given another token', [{ ...alice, tokenSha256: sha('other') }, bob]],
    ["another's by now", [{ ...bob, tokenSha256: sha('a') }]],
  ])('calls under way of a caller who is %s end by themselves; those of others go on', async (_what, after) => {
    write([alice, bob]);
    const doorkeepers = { callers: open(), admission: new Admission({ callsPerSecond: 100, callsAtOnce: 10 }) };
    const [hers, his] = await Promise.all([enter(doorkeepers, as('a')), enter(doorkeepers, as('b'))]);
    const ended = new Promise((resolve) => hers.signal.addEventListener('abort', resolve, { once: true }));
    write(after);
    await ended;
    expect(hers.signal.reason).toMatchObject({ code: 'unauthenticated', reason: 'REVOKED' });
    expect(his.signal.aborted).toBe(!after.some((one) => 'tokenSha256' in one && one.tokenSha256 === bob.tokenSha256));
  });

  test('a call that has ended hears nothing more', async () => {
    write([alice]);
    const callers = open();
    const entry = await enter({ callers, admission: new Admission({ callsPerSecond: 100, callsAtOnce: 10 }) }, as('a'));
    entry.leave();
    write([bob]);
    callers.isKnown({ name: 'alice', role: 'user' });
    expect(entry.signal.aborted).toBe(false);
  });

  test.each([
    ['half written', () => writeFileSync(path, '{"callers": [')],
    ['open to others', () => write([bob], 0o666)],
    ['gone', () => rmSync(path)],
  ])('a file that is %s changes nothing, and the log says so once', (_what, spoil) => {
    write([alice]);
    const callers = open();
    spoil();
    expect(callers.identify(as('a')).name).toBe('alice');
    expect(callers.identify(as('a')).name).toBe('alice');
    expect(told).toEqual(['the callers file cannot be used; who could call still can']);
    write([bob]);
    expect(refusal(() => callers.identify(as('a')))).toBe('WRONG_TOKEN');
  });
});

describe('names', () => {
  test.each([
    'local',
    'Local',
    'mesh',
    'mesh run',
    'mesh mcp',
    'MESH anything',
    'cert:alice',
    '',
    'a\nb',
    'x'.repeat(101),
  ])('%j is nobody in the file', (name) => {
    write([{ name, tokenSha256: sha('n') }]);
    expect(() => open()).toThrow(/callers\.0\.name/);
  });

  test('one name has one role, and a token or certificate one name', () => {
    write([alice, { ...alice, role: 'admin', tokenSha256: sha('x') }]);
    expect(() => open()).toThrow('alice has two roles');
    write([alice, { ...bob, tokenSha256: alice.tokenSha256 }]);
    expect(() => open()).toThrow('the same token');
    write([
      { name: 'x', certificate: 'cn' },
      { name: 'y', certificate: 'cn' },
    ]);
    expect(() => open()).toThrow('the same token or certificate');
    // Two tokens while one takes the place of the other.
    write([alice, { ...alice, tokenSha256: sha('next') }]);
    expect(open().identify(as('next')).name).toBe('alice');
  });

  test.each(['local', 'mesh run', 'alice'])('a certificate for %j is nobody else than itself', (certificate) => {
    const caller: Caller = byCertificate.identify({ certificate });
    expect(caller).toEqual({ name: `cert:${certificate}`, role: 'user' });
  });

  test.each(['', 'x'.repeat(65), 'a\nb', '\u001b[2J', 'cert:root', '../x', ' alice', 'älice', '\u202eevil'])(
    'a certificate for %j is nobody',
    (certificate) => {
      expect(refusal(() => byCertificate.identify({ certificate }))).toBe('NO_CERTIFICATE');
    },
  );
});
