/**
 * Which names a gateway without callers answers to. Owns: keeping web pages out of it. Does not own: who calls when there
 * are callers.
 *
 * Whoever reaches loopback may do everything then. A web page in this machine's browser reaches it too: by a name that
 * its owner lets resolve to 127.0.0.1 (the Host header tells), or by a request to another origin (the Origin header).
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../exposure.ts';

/** Why the call is not answered; null when it is. */
export function strangeHost({ host, origin }: IncomingHttpHeaders, known: ReadonlySet<string>): string | null {
  const name = hostnameOf(`http://${host ?? ''}`);
  if (name === null || !isKnown(name, known)) {
    return `this gateway knows no callers and does not answer to the name ${host ?? ''}; call it by 127.0.0.1 or set MESH_GATEWAY_CALLERS`;
  }
  if (origin === undefined) return null;
  const from = hostnameOf(origin);
  if (from !== null && isKnown(from, known)) return null;
  return `this gateway knows no callers and answers no web page of ${origin}`;
}

function isKnown(name: string, known: ReadonlySet<string>): boolean {
  return isLoopback(name) || known.has(name);
}

function hostnameOf(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const { hostname } = new URL(text);
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
