/**
 * Runs the commands of the documents as they are written, block by block, on a mesh of its own:
 *
 *   node tests/docs/commands.ts [DOCUMENT…] [--long] [--network]
 *
 * Owns: the mesh, what an example's names stand for, and the verdict. Does not own: finding the commands (`blocks.ts`), what
 * is not run (`not-run.ts`), or the shell (`block-script.ts`).
 *
 * What is changed before a command runs: ports of a mesh become those of this one, `/backups` a folder of its own, and ids of
 * examples that of a task that ran. It runs among processes of its own alone (a namespace of process ids, on Linux), since
 * documents kill by a program's name. Exit code 1 when a command failed; each that was not run is told with the reason.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scriptOptions } from '../../cli/script-options.ts';
import { exitWhenWritten } from '../../cli/written.ts';
import { projectRoot } from '../../config/settings.ts';
import { freePort } from '../support/nats-server.ts';
import { endedOf, scriptOf, type Written } from './block-script.ts';
import { allBlocks, type DocBlock, type DocCommand } from './blocks.ts';
import { type Flag, reasonOf } from './not-run.ts';

const COMMAND_LIMIT_S = 180;
const LONG_LIMIT_S = 3600;
const OUTPUT_BYTES_MAX = 256 * 1024;
/** Exit code of `mesh run` when no model wrote the answer. */
const LESSER_ANSWER = 4;
/** Of `timeout`: a command that follows what happens is ended by it, and that is right. */
const TIMED_OUT = 124;
const FOLLOWS = /nats sub 'mesh\.events|MeshService\/Watch/;
const FOLLOWED_S = 4;
const KILLS_BY_NAME = /\bpgrep\b/;
const PROGRAMS = ['nats', 'grpcurl', 'jq', 'curl', 'kubectl', 'openssl', 'pip', 'go', 'zstd'];
/** What this process sets for itself when it begins again among processes of its own. */
const APART = 'MESH_DOCS_APART';
/** Pages whose commands are called in a folder that `mesh init` made. */
const IN_OWN_FOLDER = /^sdk\/template\//;

/** The same command among processes of its own; its exit code, or null where the system has no such thing. */
function ranApart(): number | null {
  const apart = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const user = ['--user', '--map-root-user'];
  const able = [apart, [...apart, ...user]].find(
    ([program = '', ...args]) => spawnSync(program, [...args, 'true']).status === 0,
  );
  if (able === undefined) return null;
  const [program = '', ...args] = able;
  // The shell is the first process there, and takes in those that lose their parents.
  const shell = ['sh', '-c', '"$@"; exit $?', 'sh', process.execPath, import.meta.filename, ...process.argv.slice(2)];
  const env = { ...process.env, [APART]: '1' };
  return spawnSync(program, [...args, ...shell], { stdio: 'inherit', env }).status ?? 1;
}

const { values, positionals: wanted } = await scriptOptions({
  allowPositionals: true,
  options: { long: { type: 'boolean', default: false }, network: { type: 'boolean', default: false } },
});
const flags: Flag[] = [...(values.long ? ['--long' as const] : []), ...(values.network ? ['--network' as const] : [])];
const isApart = process.env[APART] === '1';
const code = isApart ? null : ranApart();
if (code !== null) process.exit(code);

const home = mkdtempSync(join(tmpdir(), 'mesh-docs-'));
const own = join(home, 'my-mesh');
const ports = { 4222: await freePort(), 7443: await freePort(), 7444: await freePort(), 7445: await freePort() };
const env: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${join(home, 'python', 'bin')}:${process.env.PATH}`,
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
const leftovers = ['signing-key.pem', 'trail.json', 'stubs']
  .map((name) => join(projectRoot, name))
  .filter((path) => !existsSync(path));

/** What a page's examples name, as it is on this mesh. */
function asHere(text: string, task: string): string {
  let here = text
    .replaceAll('.mesh/', `${home}/mesh/`)
    .replaceAll('/backups/', `${home}/backups/`)
    .replaceAll('mesh-2026-11-29.tar.gz', `mesh-$(date +%F).tar.gz`)
    .replaceAll('/tmp/identities', `${home}/identities`)
    .replaceAll(/\b(F\.tsv|B\.json)\b/g, `${home}/$1`)
    .replaceAll(/\b6f1c2d3e\b/g, task.slice(0, 8))
    .replaceAll(/ ID(?=\s|$)/g, ` ${task}`)
    .replaceAll('"…"', '"What is a ledger?"');
  for (const [shown, given] of Object.entries(ports)) here = here.replaceAll(`:${shown}`, `:${given}`);
  return here;
}

/** By a file: a command that looks for processes by their words would find those of `bash -c`. */
async function shell(text: string, limitS: number, more: NodeJS.ProcessEnv = {}, cwd = projectRoot): Promise<string> {
  const script = join(home, 'block.sh');
  writeFileSync(script, text);
  const limited = ['--signal=INT', '--kill-after=5', String(limitS), 'bash', script];
  const child = spawn('timeout', limited, { cwd, env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => {
      said = (said + piece).slice(-OUTPUT_BYTES_MAX);
    });
  await once(child, 'close');
  return said;
}

const isInstalled = (program: string): boolean => spawnSync('which', [program], { stdio: 'ignore' }).status === 0;
const missing = PROGRAMS.filter((program) => !isInstalled(program));

function reasonAgainst(command: DocCommand): string | null {
  const listed = reasonOf(command, flags);
  if (listed !== null) {
    const { why, instead, flag } = listed;
    return `${why}${instead === undefined ? '' : ` (${instead})`}${flag === undefined ? '' : `; ${flag} runs it`}`;
  }
  if (KILLS_BY_NAME.test(command.text) && !isApart)
    return 'kills by the name of a program: every mesh of this machine would be hit, and this system keeps no processes apart';
  const absent = missing.find((program) => new RegExp(`(?:^|[|;&]\\s*)${program}\\b`, 'm').test(command.text));
  return absent === undefined ? null : `${absent} is not installed here`;
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const failures: string[] = [];
const counted = { ran: 0, not: 0 };
/** Told to end: the block under way is the last one, and the mesh goes down. */
let isEnding = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    isEnding = true;
  });

function tell(mark: string, { page, line, text }: DocCommand, more: string): void {
  say(`  ${mark} ${page}:${line} ${text.split('\n')[0]}${more === '' ? '' : `\n      ${more}`}`);
}

async function runBlock({ page, commands }: DocBlock, task: string): Promise<void> {
  const written: Written[] = [];
  for (const command of commands) {
    const reason = reasonAgainst(command);
    if (reason !== null) {
      counted.not += 1;
      tell('–', command, reason);
      continue;
    }
    const text = asHere(command.text, task);
    written.push({ command, text, ...(FOLLOWS.test(text) ? { limitS: FOLLOWED_S } : {}) });
  }
  if (written.length === 0) return;
  const limitS = values.long ? LONG_LIMIT_S : COMMAND_LIMIT_S * written.length;
  const inOwn = IN_OWN_FOLDER.test(page);
  const output = await shell(
    scriptOf(written),
    limitS,
    { TASK: task, SEQ: '1', P: '0', ...(inOwn ? { MESH_HOME: '' } : {}) },
    inOwn ? own : projectRoot,
  );
  for (const { command, code: ended, said } of endedOf(written, output)) {
    counted.ran += 1;
    const isRight =
      ended === 0 ||
      (ended === LESSER_ANSWER && /mesh run/.test(command.text)) ||
      (ended === TIMED_OUT && FOLLOWS.test(command.text));
    const told = said.trim().split('\n').slice(-6).join('\n      ');
    tell(
      isRight ? '✓' : '✗',
      command,
      isRight ? '' : `${ended === null ? 'did not end' : `exit code ${ended}`}: ${told}`,
    );
    if (!isRight) failures.push(`${command.page}:${command.line}`);
  }
}

/** What pages take for granted: folders, files of one's own, and, with a network, a Python that may be installed into. */
async function prepare(): Promise<void> {
  mkdirSync(join(home, 'backups'), { recursive: true });
  mkdirSync(join(home, 'projects', 'shop'), { recursive: true });
  writeFileSync(join(home, 'projects', 'shop', 'README.md'), '# Shop\n\nOrders are paid before they are sent.\n');
  copyFileSync(join(projectRoot, 'router/samples/calibration.tsv'), join(home, 'F.tsv'));
  if (values.network) execFileSync('python3', ['-m', 'venv', join(home, 'python')]);
  await shell(`./mesh init ${own}`, COMMAND_LIMIT_S);
}

async function runAll(): Promise<void> {
  await prepare();
  await shell('./mesh up --detach', COMMAND_LIMIT_S);
  const said = await shell('./mesh run --json "What is a ledger?"', COMMAND_LIMIT_S);
  const task = /"taskId": ?"([0-9a-f-]{36})"/.exec(said)?.[1] ?? '';
  if (task === '') throw new Error(`no task ran: ${said}`);
  let page = '';
  for (const block of allBlocks().filter(({ page: name }) => wanted.length === 0 || wanted.includes(name))) {
    if (isEnding) throw new Error('told to end before all commands were run');
    // A page may leave the mesh down; the next one is read with one that runs, but for one whose mesh is its own.
    if (page !== block.page)
      await shell(IN_OWN_FOLDER.test(block.page) ? './mesh down' : './mesh up --detach', COMMAND_LIMIT_S);
    page = block.page;
    await runBlock(block, task);
  }
}

const changesOf = (): string[] =>
  execFileSync('git', ['status', '--porcelain'], { cwd: projectRoot, encoding: 'utf8' }).split('\n');
const before = changesOf();

try {
  await runAll();
} finally {
  await shell('./mesh down', COMMAND_LIMIT_S);
  for (const path of leftovers) rmSync(path, { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
}
// A command that ran without the ones before it may write where it should not.
for (const change of changesOf().filter((one) => !before.includes(one))) {
  failures.push(`the checkout (${change})`);
  say(`  ✗ a command has left this in the checkout: ${change}`);
}
say(
  `${counted.ran} commands were run, ${failures.length} failed${failures.length > 0 ? `: ${failures.join(', ')}` : ''}; ${counted.not} were not run, each with its reason`,
);
await exitWhenWritten(failures.length > 0 ? 1 : 0);
