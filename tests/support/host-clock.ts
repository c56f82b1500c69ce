/**
 * A wall clock of a service's process that a test sets. Owns: the file that says by how much it is off. Does not own: the
 * shifting (`shifted-clock.mjs`, loaded into the process).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from './service-process.ts';

export class HostClock {
  readonly #file: string;

  constructor(folder: string, name: string) {
    this.#file = join(folder, `${name}.clock`);
    this.set(0);
  }

  /** For the processes that have this clock. */
  get env(): Environment {
    const preload = join(import.meta.dirname, 'shifted-clock.mjs');
    return { MESH_TEST_CLOCK: this.#file, NODE_OPTIONS: `--import=${preload}` };
  }

  /** Ahead of the true time when positive, milliseconds; a running process follows within moments. */
  set(offsetMs: number): void {
    writeFileSync(this.#file, String(offsetMs));
  }
}
