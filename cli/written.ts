/**
 * The end of a program whose output may be long. Owns: waiting until everything that was printed is with its reader. Does
 * not own: what is printed.
 *
 * Writes to a pipe are queued in the process; `process.exit` drops what is queued, which is all beyond the pipe's buffer.
 * So a program that ends itself waits for the queue first, for as long as the reader likes to take.
 */

/** Resolves when the reader has, or the system keeps for it, all that was written so far; also when the reader went away. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) return resolve();
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}

/** Ends this process once its output is written. */
export async function exitWhenWritten(code: number): Promise<never> {
  await Promise.all([process.stdout, process.stderr].map(written));
  process.exit(code);
}
