/**
 * The dashboard as a service: pages that show the mesh and let one act on it. Owns: where it listens and to whom. Does not
 * own: the process (`run-service.ts`), or what the pages are answered from (`dashboard-room.ts`), which is loaded when
 * somebody looks.
 */
import { existsSync } from 'node:fs';
import { type Settings, SettingsError } from '../config/settings.ts';
import { pagesPath, serveDashboard } from '../dashboard/server/http.ts';
import { isLoopback } from '../guards/web-page.ts';
import type { OpenRoom } from './dashboard-room.ts';
import { once } from './once.ts';
import type { RunningService, StartService } from './service-life.ts';

function checkExposure({ MESH_DASHBOARD_HOST: host, MESH_DASHBOARD_TOKEN: token }: Settings): void {
  if (isLoopback(host) || token !== undefined) return;
  throw new SettingsError(
    `MESH_DASHBOARD_HOST=${host} is reached from other machines: set MESH_DASHBOARD_TOKEN, or serve on 127.0.0.1`,
  );
}

function listenProblem(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error ? Reflect.get(error, 'code') : null;
  if (code === 'EADDRINUSE')
    return new SettingsError(`port ${port} is taken by another program; set MESH_DASHBOARD_PORT to a free one`);
  if (code === 'EADDRNOTAVAIL') return new SettingsError(`MESH_DASHBOARD_HOST=${host} is no address of this machine`);
  return error;
}

export const startDashboard: StartService = async (context): Promise<RunningService> => {
  const { settings, log } = context;
  checkExposure(settings);
  if (!existsSync(pagesPath)) log.warn({ path: pagesPath }, 'the pages of the dashboard are not built');
  await context.connect();
  const opened: OpenRoom[] = [];
  const room = once(async () => {
    const { openRoom } = await import('./dashboard-room.ts');
    const one = await openRoom(context);
    opened.push(one);
    return one;
  });
  const { MESH_DASHBOARD_HOST: host, MESH_DASHBOARD_PORT: port, MESH_DASHBOARD_TOKEN: token = null } = settings;
  const anyUser = settings.MESH_LOOPBACK_USERS === 'any';
  const server = await serveDashboard({ host, port, token, anyUser, room }).catch((error: unknown) => {
    throw listenProblem(error, host, port);
  });
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
  return {
    roles: [],
    parts: [{ status: () => ({ capabilities: [`dashboard:${url}`] }) }],
    stats: () => null,
    begin: () => Promise.resolve({ url }),
    async stop() {
      await server.close();
      for (const one of opened) await one.close();
    },
  };
};
