/** The mesh's core: a nats-server and the real host with the orchestrator and an echo role (bench/host.ts). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findNatsServer } from '../../../tests/support/nats-server.ts';
import { listening } from '../processes.ts';
import type { Place, System } from '../system.ts';

/** As `mesh up` sets it. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

async function url({ port }: Place): Promise<string> {
  return `nats://127.0.0.1:${await port('nats')}`;
}

export const mesh: System = {
  inProcess: false,
  async start(place) {
    const { dataDir, processes, env } = place;
    const config = join(dataDir, 'nats.conf');
    const store = JSON.stringify(join(dataDir, 'nats'));
    const listen = JSON.stringify((await url(place)).slice('nats://'.length));
    writeFileSync(config, `listen: ${listen}\nmax_payload: ${MAX_PAYLOAD_BYTES}\njetstream { store_dir: ${store} }\n`);
    await processes.start('engine', [findNatsServer(), '-c', config]);
    await listening(await place.port('nats'));
    const host = join(import.meta.dirname, '..', '..', 'host.ts');
    await processes.start('worker', [process.execPath, host, await url(place), join(dataDir, 'ledger.db')], {
      env: { ...env, BENCH_ROLES: join(import.meta.dirname, '..', 'roles') },
      ready: '"msg":"ready"',
    });
  },
  callers: async (place) => ({
    program: join(import.meta.dirname, '..', 'programs', 'mesh.ts'),
    address: await url(place),
  }),
};
