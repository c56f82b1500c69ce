/**
 * An upgrade with tasks in flight, and the way back: `node tests/upgrade/main.ts OLD [NEW]`, two checkouts with their
 * dependencies; NEW is this one when it is not named. Owns: the course, and judging it. Does not own: either release.
 *
 * A mesh of OLD begins tasks that wait for a person and is stopped; NEW goes on with its store, the person answers there, and
 * the tasks complete. NEW begins further ones, and OLD goes on with its store in turn. Exit code 1 when either way fails; each
 * is told by itself.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../support/nats-server.ts';

const here = join(import.meta.dirname, '..', '..');
const TASKS = 3;

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly output: string;
}

async function settings(home: string): Promise<NodeJS.ProcessEnv> {
  const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const [nats, grpc, http, dashboard] = ports.map(String);
  return {
    ...process.env,
    ...{
      MESH_HOME: home,
      MESH_NATS_PORT: nats,
      MESH_GRPC_PORT: grpc,
      MESH_HTTP_PORT: http,
      MESH_DASHBOARD_PORT: dashboard,
    },
    ...{ MESH_WORKFLOWS: join(here, 'tests', 'fixtures', 'workflows'), NO_COLOR: '1' },
  };
}

function mesh(checkout: string, env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ran> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(checkout, 'cli', 'main.ts'), ...args], { cwd: checkout, env });
    let stdout = '';
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
      output += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      output += data.toString();
    });
    child.once('error', failed);
    child.once('close', (code) => done({ code, stdout, output }));
  });
}

/** Submits the task; said again under its id it is the same task, as it is now. */
function ask(checkout: string, env: NodeJS.ProcessEnv, id: string) {
  return mesh(checkout, env, 'run', '--json', '--workflow', 'asked', '--id', id, 'How does a task survive a crash?');
}

/** One of them begins, the other one goes on. Returns what is wrong, or null. */
async function way(begins: string, goesOn: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  const up = await mesh(begins, env, 'up', '--detach');
  if (up.code !== 0) return `the mesh that begins does not start: ${up.output}`;
  const ids: string[] = [];
  for (let n = 0; n < TASKS; n += 1) {
    const id = crypto.randomUUID();
    const asked = await ask(begins, env, id);
    if (!asked.stdout.includes('input_required')) return `a task does not wait: ${asked.output}`;
    ids.push(id);
  }
  await mesh(begins, env, 'down');
  const next = await mesh(goesOn, env, 'up', '--detach');
  if (next.code !== 0) return `the mesh that goes on does not start: ${next.output}`;
  for (const id of ids) {
    await mesh(goesOn, env, 'respond', id, 'yes');
    const shown = await ask(goesOn, env, id);
    if (!shown.stdout.includes('"status": "completed"')) return `a task does not complete: ${shown.output}`;
  }
  await mesh(goesOn, env, 'down');
  return null;
}

const [, , named, other = here] = process.argv;
if (named === undefined) {
  console.error('usage: node tests/upgrade/main.ts OLD [NEW]');
  process.exit(2);
}
const [old, current] = [resolve(named), resolve(other)];
const version = (checkout: string): string => JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')).version;
const home = mkdtempSync(join(tmpdir(), 'mesh-upgrade-'));
const env = await settings(home);
let isGood = true;
try {
  for (const [what, from, to] of [
    ['upgrade', old, current],
    ['back', current, old],
  ] as const) {
    const problem = await way(from, to, env);
    console.log(
      `${what}, ${version(from)} to ${version(to)}: ${problem === null ? `${TASKS} tasks in flight went on` : `FAILED: ${problem}`}`,
    );
    if (problem === null) continue;
    isGood = false;
    await mesh(to, env, 'down');
    await mesh(from, env, 'down');
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
process.exitCode = isGood ? 0 : 1;
