/**
 * What tools may reach, from the settings. Owns: reading the lists. Does not own: the tools.
 */
import type { Settings } from '../../config/settings.ts';
import type { RolePorts } from '../roles/ports.ts';
import type { Part } from './part.ts';

export function toolsPart(settings: Settings): Part<RolePorts['tools']> {
  const allowHosts = (settings.TOOLS_ALLOW_HOSTS ?? '')
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '');
  return { port: { allowHosts }, status: () => ({}) };
}
