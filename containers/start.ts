/**
 * Entry point of a service in a container: `node containers/start.ts <service>`. Owns: giving the process the caps of
 * the table (heap, thread pool), as the supervisor does on one machine, and becoming that process. Does not own: starting
 * it again, which the container's keeper does.
 */

import { nodeArgs, serviceEnv } from '../cli/supervisor/services.ts';
import { loadEnvFile, readSettings, SettingsError } from '../config/settings.ts';
import { serviceNamed, services } from '../services/table.ts';

/** Configuration. */
const WRONG_SETTING = 2;

function become(name: string): void {
  const service = serviceNamed(name);
  if (service === null)
    throw new SettingsError(`usage: node containers/start.ts ${services.map((one) => one.name).join('|')}`);
  loadEnvFile();
  const settings = readSettings();
  // Its end is a signal here; at the end of standard input it would end at once.
  const env = { ...process.env, ...serviceEnv(service, settings), MESH_SUPERVISED: '' };
  process.execve?.(process.execPath, [process.execPath, '--enable-source-maps', ...nodeArgs(service, settings)], env);
  throw new Error('this Node cannot replace its process; the images have Node 24');
}

try {
  become(process.argv[2] ?? '');
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = thrown instanceof SettingsError ? WRONG_SETTING : 1;
}
