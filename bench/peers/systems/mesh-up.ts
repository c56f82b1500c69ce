/**
 * The whole product: everything that `mesh up` starts, in a copy of this checkout that has one more role and workflow.
 * Owns: that copy. Does not own: the product.
 */
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { projectRoot } from '../../../config/settings.ts';
import { findNatsServer } from '../../../tests/support/nats-server.ts';
import { STEPS } from '../job.ts';
import { listening } from '../processes.ts';
import { WORKFLOW } from '../programs/mesh-up.ts';
import type { Place, System } from '../system.ts';

/** Not part of the product, or a user's own: the copy runs with the settings below and no others. */
const LEFT_OUT = ['node_modules', '.mesh', '.git', 'artifacts', 'coverage', '.env', 'mcp.json'];
const STEP_TIMEOUT_MS = 60_000;
/** One process makes all calls of a window; the limits of one caller are not what is measured. */
const LIMITS = { MESH_GATEWAY_CALLS_PER_SECOND: '100000', MESH_GATEWAY_CALLS_AT_ONCE: '1000' };

const checkout = (installDir: string): string => join(installDir, 'checkout');

/** The role of bench/peers/roles, found by the product among its own. */
function addRole(root: string): void {
  const folder = join(root, 'actors', 'roles', 'echo');
  mkdirSync(folder);
  for (const file of ['machine.ts', 'effects.ts']) {
    writeFileSync(join(folder, file), `export * from '../../../bench/peers/roles/echo/${file}';\n`);
  }
}

function addWorkflow(root: string): void {
  const step = (number: number) => ({ step: `echo-${number}`, role: 'echo', timeoutMs: STEP_TIMEOUT_MS });
  const steps = Array.from({ length: STEPS }, (_, index) => step(index + 1));
  const workflow = { name: WORKFLOW, description: 'Five steps that do nothing.', steps };
  writeFileSync(join(root, 'actors', 'workflows', `${WORKFLOW}.json`), JSON.stringify(workflow));
}

async function environment({ dataDir, port, env }: Place): Promise<Record<string, string>> {
  return {
    ...env,
    ...LIMITS,
    MESH_HOME: join(dataDir, 'home'),
    MESH_NATS_SERVER: findNatsServer(),
    MESH_NATS_PORT: String(await port('nats')),
    MESH_GRPC_PORT: String(await port('grpc')),
    MESH_HTTP_PORT: String(await port('http')),
    MESH_DASHBOARD_PORT: String(await port('dashboard')),
  };
}

export const meshUp: System = {
  inProcess: false,
  prepare(installDir) {
    const root = checkout(installDir);
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root, { recursive: true });
    // One by one: where MESH_HOME lies in the checkout, a copy of the whole would hold itself.
    const inside = relative(projectRoot, root).split(sep)[0] ?? '';
    for (const name of readdirSync(projectRoot).filter((one) => ![...LEFT_OUT, inside].includes(one))) {
      cpSync(join(projectRoot, name), join(root, name), { recursive: true });
    }
    symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
    addRole(root);
    addWorkflow(root);
  },
  async start(place) {
    const cwd = checkout(place.installDir);
    const env = await environment(place);
    await place.processes.start('engine', [process.execPath, join(cwd, 'cli', 'main.ts'), 'up'], { cwd, env });
    await listening(await place.port('grpc'));
  },
  callers: async ({ port }) => ({
    program: join(import.meta.dirname, '..', 'programs', 'mesh-up.ts'),
    address: `127.0.0.1:${await port('grpc')}`,
  }),
};
