/** Where the dashboard is. Owns: its address from the settings. Does not own: whether somebody answers there. */
import type { Settings } from '../config/settings.ts';

export function dashboardUrl({ MESH_DASHBOARD_HOST: host, MESH_DASHBOARD_PORT: port }: Settings): string {
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = everywhere ? '127.0.0.1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
