/**
 * What a start loads: packages that a file reaches by imports alone, without those that are loaded when they are wanted
 * (`import()`). Half of a start is reading and running modules, and one import too many is not seen by anything else.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';

/** `import type` is no import; braces with types alone are one. */
const IMPORT = /^(?:import|export)\s+(?!type\s)(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;

function packagesOf(root: string): string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(IMPORT)) {
      if (name.endsWith('.ts') && name.startsWith('.')) visit(join(dirname(path), name));
      else if (isPackage(name)) found.add(packageOf(name));
    }
  };
  visit(join(projectRoot, root));
  return [...found].sort();
}

/** Of Node's own modules only the one that loads a package with it: `guards/lean-http.ts` says which. */
function isPackage(name: string): boolean {
  return name === 'node:http' || !(name.startsWith('.') || name.startsWith('node:'));
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}

const log = ['@nats-io/jetstream', '@nats-io/kv', 'nats'];
const events = ['ajv', 'ajv-formats'];

test.each([
  ['cli/main.ts', ['commander', 'zod']],
  // What `mesh up --detach` only sends to the background is not loaded by it.
  ['cli/commands/up.ts', ['commander', 'zod']],
  ['cli/supervise-here.ts', ['better-sqlite3', 'jsonc-parser', 'zod']],
  ['cli/commands/run.ts', [...log, ...events, 'better-sqlite3', 'commander', 'zod']],
  ['services/main.ts', [...events, 'cockatiel', 'pino', 'zod']],
  ['dashboard/server/http.ts', ['ipaddr.js']],
  ['services/actors.ts', [...events, 'better-sqlite3', 'jsonc-parser', 'xstate', 'zod']],
  // It asks whether a language can run; the compiler is loaded by who compiles, in a process of its own.
  ['actors/roles/reviewer/effects.ts', ['cockatiel', 'xstate']],
  // What reads documents is loaded in a worker.
  ['services/adapters/knowledge.ts', ['better-sqlite3', 'ignore', 'stemmer', 'zod']],
  ['bus/nats-bus.ts', log],
])('%s loads these packages, and no others', (root, packages) => {
  expect(packagesOf(root)).toEqual(packages.toSorted());
});
