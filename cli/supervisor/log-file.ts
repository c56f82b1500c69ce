/**
 * The log file of a service. Owns: rotation by size and what happens when it cannot be written. Does not own: the form
 * of a line. A full disk costs log lines, never the service: the gap is counted and written down once there is room. What
 * is filed is clean as what is printed: people read it with `cat`.
 */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { cleanLine } from '../clean-text.ts';
import { fileProblem } from '../errors.ts';

/** Three files of this size are kept for each service. */
const LOG_BYTES_MAX = 5 * 1024 * 1024;
const OLDER_KEPT = 2;

export interface LogFile {
  readonly path: string;
  /** After the closing it does nothing: the last words of a process may come late. */
  write(line: string): void;
  close(): void;
}

/** Opens for appending; the folder must exist. @param bytesMax replaced by tests */
export function openLogFile(path: string, bytesMax: number = LOG_BYTES_MAX): LogFile {
  let fd = openSync(path, 'a');
  let size = fstatSync(fd).size;
  let lost = 0;
  let closed = false;

  const rotate = (): void => {
    for (let age = OLDER_KEPT - 1; age >= 0; age--) {
      const from = age === 0 ? path : `${path}.${age}`;
      try {
        renameSync(from, `${path}.${age + 1}`);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      }
    }
    closeSync(fd);
    fd = openSync(path, 'a');
    size = 0;
  };

  const append = (line: string): void => {
    const bytes = Buffer.from(`${cleanLine(line)}\n`);
    if (size > 0 && size + bytes.byteLength > bytesMax) rotate();
    writeSync(fd, bytes);
    size += bytes.byteLength;
  };

  return {
    path,
    write(line) {
      if (closed) return;
      try {
        if (lost > 0)
          append(JSON.stringify({ level: 'warn', msg: `${lost} lines before this one could not be written` }));
        lost = 0;
        append(line);
      } catch (error) {
        if (fileProblem(error) === null) throw error;
        lost++;
      }
    },
    close() {
      if (!closed) closeSync(fd);
      closed = true;
    },
  };
}
