/** What a web page makes a browser send, and who answers it. */
import { describe, expect, test } from 'vitest';
import { foreignPage, isFromBrowser, isStrangeName, type OwnOrigin } from '../../../guards/web-page.ts';

const names = new Set(['mesh.example.org']);
const own: OwnOrigin = { scheme: 'http', names, publicOrigin: 'https://mesh.example.org' };

describe('names', () => {
  test.each([
    '127.0.0.1:7444',
    '127.8.9.10',
    'localhost',
    'LOCALHOST:1',
    '[::1]:7444',
    'mesh.example.org',
    '2130706433',
  ])('%s is its own', (host) => expect(isStrangeName({ host }, names)).toBe(false));
  test.each([
    ...['evil.example', '10.0.0.1', '', 'localhost.evil.example', 'localhost.', '0.0.0.0', '[::]', 'x@localhost'],
    ...['localhost/evil', 'localhost:99999', 'a b', 'mesh.example.org.evil.example', '[::ffff:127.0.0.1]'],
  ])('%j is strange', (host) => expect(isStrangeName({ host }, names)).toBe(true));
  test('none at all is strange', () => expect(isStrangeName({}, names)).toBe(true));
});

describe('origins', () => {
  const host = 'localhost:7444';
  test.each([
    [{ host }],
    [{ host, origin: 'http://localhost:7444' }],
    [{ host, origin: 'http://localhost:7444', 'sec-fetch-site': 'same-origin' }],
    [{ host, 'sec-fetch-site': 'none' }],
    [{ host: '[::1]:7444', origin: 'http://[::1]:7444' }],
    [{ host: 'mesh.example.org', origin: 'https://mesh.example.org' }],
    // A proxy may call by another name.
    [{ host: 'gateway:7444', origin: 'https://mesh.example.org' }],
    [{ host: 'localhost', origin: 'http://localhost' }],
  ])('%j is its own page, or no page', (headers) => expect(foreignPage(headers, own)).toBeNull());

  test.each([
    [{ host, origin: 'https://evil.example' }],
    [{ host, origin: 'null' }],
    [{ host, origin: '' }],
    [{ host, origin: 'http://localhost:3000' }],
    [{ host, origin: 'http://localhost' }],
    [{ host, origin: 'https://localhost:7444' }],
    [{ host, origin: 'http://127.0.0.1:7444' }],
    [{ host, origin: 'http://localhost:7444/' }],
    [{ host, origin: 'http://localhost:7444, http://evil.example' }],
    [{ host, origin: 'http://localhost:7444.evil.example' }],
    [{ host, 'sec-fetch-site': 'cross-site' }],
    [{ host, 'sec-fetch-site': 'same-site' }],
    [{ host, origin: 'http://localhost:7444', 'sec-fetch-site': 'cross-site' }],
    [{ host, 'sec-fetch-site': 'none, cross-site' }],
    [{ host: 'evil.example', origin: 'http://evil.example' }],
    [{ host: 'mesh.example.org', origin: 'http://evil.example' }],
  ])('%j is somebody else’s page', (headers) => expect(foreignPage(headers, own)).not.toBeNull());

  test('a browser tells that it is one', () => {
    expect([{}, { origin: 'x' }, { 'sec-fetch-site': 'same-origin' }].map(isFromBrowser)).toEqual([false, true, true]);
  });
});
