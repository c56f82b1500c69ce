/**
 * Starts and ends the process under measurement. Owns: the child process. Does not own: what it does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Bench {
  readonly pid: number;
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

export async function startBenchHost(
  url: string,
  ledger: string,
  env: Record<string, string>,
  commit = 'group',
): Promise<Bench> {
  const flags = process.env.BENCH_NODE_FLAGS?.split(' ') ?? [];
  const child = spawn(process.execPath, [...flags, join(import.meta.dirname, 'host.ts'), url, ledger, commit], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the bench host ended with ${code} before it was ready`)));
    lines.on('line', (line) => {
      if (line.includes('"msg":"ready"')) resolve();
      else if (!line.includes('"level":"info"')) process.stderr.write(`${line}\n`);
    });
  });
  return {
    pid: child.pid ?? 0,
    async kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
  };
}
