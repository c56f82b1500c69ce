/** Trails as files: what is written is read again, what is no trail is refused with a reason, and secrets stay away. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importedIds, importedTrail, importTrail, parseTrail, trailText } from '../../../cli/trail-file.ts';
import { readSettings } from '../../../config/settings.ts';
import { withoutSecrets } from '../../../guards/secrets.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { fact, taskId } from './facts.ts';

const prompt =
  'Log in with password=correct-horse and sk-proj-Zk3Vb8Qm1Xr7Tn5Wd9Lc2Hs6 at https://bob:s3cr3tpw@example.org';
const accepted = fact(7, 'task.accepted', { prompt });

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mesh-trail-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('a trail as a file', () => {
  it('is read as it was written, its places and times included', () => {
    const read = parseTrail(trailText(taskId, [accepted], 'test', false), 'x.json');
    expect(read).toMatchObject({ taskId, secretsLeftOut: false });
    expect(read.facts).toEqual([accepted]);
  });

  it('does nothing to the terminal of whoever looks at it, and is read as it was all the same', () => {
    const hostile = fact(7, 'task.accepted', { prompt: 'a\u009b31m\u007f\u202e\u200b\u{e0041}\u2028b' });
    const text = trailText(taskId, [hostile], 'test', false);
    expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Default_Ignorable_Code_Point}|\u2028/u);
    expect(parseTrail(text, 'x.json').facts).toEqual([hostile]);
  });

  it('leaves secrets out on wish, says so, and is still a trail', () => {
    const text = trailText(taskId, [accepted], 'test', true);
    for (const secret of ['correct-horse', 'sk-proj-Zk3Vb8Qm1Xr7Tn5Wd9Lc2Hs6', 's3cr3tpw'])
      expect(text).not.toContain(secret);
    const read = parseTrail(text, 'x.json');
    expect(read.secretsLeftOut).toBe(true);
    expect(JSON.stringify(read.facts)).toContain('Log in with password=[left out]');
  });

  it('leaves out what a field is called, in values that are no text: those of a tool, of a message', () => {
    const parts = [{ data: { password: 'hunter two', nested: { 'x-api-key': ['k1', 'k2'] }, user: 'ada', tokens: 5 } }];
    const message = { messageId: 'm1', role: 'ROLE_AGENT', parts } as const;
    const said = fact(8, 'agent.message', message);
    const text = trailText(taskId, [said], 'test', true);
    for (const secret of ['hunter', 'k1', 'k2']) expect(text).not.toContain(secret);
    for (const kept of ['"ada"', '"tokens": 5']) expect(text).toContain(kept);
    expect(parseTrail(text, 'x.json').facts).toHaveLength(1);
  });

  it.each<[string, (file: Record<string, unknown>) => unknown, RegExp]>([
    ['another format', (file) => ({ ...file, format: 'x' }), /x\.json is no trail of a task: format/],
    ['a newer version', (file) => ({ ...file, version: 2 }), /version/],
    ['no events', (file) => ({ ...file, events: [] }), /has no events/],
    ['an id that is a path', (file) => ({ ...file, taskId: '../../etc/passwd' }), /taskId: is no task id/],
    [
      'an event of another task',
      (file) => ({ ...file, taskId: taskId.replace('6f', '7f') }),
      /events\.0 is of another task/,
    ],
    [
      'an event that is none',
      (file) => ({ ...file, events: [{ seq: 1, index: 0, storedAt: '2026-01-02T03:04:05Z', event: {} }] }),
      /events\.0 is no event/,
    ],
  ])('is refused with %s', (_name, change, message) => {
    const file = JSON.parse(trailText(taskId, [accepted], 'test', false)) as Record<string, unknown>;
    expect(() => parseTrail(JSON.stringify(change(file)), 'x.json')).toThrow(message);
  });

  it('that is no JSON is refused with what makes such files', () => {
    expect(() => parseTrail('{', 'x.json')).toThrow(/x\.json: is not JSON: .*; `mesh export`/);
  });

  it('is kept when it is imported, and found by the beginning of its id', () => {
    const settings = { ...readSettings({}), MESH_HOME: home };
    expect(importedIds(settings, '6f1c2d')).toEqual([]);
    const path = join(home, 'trail.json');
    writeFileSync(path, trailText(taskId, [accepted], 'test', false));
    importTrail(settings, path);
    expect(importedIds(settings, '6F1C2D')).toEqual([taskId]);
    expect(importedTrail(settings, taskId).facts).toEqual([accepted]);
    expect(() => importTrail(settings, join(home, 'nothing.json'))).toThrow(/there is no such file/);
  });
});

describe('leaving secrets out', () => {
  it.each([
    ['{"password": "correct horse battery", "user": "ada"}', '{"password": "[left out]", "user": "ada"}'],
    [
      String.raw`{"body":"{\"api_key\":\"k 1\",\"to\":\"bob\"}"}`,
      String.raw`{"body":"{\"api_key\":\"[left out]\",\"to\":\"bob\"}"}`,
    ],
    [String.raw`\\\"token\\\": \\\"abc\\\", 1`, String.raw`\\\"token\\\": \\\"[left out]\\\", 1`],
    ["curl -H 'Authorization: Basic dXNlcjpwYXNz'", "curl -H 'Authorization: Basic [left out]'"],
    ['PGPASSWORD=swordfish psql', 'PGPASSWORD=[left out] psql'],
    ['passphrase: swordfish', 'passphrase: [left out]'],
    ['Cookie: sid=31d4d96e407aad42', 'Cookie: [left out]'],
    ['password: ""', 'password: ""'],
  ])('%s', (text, clean) => {
    expect(withoutSecrets(text)).toBe(clean);
  });

  it('takes a time in proportion to the text', () => {
    const beganMs = cpuMs();
    for (const unit of ['token: "', 'token\\"', "password='\\", 'bearer bearer ']) withoutSecrets(unit.repeat(30_000));
    expect(cpuMs() - beganMs).toBeLessThan(5000);
  });

  it('takes a private key as a whole', () => {
    const key = `-----BEGIN RSA PRIVATE KEY-----\n${'QUJD'.repeat(30)}\n-----END RSA PRIVATE KEY-----`;
    expect(withoutSecrets(`a ${key} b`)).toBe('a [left out] b');
  });

  it('leaves text about passwords alone', () => {
    const text = 'How do I reset a password? The token of a queue is counted, and 6*7 = 42.';
    expect(withoutSecrets(text)).toBe(text);
  });
});
