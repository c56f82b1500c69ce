/**
 * Entry point of the router service: `node services/router.ts`. Owns: reading the settings, and its end. Does not own: the
 * engine or the server. The mesh uses it when ROUTER_URL names it.
 */

import { loadEnvFile, readSettings, SettingsError } from '../config/settings.ts';
import { serveRouter } from '../router/service.ts';
import { createLog } from '../telemetry/log.ts';
import { loadRouting, routerEngine } from './adapters/router.ts';

async function run(): Promise<void> {
  loadEnvFile();
  const settings = { ...readSettings(), ROUTER_URL: undefined };
  const log = createLog('router', settings.MESH_LOG_LEVEL);
  const { options } = await loadRouting();
  const engine = routerEngine(settings, options, log);
  const { ROUTER_SERVICE_HOST: host, ROUTER_SERVICE_PORT: port } = settings;
  const server = await serveRouter({ engine, host, port });
  const end = (): void => {
    void server.close().then(() => process.exit(0));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
  if (process.env.MESH_SUPERVISED === '1') process.stdin.on('end', end).resume();
  log.info({ host, port: server.port, engine: engine.name }, 'ready');
}

try {
  await run();
} catch (error) {
  createLog('router', 'error').error({}, error instanceof Error ? error.message : String(error));
  process.exit(error instanceof SettingsError ? 2 : 1);
}
