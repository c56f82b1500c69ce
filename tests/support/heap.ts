/**
 * What a process holds in memory once its garbage is collected. Owns: the environment that makes it tell, and asking. Does
 * not own: what the process does (`heap-teller.mjs` is loaded into it).
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Environment } from './service-process.ts';

const ASK_LIMIT_MS = 90_000;
const LOOK_EVERY_MS = 20;
const teller = pathToFileURL(join(import.meta.dirname, 'heap-teller.mjs')).href;

export interface Heaps {
  /** Of every process that is to be asked. */
  readonly env: Environment;
  /** Of objects and of buffers, MiB. */
  heldMb(pid: number): Promise<number>;
  close(): void;
}

export function openHeaps(): Heaps {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-heap-'));
  const path = join(folder, 'heap');
  return {
    env: { NODE_OPTIONS: `--expose-gc --import ${teller}`, MESH_TEST_HEAP: path },
    async heldMb(pid) {
      const answer = `${path}.${pid}`;
      rmSync(answer, { force: true });
      process.kill(pid, 'SIGUSR2');
      const until = performance.now() + ASK_LIMIT_MS;
      for (;;) {
        const told = read(answer);
        if (told !== null) return (told.heapUsed + told.external) / 1024 / 1024;
        if (performance.now() > until) throw new Error(`process ${pid} does not say what it holds`);
        await sleep(LOOK_EVERY_MS);
      }
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function read(path: string): NodeJS.MemoryUsage | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as NodeJS.MemoryUsage;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
