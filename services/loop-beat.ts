/**
 * Tells a supervisor on this machine that the event loop of this process turns. Owns: the beat on the pipe that the
 * supervisor named. Does not own: judging it (`cli/supervisor/managed-process.ts`), or the heartbeat in the registry,
 * which depends on the log server and is for everybody.
 *
 * A loop that hangs, and a process that is stopped, beat no more; a broker that is away changes nothing.
 */
import { Socket } from 'node:net';

const BEAT_EVERY_MS = 1000;
/** A supervisor that does not read is owed no more beats than this. */
const UNREAD_MAX = 16;

/** @param fd number of the pipe, as the supervisor says in MESH_BEAT_FD; without one nobody listens */
export function beatToSupervisor(fd: string | undefined): void {
  if (fd === undefined || !/^\d+$/.test(fd)) return;
  const pipe = new Socket({ fd: Number(fd), readable: false, writable: true });
  // That the supervisor is gone is heard at the end of standard input.
  pipe.on('error', () => pipe.destroy()).unref();
  const beat = (): void => {
    if (!pipe.destroyed && pipe.writableLength < UNREAD_MAX) pipe.write('.');
  };
  beat();
  setInterval(beat, BEAT_EVERY_MS).unref();
}
