/**
 * Where a push notification may go (specification, section 13.2). Owns: keeping the gateway from being sent into the
 * network it stands in, and the operator's exceptions. Does not own: which addresses are public, and the look-up of a
 * connection (`guards/addresses.ts`), or sending (`post.ts`).
 */
import { lookup as lookUp } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { addressIn, bareHost, guardedLookup, kindOfAddress } from '../../../guards/addresses.ts';

/** The address is not one that notifications may go to; trying again changes nothing until it changes. */
export class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError';
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
    const address = addressIn(url);
    if (address !== null && !isPublic(address) && !this.#isAllowed(url)) throw notAllowed(url.host, address);
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
      found = await lookUp(bareHost(url.hostname), { all: true });
    } catch {
      return;
    }
    for (const { address } of found) if (!isPublic(address)) throw notAllowed(url.host, address);
  }

  /** The look-up for a connection to this URL. */
  lookupFor(url: URL): LookupFunction {
    const anywhere = this.#isAllowed(url);
    return guardedLookup((_hostname, address) =>
      anywhere || isPublic(address) ? null : notAllowed(url.host, address),
    );
  }

  #isAllowed(url: URL): boolean {
    const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
    const host = url.hostname.toLowerCase();
    return this.#allowed.has(host) || this.#allowed.has(`${host}:${port}`);
  }
}

function isPublic(address: string): boolean {
  return kindOfAddress(address) === 'public';
}

function notAllowed(host: string, address: string): ForbiddenAddressError {
  return new ForbiddenAddressError(
    `${host} is ${address}, which is not a public address; the operator may allow it with MESH_PUSH_ALLOW_HOSTS`,
  );
}
