import { describe, expect, it } from 'vitest';
import { ForbiddenAddressError, PushAddresses } from '../../../../gateway/a2a/push/address.ts';

describe('addresses of push notifications', () => {
  it.each([
    'http://127.0.0.1/',
    'http://0x7f.1/',
    'http://2130706433/',
    'http://[::ffff:7f00:1]/',
    'http://[::ffff:0:127.0.0.1]/',
    'http://[64:ff9b::10.0.0.1]/',
    'http://[2002:7f00:1::]/',
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
