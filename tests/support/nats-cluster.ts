/**
 * A cluster of real nats-servers for tests. Owns: their routes, and telling them apart. Does not own: a server's process
 * (`nats-server.ts`), or what is stored.
 */
import { freePort, type NatsServer, startNatsServer } from './nats-server.ts';

export interface NatsCluster extends NatsServer {
  /** Each by itself; their names are `copy-0`, `copy-1`, … */
  readonly servers: readonly NatsServer[];
}

export function serverName(index: number): string {
  return `copy-${index}`;
}

/** As one server whose address names all: a client goes to another one when its own is gone. */
export async function startNatsCluster(size: number): Promise<NatsCluster> {
  const ports = await Promise.all(Array.from({ length: size }, freePort));
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ');
  const servers = await Promise.all(
    ports.map((port, index) =>
      startNatsServer({
        extraConfig: `server_name: ${serverName(index)}\ncluster { name: copies, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
      }),
    ),
  );
  const [first] = servers;
  if (first === undefined) throw new RangeError('a cluster has a server');
  const all = async (what: (server: NatsServer) => Promise<void>): Promise<void> => {
    await Promise.all(servers.map(what));
  };
  return {
    servers,
    url: servers.map(({ url }) => url).join(','),
    port: first.port,
    storeDir: first.storeDir,
    get pid() {
      return first.pid;
    },
    kill: () => all((server) => server.kill()),
    start: () => all((server) => server.start()),
    wipeStore: () => all((server) => server.wipeStore()),
    stop: () => all((server) => server.stop()),
  };
}
