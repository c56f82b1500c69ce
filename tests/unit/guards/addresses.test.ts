import { describe, expect, it } from 'vitest';
import { addressIn, guardedLookup, kindOfAddress } from '../../../guards/addresses.ts';

describe('what an address is', () => {
  it.each([
    ...['8.8.8.8', '1.1.1.1', '93.184.216.34', '172.32.0.1', '100.128.0.1', '192.0.3.1', '198.20.0.1', '223.255.255.1'],
    ...['2606:4700:4700::1111', '2a00:1450:4001::200e', '::ffff:8.8.8.8'],
  ])('%s is public', (address) => {
    expect(kindOfAddress(address)).toBe('public');
  });

  it.each([
    ...['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', 'fc00::1', 'fd00:ec2::254'],
    ...['fec0::1', '::ffff:10.0.0.1', '::ffff:192.168.0.1'],
  ])('%s is private', (address) => {
    expect(kindOfAddress(address)).toBe('private');
  });

  it.each([
    ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.254', '169.254.169.254', '198.18.0.1', '198.19.255.255'],
    ...['192.0.0.8', '192.0.2.1', '192.88.99.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1'],
    ...['255.255.255.255', '::', '::1', 'fe80::1', 'febf::1', 'fe80::1%lo', 'ff02::1', '100::1', '2001:db8::1'],
    ...['3fff::1', '5f00::1', '2001:2::1', '2001:20::1', '4000::1', 'fe00::1', '100:0:0:1::1'],
  ])('%s is special', (address) => {
    expect(kindOfAddress(address)).toBe('special');
  });

  // Each of these is 127.0.0.1 or 10.0.0.1 in another's clothes.
  it.each([
    ['mapped, RFC 4291', '::ffff:127.0.0.1'],
    ['mapped, in hexadecimal', '::ffff:7f00:1'],
    ['compatible, RFC 4291', '::127.0.0.1'],
    ['translated, RFC 2765', '::ffff:0:127.0.0.1'],
    ['NAT64, RFC 6052', '64:ff9b::127.0.0.1'],
    ['NAT64 with a private address', '64:ff9b::a00:1'],
    ['NAT64 of a network, RFC 8215', '64:ff9b:1::7f00:1'],
    ['6to4, RFC 3056', '2002:7f00:1::'],
    ['6to4 with a private address', '2002:a00:1::1'],
    ['Teredo, RFC 4380', '2001:0:4136:e378:8000:63bf:80ff:fffe'],
    ['ISATAP, RFC 5214', '2a00:1450:4001:80f:0:5efe:127.0.0.1'],
    ['ISATAP, as unique as an address is', '2a00:1450:4001:80f:200:5efe:10.0.0.1'],
    ['ISATAP of the link', 'fe80::5efe:192.168.0.1'],
  ])('an IPv4 address inside (%s) is special: %s', (_form, address) => {
    expect(kindOfAddress(address)).toBe('special');
  });

  // IANA's registries of special-purpose addresses, with what the internet does not carry beside them: the first and the last.
  it.each([
    ...['0.0.0.0-0.255.255.255', '10.0.0.0-10.255.255.255', '100.64.0.0-100.127.255.255', '127.0.0.0-127.255.255.255'],
    ...['169.254.0.0-169.254.255.255', '172.16.0.0-172.31.255.255', '192.0.0.0-192.0.0.255', '192.0.2.0-192.0.2.255'],
    ...['192.31.196.0-192.31.196.255', '192.52.193.0-192.52.193.255', '192.88.99.0-192.88.99.255'],
    ...['192.168.0.0-192.168.255.255', '192.175.48.0-192.175.48.255', '198.18.0.0-198.19.255.255'],
    ...['198.51.100.0-198.51.100.255', '203.0.113.0-203.0.113.255', '224.0.0.0-255.255.255.255'],
    ...['::-1fff:ffff::', '::1-::1', '::ffff:0:0-::ffff:0.255.255.255', '::ffff:0:0:0-::ffff:0:ffff:ffff'],
    ...[
      '64:ff9b::-64:ff9b::ffff:ffff',
      '64:ff9b:1::-64:ff9b:1:ffff:ffff:ffff:ffff:ffff',
      '100::-100::ffff:ffff:ffff:ffff',
    ],
    ...['100:0:0:1::-100:0:0:1:ffff:ffff:ffff:ffff', '2001::-2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ...[
      '2001:1::1-2001:1::3',
      '2001:2::-2001:2:0:ffff:ffff:ffff:ffff:ffff',
      '2001:3::-2001:3:ffff:ffff:ffff:ffff:ffff:ffff',
    ],
    ...['2001:4:112::-2001:4:112:ffff:ffff:ffff:ffff:ffff', '2001:10::-2001:1f:ffff:ffff:ffff:ffff:ffff:ffff'],
    ...['2001:20::-2001:2f:ffff:ffff:ffff:ffff:ffff:ffff', '2001:30::-2001:3f:ffff:ffff:ffff:ffff:ffff:ffff'],
    ...['2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '2002::-2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ...['2620:4f:8000::-2620:4f:8000:ffff:ffff:ffff:ffff:ffff', '3fff::-3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ...['5f00::-5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '4000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ...['fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ...['fec0::-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('%s is not public', (range) => {
    expect(range.split('-').map(kindOfAddress)).not.toContain('public');
  });

  it.each([
    ...['1.0.0.0', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0'],
    ...['169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '191.255.255.255', '192.0.1.0', '192.0.3.0'],
    ...['192.31.195.255', '192.31.197.0', '192.52.192.255', '192.52.194.0', '192.88.98.255', '192.88.100.0'],
    ...['192.167.255.255', '192.169.0.0', '192.175.47.255', '192.175.49.0', '198.17.255.255', '198.20.0.0'],
    ...['198.51.99.255', '198.51.101.0', '203.0.112.255', '203.0.114.0', '223.255.255.255', '::ffff:223.255.255.255'],
    ...['2000::', '2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:200::', '2001:db7:ffff::', '2001:db9::', '2003::'],
    ...[
      '2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      '2620:4f:7fff::',
      '2620:4f:8001::',
      '3ffe:ffff:ffff::',
      '3fff:1000::',
    ],
    ...['3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2a00::1:5efe:127.0.0.1', '2a00::5efe:0:127.0.0.1'],
  ])('%s, beside such a range, is public', (address) => {
    expect(kindOfAddress(address)).toBe('public');
  });

  it('an address with a zone is of a link', () => {
    expect(kindOfAddress('2a00:1450:4001::200e%eth0')).toBe('special');
  });

  it.each(['', 'localhost', '127.1', '0x7f000001', '2130706433', '1.2.3.4.5', '[::1]'])(
    'what is no address, %j, is special',
    (text) => {
      expect(kindOfAddress(text)).toBe('special');
    },
  );
});

describe('the look-up of a connection', () => {
  const refusal = (hostname: string, address: string): Error | null =>
    kindOfAddress(address) === 'public' ? null : new Error(`${hostname} is ${address}`);

  it.each([{ all: true }, { all: false }, { family: 4 }])(
    'hands over no address that is refused: %j',
    async (options) => {
      const given = await new Promise((resolve) =>
        guardedLookup(refusal)('localhost', options, (...answer: unknown[]) => resolve(answer)),
      );
      expect(given).toEqual([expect.objectContaining({ message: expect.stringMatching(/^localhost is /) }), '', 0]);
    },
  );

  it('hands over what is not', async () => {
    const given = await new Promise((resolve) =>
      guardedLookup(() => null)('localhost', { family: 4 }, (...answer: unknown[]) => resolve(answer)),
    );
    expect(given).toEqual([null, '127.0.0.1', 4]);
  });

  it.each([
    ['http://0x7f.1/', '127.0.0.1'],
    ['http://2130706433/', '127.0.0.1'],
    ['http://[::ffff:0:127.0.0.1]:80/', '::ffff:0:7f00:1'],
    ['http://localhost/', null],
  ])('the address in %s is %s', (url, address) => {
    expect(addressIn(new URL(url))).toBe(address);
  });
});
