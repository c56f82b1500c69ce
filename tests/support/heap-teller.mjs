/**
 * Loaded before a process (`--import`, with `--expose-gc`), it collects all garbage on SIGUSR2 and writes what is left to
 * the file `<MESH_TEST_HEAP>.<pid>`, as JSON: what a process holds, and not what it has not tidied up yet.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('SIGUSR2', () => {
    globalThis.gc();
    const path = `${process.env.MESH_TEST_HEAP}.${process.pid}`;
    writeFileSync(`${path}.new`, JSON.stringify(process.memoryUsage()));
    renameSync(`${path}.new`, path);
  });
}
