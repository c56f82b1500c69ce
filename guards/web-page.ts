/**
 * Requests that a web page makes its visitor's browser send. Owns: which of them a door answers whose callers show
 * nothing that a page could not send along: whoever reaches loopback, or whoever's browser has a client certificate.
 * Does not own: callers with tokens, which no page has.
 *
 * A page reaches a door by a name that its owner lets resolve to this machine (the Host header tells), or by a request to
 * another origin (Origin and Sec-Fetch-Site tell, and no script can change them). Own is one origin only: that of the
 * door itself. Another port of loopback is somebody else: any development server, with whatever runs in its pages.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIPv4, isIPv6 } from 'node:net';

export interface OwnOrigin {
  readonly scheme: 'http' | 'https';
  /** Names beside those of loopback. */
  readonly names: ReadonlySet<string>;
  /** As browsers know it behind a proxy; null for none. */
  readonly publicOrigin: string | null;
}

export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return host.startsWith('127.');
  if (isIPv6(host)) return host === '::1';
  return host === 'localhost';
}

/** True for a Host header that is none of a door's names. */
export function isStrangeName({ host }: IncomingHttpHeaders, names: ReadonlySet<string>): boolean {
  const url = urlOf(`http://${host ?? ''}`);
  if (url === null || url.host === '' || url.pathname !== '/' || url.username !== '') return true;
  const name = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  return !isLoopback(name) && !names.has(name);
}

/** True when a browser sent it, as far as it tells. */
export function isFromBrowser(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

/** What the request is from when it is from another page; null when it is not. */
export function foreignPage(headers: IncomingHttpHeaders, own: OwnOrigin): string | null {
  const { host, origin, 'sec-fetch-site': site } = headers;
  // `none` is a person who typed the address.
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return origin ?? `another site (${site})`;
  if (origin === undefined || origin === own.publicOrigin) return null;
  const isOwn = !isStrangeName(headers, own.names) && origin === urlOf(`${own.scheme}://${host ?? ''}`)?.origin;
  return isOwn ? null : origin;
}

function urlOf(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
