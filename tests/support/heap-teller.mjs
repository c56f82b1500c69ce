/**
 * Loaded before a process (`--import`, with `--expose-gc`), it collects all garbage on SIGUSR2 and writes what is left to
 * the file `<MESH_TEST_HEAP>.<pid>`, as JSON: what a process holds, and not what it has not tidied up yet.
 *
 * One collection does not tell that: the bytes of buffers that it finds dead still count afterwards, tens of megabytes in a
 * process that has just read a lot, and are given back by a later one. So it collects until that frees nothing more.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const COLLECTIONS_MAX = 20;
/** What comes and goes by itself, bytes. */
const NOTHING = 100_000;

function heldNow() {
  let least = Number.POSITIVE_INFINITY;
  for (let times = 1; ; times++) {
    globalThis.gc();
    const usage = process.memoryUsage();
    const held = usage.heapUsed + usage.external;
    if (times > 2 && (held > least - NOTHING || times === COLLECTIONS_MAX)) return usage;
    least = Math.min(least, held);
  }
}

if (isMainThread) {
  process.on('SIGUSR2', () => {
    const path = `${process.env.MESH_TEST_HEAP}.${process.pid}`;
    writeFileSync(`${path}.new`, JSON.stringify(heldNow()));
    renameSync(`${path}.new`, path);
  });
}
