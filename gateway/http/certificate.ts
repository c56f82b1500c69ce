/**
 * The client certificate of an HTTP connection. Owns: its common name, once TLS has verified it. Does not own: who that
 * is (`core/callers.ts`).
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Credentials } from '../core/callers.ts';

export function certificateOf(socket: Socket): Pick<Credentials, 'certificate'> {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return {};
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  return typeof name === 'string' ? { certificate: name } : {};
}
