/**
 * Opens files that do not exist yet in several threads at the same moment. Owns that moment, and what was thrown.
 *
 * Threads of one process meet closer than processes do; to SQLite they are the same, each with a connection of its own.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

const THREADS = 3;

const program = (open: string) => `
  const { parentPort, workerData } = require('node:worker_threads');
  const { module, paths, gate } = workerData;
  import(module).then((opener) => {
    const arrived = new Int32Array(gate);
    const errors = [];
    for (const [index, path] of paths.entries()) {
      Atomics.add(arrived, 0, 1);
      while (Atomics.load(arrived, 0) < (index + 1) * ${THREADS});
      try {
        (${open}).close();
      } catch (error) {
        errors.push(String(error));
      }
    }
    parentPort.postMessage(errors);
  });
`;

/**
 * @param module address of the module that opens
 * @param open an expression in `opener`, the module, and `path`, that gives what has a `close`
 * @returns what was thrown, of all threads
 */
export async function openAtOnce(module: string, open: string, folder: string, files: number): Promise<string[]> {
  const paths = Array.from({ length: files }, (_, index) => join(folder, `${index}.db`));
  const workerData = { module, paths, gate: new SharedArrayBuffer(4) };
  const threads = Array.from({ length: THREADS }, () => new Worker(program(open), { eval: true, workerData }));
  const errors = threads.map(
    (thread) =>
      new Promise<string[]>((resolve, reject) => {
        thread.once('message', resolve);
        thread.once('error', reject);
      }),
  );
  return (await Promise.all(errors)).flat();
}
