#!/usr/bin/env node
/**
 * The `mesh` command of an installed package. Owns: a word about a Node that is too old, before anything is loaded that it
 * could not read. Does not own: any command (`main.ts`); in a checkout `./mesh` stands in its place, and fetches Node.
 */
import module from 'node:module';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `mesh: Node.js 22.18 or newer is needed, and this is ${process.versions.node}: see https://nodejs.org\n`,
  );
  process.exitCode = 3;
} else {
  // Half of a process' start-up is reading its own sources; what was read once is kept.
  module.enableCompileCache?.();
  // So that hints can name the command as it is called from here.
  process.env.AGENT_MESH_LAUNCHER = import.meta.filename;
  await import('./main.ts');
}
