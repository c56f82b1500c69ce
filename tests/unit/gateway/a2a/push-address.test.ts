import { describe, expect, it } from 'vitest';
import { ForbiddenAddressError, isPublic, PushAddresses } from '../../../../gateway/a2a/push/address.ts';

describe('addresses of push notifications', () => {
  it.each(['8.8.8.8', '1.1.1.1', '93.184.216.34', '2606:4700:4700::1111', '172.32.0.1', '100.128.0.1'])(
    '%s is public',
    (address) => {
      expect(isPublic(address)).toBe(true);
    },
  );

  it.each([
    ...['0.0.0.0', '127.0.0.1', '127.255.255.254', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ...['169.254.169.254', '100.64.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1'],
    ...['fd00::1', '::ffff:10.0.0.1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', 'ff02::1', 'no address'],
  ])('%s is not', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  it.each([
    'http://127.0.0.1/',
    'http://0x7f.1/',
    'http://2130706433/',
    'http://[::ffff:7f00:1]/',
    'ftp://example.org/',
    'gopher://example.org/',
    'https://user@example.org/',
    'not a url',
  ])('%s is refused by its text', (url) => {
    expect(() => new PushAddresses([]).parse(url)).toThrow(ForbiddenAddressError);
  });

  it('a host that the operator allows may be private, on the port that is named', () => {
    const addresses = new PushAddresses(['127.0.0.1:9000', '10.0.0.7']);
    expect(addresses.parse('http://127.0.0.1:9000/x').pathname).toBe('/x');
    expect(addresses.parse('https://10.0.0.7:1234/').hostname).toBe('10.0.0.7');
    expect(() => addresses.parse('http://127.0.0.1:9001/')).toThrow(/MESH_PUSH_ALLOW_HOSTS/);
  });

  it('a name is looked up, and the connection itself refuses what is not public', async () => {
    const addresses = new PushAddresses([]);
    await expect(addresses.check('http://localhost/')).rejects.toThrow(/not a public address/);
    const lookup = addresses.lookupFor(new URL('http://localhost/'));
    const refused = new Promise((resolve) => lookup('localhost', { all: true }, (error) => resolve(error)));
    expect(await refused).toBeInstanceOf(ForbiddenAddressError);
  });
});
