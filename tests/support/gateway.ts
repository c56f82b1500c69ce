/**
 * A private mesh with its gateway. Owns: its port, and clients that are closed at the end. Does not own: the processes
 * (`mesh.ts`).
 */
import { afterAll } from 'vitest';
import { createMeshClient, MeshCallError, type MeshClient } from '../../gateway/client/index.ts';
import { type Mesh, type MeshOptions, useMesh } from './mesh.ts';
import { freePort } from './nats-server.ts';

export interface Gateway {
  readonly mesh: Mesh;
  /** `host:port` of gRPC. */
  readonly address: string;
  /** Base URL of the HTTP port. */
  readonly http: string;
  /** One for all tests of the suite. */
  readonly client: MeshClient;
}

/** @param env settings; those of the gateway among them */
export function useGateway(name: string, options: MeshOptions = {}): () => Gateway {
  let port = 0;
  let httpPort = 0;
  let client: MeshClient | null = null;
  const mesh = useMesh(name, async () => {
    port = await freePort();
    httpPort = await freePort();
    return {
      services: ['agents', 'llm', 'tools', 'gateway'],
      ...options,
      env: { MESH_GRPC_PORT: String(port), MESH_HTTP_PORT: String(httpPort), ...options.env },
    };
  });
  afterAll(() => client?.close());
  return () => {
    const address = `127.0.0.1:${port}`;
    client ??= createMeshClient({ address });
    return { mesh: mesh(), address, http: `http://127.0.0.1:${httpPort}`, client };
  };
}

/** What a call that must fail fails with. */
export async function failure(call: Promise<unknown>): Promise<MeshCallError> {
  try {
    await call;
  } catch (thrown) {
    if (thrown instanceof MeshCallError) return thrown;
    throw thrown;
  }
  throw new Error('the call did not fail');
}
