/**
 * Mastra with its LibSQL store, in the process of the callers (programs/mastra.mjs). Owns: making it as durable as the
 * others.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { System } from '../system.ts';
import { inProcess } from './in-process.ts';

const SHIPPED = /synchronous(\s*=\s*)NORMAL/g;
const WANTED = /synchronous\s*=\s*FULL/;

export const mastra: System = {
  ...inProcess('mastra.mjs'),
  /** The package has no option for it: its text is changed. @throws when the text is not there */
  prepare(installDir) {
    const folder = join(installDir, 'node_modules', '@mastra', 'libsql', 'dist');
    const files = readdirSync(folder).filter((name) => /\.c?js$/.test(name));
    let durable = 0;
    for (const path of files.map((name) => join(folder, name))) {
      const text = readFileSync(path, 'utf8');
      const changed = text.replaceAll(SHIPPED, 'synchronous$1FULL');
      if (changed !== text) writeFileSync(path, changed);
      if (WANTED.test(changed)) durable += 1;
    }
    if (durable === 0)
      throw new Error('@mastra/libsql sets no `synchronous` any more: look how it is made durable now');
  },
};
