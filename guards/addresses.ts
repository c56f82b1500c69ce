/**
 * Which addresses a request may go to that somebody else has named: the one guard of the HTTP tools and of push
 * notifications. Owns: what an address is, and checking it where the connection is made. Does not own: which hosts are
 * allowed (the tools' list, the operator's list of push hosts), or sending.
 *
 * Invariants:
 * 1. The address that was checked is the one that is connected to: the check sits in the look-up of the connection, so a
 *    name that resolves differently the second time gains nothing.
 * 2. What is not known to be public is not public. An address that carries an IPv4 address inside (translated, 6to4, Teredo,
 *    NAT64, ISATAP) is special, whatever is inside: a translator on the way may send it anywhere. A mapped one is the
 *    IPv4 address, since that is what the system connects to. One with a zone is of a link.
 * 3. A name with one address that is refused is refused whole: which one is used is not the guard's to say.
 */
import { lookup as lookUp } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * `public`: reachable by anybody. `private`: of an organisation's own network. `special`: this machine, the link, and
 * whatever else is nobody's address on the internet.
 */
export type AddressKind = 'public' | 'private' | 'special';

const PRIVATE: ReadonlySet<string> = new Set(['private', 'uniqueLocal', 'carrierGradeNat', 'deprecatedSiteLocal']);
/** All that is given out for the internet (RFC 4291, section 2.4, and IANA's list). */
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];
/** The 16 bits in the middle of an interface's id, and those before it: ISATAP, whatever the network (RFC 5214, section 6.1). */
const ISATAP = 0x5efe;
const ISATAP_BEFORE: ReadonlySet<number | undefined> = new Set([0x0000, 0x0200]);

/** A text that is no address is `special`: nothing is known of it. */
export function kindOfAddress(text: string): AddressKind {
  if (isIP(text) === 0) return 'special';
  // A mapped address (::ffff:0:0/96) is connected to as the IPv4 address that it is.
  const address = ipaddr.process(text);
  const range: string = address.range();
  if (PRIVATE.has(range)) return 'private';
  if (range !== 'unicast') return 'special';
  return address instanceof ipaddr.IPv6 && !isGlobal(address) ? 'special' : 'public';
}

function isGlobal(address: ipaddr.IPv6): boolean {
  const { parts, zoneId } = address;
  const isIsatap = parts[5] === ISATAP && ISATAP_BEFORE.has(parts[4]);
  return address.match(GLOBAL_UNICAST) && !isIsatap && zoneId === undefined;
}

/** The address that stands in a URL's host itself; null where a name does. */
export function addressIn({ hostname }: URL): string | null {
  const bare = bareHost(hostname);
  return isIP(bare) === 0 ? null : bare;
}

/** Without the brackets of an IPv6 address. */
export function bareHost(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

/**
 * The look-up for one connection. A URL that has an address in it is not looked up by node: check that with
 * `kindOfAddress`.
 * @param refusal the error for an address that may not be connected to; null for one that may
 */
export function guardedLookup(refusal: (hostname: string, address: string) => Error | null): LookupFunction {
  return (hostname, options, callback) => {
    const family = options.family === 4 || options.family === 6 ? options.family : 0;
    lookUp(hostname, { family, all: true }).then(
      (found) => {
        const error = found.map(({ address }) => refusal(hostname, address)).find((one) => one !== null);
        const [first] = found;
        if (error !== undefined) callback(error, '', 0);
        else if (options.all === true) callback(null, found);
        else if (first === undefined) callback(new Error(`${hostname} has no address`), '', 0);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), '', 0),
    );
  };
}
