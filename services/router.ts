/**
 * The router service: weighs queries for routers elsewhere (ROUTER_URL names it). Owns: building the engine. Does not
 * own: the engine, the server, or the process. It needs no log of the mesh.
 */
import { serveRouter } from '../router/service.ts';
import { loadRouting, routerEngine } from './adapters/router.ts';
import type { StartService } from './service-life.ts';

export const startRouter: StartService = async ({ settings, log }) => {
  const { options } = await loadRouting(settings);
  const engine = routerEngine({ ...settings, ROUTER_URL: undefined }, options, log);
  const { ROUTER_SERVICE_HOST: host, ROUTER_SERVICE_PORT: port } = settings;
  const server = await serveRouter({ engine, host, port });
  return {
    roles: [],
    parts: [],
    stats: () => null,
    begin: () => Promise.resolve({ address: `${host}:${server.port}`, engine: engine.name }),
    stop: () => server.close(),
  };
};
