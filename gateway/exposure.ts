/**
 * Who could reach the gateway. Owns: the rule that nobody beyond this machine may call it unknown. Does not own: who a
 * caller is (`core/callers.ts`).
 */
import { isLoopback } from '../guards/web-page.ts';

export interface Exposure {
  readonly host: string;
  readonly hasCallers: boolean;
  readonly hasTls: boolean;
  readonly hasClientAuthority: boolean;
}

/** Why the gateway must not start so, in one line that says what to do; null when it may. */
export function exposureProblem({ host, hasCallers, hasTls, hasClientAuthority }: Exposure): string | null {
  if (hasClientAuthority && !hasTls) {
    return 'MESH_GATEWAY_TLS_CLIENT_CA needs MESH_GATEWAY_TLS_CERT and MESH_GATEWAY_TLS_KEY';
  }
  if (isLoopback(host) || hasCallers || hasClientAuthority) return null;
  return `MESH_GATEWAY_HOST=${host} is reached from other machines: set MESH_GATEWAY_CALLERS (tokens) or MESH_GATEWAY_TLS_CLIENT_CA (mTLS), or serve on 127.0.0.1`;
}
