/**
 * Where a push notification may go (specification, section 13.2). Owns: keeping the gateway from being sent into the
 * network it stands in. Does not own: sending (`post.ts`).
 *
 * The address that was checked is the one that is connected to: the check sits in the look-up of the connection itself,
 * so that a name that resolves differently the second time gains nothing.
 */
import { lookup as lookUp } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** The address is not one that notifications may go to; trying again changes nothing until it changes. */
export class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError';
}

const V4_BITS: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
/**
 * Among them the ranges that carry an IPv4 address inside, but not the mapped one (::ffff:0:0/96): a BlockList holds IPv4
 * addresses in that form itself, and checks a mapped address by the rules above.
 */
const V6_BITS: readonly [string, number][] = [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

const notPublic = new BlockList();
for (const [net, bits] of V4_BITS) notPublic.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of V6_BITS) notPublic.addSubnet(net, bits, 'ipv6');

export function isPublic(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && !notPublic.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

export class PushAddresses {
  readonly #allowed: ReadonlySet<string>;

  /** @param allowed hosts, `host` or `host:port`, that may have a private address */
  constructor(allowed: Iterable<string>) {
    this.#allowed = new Set([...allowed].map((host) => host.trim().toLowerCase()).filter((host) => host !== ''));
  }

  /**
   * The URL, when it may be posted to as far as its text tells.
   * @throws ForbiddenAddressError
   */
  parse(text: string): URL {
    if (!URL.canParse(text)) throw new ForbiddenAddressError('must be a URL');
    const url = new URL(text);
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new ForbiddenAddressError('must begin with https:// or http://');
    if (url.username !== '' || url.password !== '')
      throw new ForbiddenAddressError('must not carry a name or a password; use authentication');
    const host = bare(url.hostname);
    if (isIP(host) !== 0 && !isPublic(host) && !this.#isAllowed(url)) throw notAllowed(url.host, host);
    return url;
  }

  /**
   * The same, with a look at what its name resolves to. A name that is not found now may be later, when there is something
   * to tell: each connection looks again, and refuses what is not public.
   * @throws ForbiddenAddressError
   */
  async check(text: string): Promise<void> {
    const url = this.parse(text);
    if (this.#isAllowed(url)) return;
    let found: { address: string }[];
    try {
      found = await lookUp(bare(url.hostname), { all: true });
    } catch {
      return;
    }
    for (const { address } of found) if (!isPublic(address)) throw notAllowed(url.host, address);
  }

  /** The look-up for a connection to this URL. */
  lookupFor(url: URL): LookupFunction {
    const anywhere = this.#isAllowed(url);
    return (hostname, options, callback) => {
      lookUp(hostname, { family: options.family === 4 || options.family === 6 ? options.family : 0, all: true }).then(
        (found) => {
          const bad = anywhere ? undefined : found.find(({ address }) => !isPublic(address));
          const [first] = found;
          if (bad !== undefined) callback(notAllowed(url.host, bad.address), '', 0);
          else if (options.all === true) callback(null, found);
          else if (first === undefined) callback(new Error(`${hostname} has no address`), '', 0);
          else callback(null, first.address, first.family);
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), '', 0),
      );
    };
  }

  #isAllowed(url: URL): boolean {
    const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
    const host = url.hostname.toLowerCase();
    return this.#allowed.has(host) || this.#allowed.has(`${host}:${port}`);
  }
}

function bare(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

function notAllowed(host: string, address: string): ForbiddenAddressError {
  return new ForbiddenAddressError(
    `${host} is ${address}, which is not a public address; the operator may allow it with MESH_PUSH_ALLOW_HOSTS`,
  );
}
