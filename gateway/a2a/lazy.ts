/**
 * A2A for a gateway that is to start quickly and be small. Owns: loading push notifications after the start, in the
 * background, and the SDK's bindings at the first call that needs them. Does not own: what is loaded (`service.ts`, `http.ts`, `sdk.ts`).
 */

import type { WrittenInHour } from '../../task-client/index-store.ts';
import type { CallRules } from '../grpc/call.ts';
import type { FurtherService } from '../grpc/server.ts';
import type { Handle } from '../http/server.ts';
import { a2aGrpc } from './grpc.ts';
import type { A2aPorts, A2aService } from './service.ts';

export interface LazyA2a {
  /** For the gRPC server. */
  readonly service: FurtherService;
  /** For the HTTP server. */
  readonly http: () => Promise<Handle>;
  /** Push notifications that are due go out from here on; the bindings are not loaded for that. */
  warm(): void;
  /** What push notification configs a caller has stored since then, by the hour. */
  written(caller: string, sinceMs: number): Promise<readonly WrittenInHour[]>;
  stop(): Promise<void>;
}

export function lazyA2a(ports: A2aPorts, rules: CallRules): LazyA2a {
  const started = once(async (): Promise<A2aService> => (await import('./service.ts')).startA2a(ports));
  const http = once(async (): Promise<Handle> => {
    const [{ a2aApp }, { handler }] = await Promise.all([import('./http.ts'), started.get()]);
    const app = a2aApp(handler, { ...rules, cardOfBoth: ports.cardOfBoth });
    return (request, response) => app(request, response);
  });
  const sdk = once(async () => {
    const [{ openSdk }, { handler }] = await Promise.all([import('./sdk.ts'), started.get()]);
    return openSdk(handler);
  });
  return {
    service: a2aGrpc(sdk.get, rules),
    http: http.get,
    warm: () => {
      started.get().catch((error: unknown) => ports.log.error({ error: String(error) }, 'A2A cannot be loaded'));
    },
    written: async (caller, sinceMs) => (await started.get()).written(caller, sinceMs),
    stop: async () => (await started.made)?.stop(),
  };
}

interface Once<T> {
  readonly get: () => Promise<T>;
  /** Null before the first `get`. */
  readonly made: Promise<T> | null;
}

function once<T>(make: () => Promise<T>): Once<T> {
  let made: Promise<T> | null = null;
  return {
    get: () => {
      made ??= make();
      return made;
    },
    get made() {
      return made;
    },
  };
}
