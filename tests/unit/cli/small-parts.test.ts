/** The pure parts of the command line that need little: ids, numbers, text, configuration, checksums. */
import { describe, expect, it } from 'vitest';
import { type Identity, identities } from '../../../bus/identities.ts';
import { BusError } from '../../../bus/port.ts';
import { CliError, toFailure } from '../../../cli/errors.ts';
import { natsConfig } from '../../../cli/nats-config.ts';
import { checksumIn, platformName } from '../../../cli/nats-download.ts';
import { exitVerdict, restartDelayMs, restartsAfterLife } from '../../../cli/supervisor/backoff.ts';
import { matchId, wholeId } from '../../../cli/task-id.ts';
import { bytes, duration, oneLine, safeText, table } from '../../../cli/terminal.ts';
import { SettingsError } from '../../../config/settings.ts';
import { parseHeartbeat } from '../../../registry/registry.ts';

const ids = ['6f1c2d3e-0000-4000-8000-000000000001', '6f1c2d4f-0000-4000-8000-000000000002'];

describe('ids as people type them', () => {
  it('takes a whole id in any case', () => {
    expect(wholeId(` ${ids[0]?.toUpperCase()} `)).toBe(ids[0]);
  });
  it('leaves a beginning of six characters to be looked up', () => {
    expect(wholeId('6f1c2d')).toBeNull();
    expect(matchId('6F1C2D3', ids)).toBe(ids[0]);
  });
  it.each([['6f1c2'], [''], ['hello!'], ["';drop"]])('refuses %j with exit code 2', (text) => {
    expect(() => wholeId(text)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
  it('says so when several or none begin so', () => {
    expect(() => matchId('6f1c2d', ids)).toThrow(/2 tasks begin with 6f1c2d/);
    expect(() => matchId('abcdef', ids)).toThrow(/no task begins with abcdef/);
  });
  it('counts the same id once', () => {
    expect(matchId('6f1c2d3e', [...ids, ...ids])).toBe(ids[0]);
  });
});

describe('backoff', () => {
  it('starts again at once, then 100 ms doubling up to 5 s', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7, 1000].map(restartDelayMs)).toEqual([0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });
  it('forgets earlier restarts after ten healthy seconds', () => {
    expect([restartsAfterLife(4, 9999), restartsAfterLife(4, 10_000)]).toEqual([4, 0]);
  });
  it('does not restart a wrong configuration, and a missing dependency only slowly', () => {
    expect([0, 1, 2, 3, 137, null].map((code) => exitVerdict(code, false))).toEqual([
      'restart',
      'restart',
      'give-up',
      'restart-slowly',
      'restart',
      'restart',
    ]);
  });
  it('tries again, slowly, what had worked before', () => {
    expect(exitVerdict(2, true)).toBe('restart-slowly');
  });
});

describe('failures', () => {
  it.each([
    [new CliError(3, 'x'), 3, true],
    [new SettingsError('MESH_NATS_PORT=x: wrong'), 2, true],
    [new BusError('unreachable', 'no server'), 3, true],
    [new BusError('refused', 'no'), 1, true],
    [Object.assign(new Error('no space'), { code: 'ENOSPC' }), 2, true],
    [Object.assign(new Error('full'), { code: 'SQLITE_FULL' }), 2, true],
    [new TypeError('oh'), 1, false],
    ['a string', 1, false],
  ])('%s ends with %d', (thrown, exitCode, expected) => {
    expect(toFailure(thrown)).toMatchObject({ exitCode, expected });
  });
  it('says what to do when no server answers', () => {
    expect(toFailure(new BusError('unreachable', 'no server')).message).toContain('mesh up');
  });
});

describe('text', () => {
  it('tells durations in the unit that fits', () => {
    expect([850, 1234, 65_000, 7_800_000, 273_600_000].map(duration)).toEqual([
      '850 ms',
      '1.2 s',
      '1 min 05 s',
      '2 h 10 min',
      '3 d 4 h',
    ]);
  });
  it('tells sizes in the unit that fits', () => {
    expect([12, 2048, 5_242_880].map(bytes)).toEqual(['12 B', '2.0 KiB', '5.0 MiB']);
  });
  it('cuts to one line', () => {
    expect([oneLine(' a\n\tb ', 10), oneLine('abcdef', 4)]).toEqual(['a b', 'abc…']);
  });
  it('takes control characters out but keeps lines', () => {
    expect(safeText('a\u001b[2Jb\r\n\tc\u0000')).toBe('ab\n\tc');
  });
  it('aligns columns by what is visible', () => {
    expect(
      table([
        ['\u001b[1ma\u001b[22m', 'x'],
        ['bbb', 'y'],
      ]),
    ).toEqual(['\u001b[1ma\u001b[22m    x', 'bbb  y']);
  });
});

describe('the nats-server', () => {
  const publicKeys = Object.fromEntries(identities.map((one) => [one, 'UKEY'])) as Record<Identity, string>;
  it('gets a configuration that 2.9.10 reads', () => {
    const text = natsConfig({ port: 4333, storeDir: '/x/"y', version: '2.9.10', publicKeys });
    expect(text).toContain('listen: "127.0.0.1:4333"');
    expect(text).toContain('store_dir: "/x/\\"y"');
    expect(text).toContain('max_payload: 8388608');
    expect(text).not.toContain('sync_interval');
  });
  it.each([['2.10.23'], ['2.12.7'], ['3.0.0']])('%s gets a sync interval', (version) => {
    expect(natsConfig({ port: 1, storeDir: '/x', version, publicKeys })).toContain('sync_interval');
  });
  it('knows the names of release archives', () => {
    expect(platformName('linux', 'x64')).toBe('linux-amd64');
    expect(platformName('darwin', 'arm64')).toBe('darwin-arm64');
    expect(platformName('win32', 'x64')).toBeNull();
    expect(platformName('linux', 'mips')).toBeNull();
  });
  it('finds a checksum by the exact file name', () => {
    const sum = 'a'.repeat(64);
    expect(checksumIn(`${'b'.repeat(64)}  x.tar.gz.sig\n${sum}  x.tar.gz\n`, 'x.tar.gz')).toBe(sum);
    expect(checksumIn('nonsense  x.tar.gz', 'x.tar.gz')).toBeNull();
  });
});

describe('what others write', () => {
  it('a heartbeat with more or fewer fields is understood', () => {
    const beat = { service: 'agents', host: 'desk-1', pid: 7, roles: ['coder'], startedAt: '2026-01-01T00:00:00Z' };
    expect(parseHeartbeat(JSON.stringify({ ...beat, news: 1 }))).toMatchObject(beat);
    expect(parseHeartbeat('{"service":1}')).toBeNull();
    expect(parseHeartbeat('not json')).toBeNull();
  });
});
