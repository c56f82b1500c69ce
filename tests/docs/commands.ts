/**
 * Runs the commands of the documents as they are written, page by page, on a mesh of its own: `node tests/docs/commands.ts`,
 * or `node tests/docs/commands.ts docs/operations.md`. Owns: the mesh, what an example's ids stand for, and the verdict.
 * Does not own: finding the commands (`blocks.ts`).
 *
 * What is changed before a command runs: ports of a mesh become those of this one, `/backups` a folder of its own, and ids of
 * examples that of a task that ran. What cannot run here is listed with its reason. Exit code 1 when a command failed.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitWhenWritten } from '../../cli/written.ts';
import { projectRoot } from '../../config/settings.ts';
import { freePort } from '../support/nats-server.ts';
import { allCommands, type DocCommand, elsewhere } from './blocks.ts';

const COMMAND_LIMIT_S = 180;
/** Exit code of `mesh run` when no model wrote the answer. */
const LESSER_ANSWER = 4;
/** Of `timeout`: a command that follows what happens is ended by it, and that is right. */
const TIMED_OUT = 124;
const FOLLOWS = /nats sub 'mesh\.events|MeshService\/Watch/;
const FOLLOWED_S = 4;

const home = mkdtempSync(join(tmpdir(), 'mesh-docs-'));
const ports = { 4222: await freePort(), 7443: await freePort(), 7444: await freePort(), 7445: await freePort() };
const env: NodeJS.ProcessEnv = {
  ...process.env,
  MESH_HOME: join(home, 'mesh'),
  HOME: home,
  XDG_CONFIG_HOME: join(home, 'config'),
  MESH_NATS_PORT: String(ports[4222]),
  MESH_GRPC_PORT: String(ports[7443]),
  MESH_HTTP_PORT: String(ports[7444]),
  MESH_DASHBOARD_PORT: String(ports[7445]),
  NO_COLOR: '1',
  BROWSER: 'true',
  // What the pages name as needed for a command.
  TOOLS_WORKSPACE: projectRoot,
};
/** What commands leave in the folder that they are called in. */
const leftovers = ['signing-key.pem', 'trail.json']
  .map((name) => join(projectRoot, name))
  .filter((path) => !existsSync(path));

/** What a page's examples name, as it is on this mesh. */
function asHere(text: string, task: string): string {
  let here = text
    .replaceAll('.mesh/', `${home}/mesh/`)
    .replaceAll('/backups/', `${home}/backups/`)
    .replaceAll('mesh-2026-11-29.tar.gz', `mesh-$(date +%F).tar.gz`)
    .replaceAll('/tmp/identities', `${home}/identities`)
    .replaceAll(/\b6f1c2d3e\b/g, task.slice(0, 8))
    .replaceAll(/ ID(?=\s|$)/g, ` ${task}`)
    .replaceAll('"…"', '"What is a ledger?"');
  for (const [shown, own] of Object.entries(ports)) here = here.replaceAll(`:${shown}`, `:${own}`);
  return here;
}

async function shell(text: string, more: NodeJS.ProcessEnv, limitS = COMMAND_LIMIT_S) {
  const limited = ['--signal=INT', '--kill-after=5', String(limitS), 'bash', '-c', text];
  const child = spawn('timeout', limited, {
    cwd: projectRoot,
    env: { ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => {
      said = (said + piece).slice(-4000);
    });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

const installed = (program: string): boolean => {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const missing = ['nats', 'grpcurl', 'jq', 'curl', 'kubectl'].filter((program) => !installed(program));

function reasonAgainst(command: DocCommand): string | null {
  const absent = missing.find((program) => new RegExp(`(?:^|[|;&]\\s*)${program}\\b`, 'm').test(command.text));
  return elsewhere(command) ?? (absent === undefined ? null : `${absent} is not installed here`);
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const wanted = process.argv.slice(2);
const commands = allCommands().filter(({ page }) => wanted.length === 0 || wanted.includes(page));
const failures: string[] = [];
/** Told to end: the command under way is the last one, and the mesh goes down. */
let isEnding = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    isEnding = true;
  });
let ran = 0;

async function runAll(): Promise<void> {
  mkdirSync(join(home, 'backups'), { recursive: true });
  await shell('./mesh up --detach', {});
  const { said } = await shell('./mesh run --json "What is a ledger?"', {});
  const task = /"taskId": ?"([0-9a-f-]{36})"/.exec(said)?.[1] ?? '';
  if (task === '') throw new Error(`no task ran: ${said}`);
  const P = '0';
  let page = '';
  for (const command of commands) {
    if (isEnding) throw new Error('told to end before all commands were run');
    // A page may leave the mesh down; the next one is read with one that runs.
    if (page !== command.page) await shell('./mesh up --detach', {});
    page = command.page;
    const where = `${command.page}:${command.line}`;
    const reason = reasonAgainst(command);
    if (reason !== null) {
      say(`  – ${where} ${command.text.split('\n')[0]}\n      ${reason}`);
      continue;
    }
    const text = asHere(command.text.replace(/&\s*$/, ''), task);
    const follows = FOLLOWS.test(text);
    const { code, said: output } = await shell(
      text,
      { TASK: task, SEQ: '1', P },
      follows ? FOLLOWED_S : COMMAND_LIMIT_S,
    );
    ran += 1;
    const isRight = code === 0 || (code === LESSER_ANSWER && /mesh run/.test(text)) || (follows && code === TIMED_OUT);
    say(`${isRight ? '  ✓' : '  ✗'} ${where} ${command.text.split('\n')[0]}`);
    if (isRight) continue;
    failures.push(where);
    say(`      exit code ${code}: ${output.trim().split('\n').slice(-6).join('\n      ')}`);
  }
}

try {
  await runAll();
} finally {
  await shell('./mesh down', {});
  for (const path of leftovers) rmSync(path, { force: true });
  rmSync(home, { recursive: true, force: true });
}
say(
  `${ran} of ${commands.length} commands were run, ${failures.length} failed${failures.length > 0 ? `: ${failures.join(', ')}` : ''}`,
);
await exitWhenWritten(failures.length > 0 ? 1 : 0);
