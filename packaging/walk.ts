/**
 * Walks through the first part of docs/your-own.md as a new user does, with the packed tarball: its files are written, its
 * commands are run, as they stand there. Owns: reading the page, and judging the end. Does not own: the page.
 *
 *   node packaging/walk.ts             without a network: npx unpacks the tarball itself (installed.ts)
 *   node packaging/walk.ts --network   with npm's own npx, which fetches the dependencies
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pack, root } from './build.ts';
import { offlineNpx } from './installed.ts';

const PAGE = 'docs/your-own.md';
const SECTION = '## In ten minutes';
const LIMIT_MS = 600_000;

interface Block {
  readonly language: string;
  readonly text: string;
}

function blocksOf(page: string): Block[] {
  const section = page.split(SECTION)[1]?.split('\n## ')[0];
  if (section === undefined) throw new Error(`${PAGE} has no part ${SECTION}`);
  return [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
}

/** One script: a file is written where its first line names it, commands stand as they are. */
function scriptOf(blocks: readonly Block[]): string {
  const parts = blocks.map(({ language, text }, at) => {
    if (language === 'sh') return text;
    const path = /^(?:\/\/|<!--) (\S+)/.exec(text)?.[1];
    if (path === undefined) throw new Error(`${PAGE}: a ${language} block names no file in its first line`);
    return `cat > ${path} <<'END_OF_BLOCK_${at}'\n${text}END_OF_BLOCK_${at}\n`;
  });
  return `set -e\n${parts.join('\n')}`;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((ready) => server.once('listening', ready))));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port is free');
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

async function environment(folder: string, network: boolean): Promise<NodeJS.ProcessEnv> {
  const [nats, grpc, http, dashboard] = await freePorts(4);
  const settings = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:MESH|NATS|LLM|OPENAI|OLLAMA)_/.test(name)),
  );
  return {
    ...settings,
    ...(process.env.MESH_NATS_SERVER === undefined ? {} : { MESH_NATS_SERVER: process.env.MESH_NATS_SERVER }),
    MESH_NATS_PORT: String(nats),
    MESH_GRPC_PORT: String(grpc),
    MESH_HTTP_PORT: String(http),
    MESH_DASHBOARD_PORT: String(dashboard),
    // A person says yes to npx' question whether it may fetch the package; nobody can here.
    ...(network ? { npm_config_yes: 'true' } : { PATH: `${offlineNpx(join(folder, 'tools'))}:${process.env.PATH}` }),
  };
}

function run(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => {
        output += data.toString();
        process.stdout.write(data);
      });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Why the walk has failed, or null. */
function judged(code: number, output: string): string | null {
  if (code !== 0) return `a command ended with ${code}`;
  const wanted = ['0 failed', 'stamped: Dear mesh', 'stamped 1 times'];
  const missing = wanted.find((text) => !output.includes(text));
  return missing === undefined ? null : `nothing said "${missing}"`;
}

const network = process.argv.includes('--network');
const tarball = pack();
const folder = mkdtempSync(join(tmpdir(), 'mesh-walk-'));
copyFileSync(tarball, join(folder, basename(tarball)));
const script = scriptOf(blocksOf(readFileSync(join(root, PAGE), 'utf8')));
writeFileSync(join(folder, 'walk.sh'), script);
const env = await environment(folder, network);
const beganMs = Date.now();
const { code, output } = await run(script, folder, env);
const problem = judged(code, output);
if (problem !== null) await run('cd my-mesh && npx mesh down || true', folder, env);
const seconds = Math.round((Date.now() - beganMs) / 1000);
console.log(problem === null ? `the walk took ${seconds} s` : `the walk failed after ${seconds} s: ${problem}`);
if (problem === null) rmSync(folder, { recursive: true, force: true });
process.exitCode = problem === null ? 0 : 1;
