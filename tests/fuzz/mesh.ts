/**
 * A private mesh with every door open. Owns: the gateway's ports, the MCP door as a process of its own, and the end of
 * both. Does not own: what is sent.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../config/settings.ts';
import { openHeaps } from '../support/heap.ts';
import { Mesh } from '../support/mesh.ts';
import { freePort } from '../support/nats-server.ts';
import { grpcClient } from '../support/raw-doors.ts';
import type { Environment } from '../support/service-process.ts';
import type { Addresses } from './doors.ts';

const TOKEN = 'a-token-of-the-fuzz-alone';

export interface OpenDoors {
  readonly mesh: Mesh;
  readonly addresses: Addresses;
  readonly mcp: ChildProcess & { readonly pid: number };
  /** What any of its processes holds, MiB, garbage not counted. */
  readonly heldMb: (pid: number) => Promise<number>;
  close(options?: { readonly keepLogs: boolean }): Promise<void>;
}

export async function openDoors(name: string): Promise<OpenDoors> {
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const heaps = openHeaps();
  const mesh = await Mesh.open(name, {
    services: ['agents', 'llm', 'tools', 'gateway'],
    env: {
      ...heaps.env,
      ...{ MESH_GRPC_PORT: String(grpcPort), MESH_HTTP_PORT: String(httpPort), MESH_DAPR_PUBSUB: 'orders' },
      ...{ MESH_GATEWAY_CALLS_PER_SECOND: '10000', MESH_LOG_LEVEL: 'info' },
    },
  });
  const grpc = grpcClient(`127.0.0.1:${grpcPort}`);
  const { child, url } = await listen(mesh, heaps.env);
  return {
    mesh,
    addresses: { grpc, http: `http://127.0.0.1:${httpPort}`, mcp: { url, token: TOKEN } },
    mcp: child,
    heldMb: heaps.heldMb,
    async close({ keepLogs } = { keepLogs: false }) {
      grpc.close();
      const ended = once(child, 'close');
      child.kill('SIGINT');
      await ended;
      await mesh.close({ keepLogs });
      heaps.close();
    },
  };
}

async function listen(mesh: Mesh, heap: Environment): Promise<{ child: OpenDoors['mcp']; url: string }> {
  const own = { NATS_URL: mesh.nats.url, MESH_HOME: mesh.home, MESH_MCP_TOKEN: TOKEN };
  const env = { ...process.env, ...heap, ...own, MESH_KNOWLEDGE_PATH: join(mesh.home, 'knowledge.db') };
  const args = [join(projectRoot, 'cli/main.ts'), 'mcp', '--http', '0'];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  if (child.pid === undefined) throw new Error('the MCP door did not start');
  for await (const line of createInterface({ input: child.stderr })) {
    const url = /listens on (\S+);/.exec(line)?.[1];
    if (url === undefined) continue;
    child.stderr.resume();
    return { child: Object.assign(child, { pid: child.pid }), url };
  }
  throw new Error('the MCP door ended before it listened');
}
